"""A folder with one folder of audio for each scene.

The name of the first folder below the corpus folder is the label; audio may
lie deeper. Such a corpus names no recordings, so leakage cannot be told: use a
table to give them.
"""

from __future__ import annotations

import os
from pathlib import Path

from asc.corpus.base import AUDIO_ENDINGS, Corpus, CorpusBuilder


def detect(path: Path) -> bool:
    """Return True for any folder: this reader is the last one asked."""
    return path.is_dir()


def read(path: Path) -> Corpus:
    """Read a folder of scene folders."""
    builder = CorpusBuilder(path, "folder")

    def unreadable(error: OSError) -> None:
        builder.reject(str(error.filename), f"cannot be read ({error.strerror}).")

    loose = 0
    for folder, folders, files in os.walk(path, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(folder).relative_to(path)
        for name in folders:
            if (Path(folder) / name).is_symlink():
                builder.reject(
                    (inside / name).as_posix(),
                    "is a link to a folder, and these are not followed.",
                )
        for file in sorted(files):
            if not file.lower().endswith(AUDIO_ENDINGS) or file.startswith("."):
                continue
            if not inside.parts:
                loose += 1
                continue
            clip_path = (inside / file).as_posix()
            if clip_path != clip_path.strip() or "\\" in clip_path:
                # Read as metadata, such a path means another file.
                builder.reject(clip_path, "a backslash or outer space is in its path.")
                continue
            builder.add(clip_path, clip_path, inside.parts[0], None)
    if loose:
        builder.notes.append(
            f"{loose} audio files directly in {path} have no scene folder and are"
            " left out."
        )
    return builder.build()
