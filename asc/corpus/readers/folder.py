"""A folder with one folder of audio for each scene.

The name of the first folder below the corpus folder is the label; audio may
lie deeper. Such a corpus names no recordings, so leakage is unknown: use a table
to name them.
"""

from __future__ import annotations

import os
from pathlib import Path

from asc.corpus.base import Corpus
from asc.corpus.builder import AUDIO_ENDINGS, CorpusBuilder
from asc.corpus.reader import Reader, register_reader


@register_reader
class FolderReader(Reader):
    """Reads a folder of scene folders."""

    name = "folder"
    description = "a folder with one folder of audio for each scene"
    priority = 0  # the last one, as it takes any folder

    def detect(self, path: Path) -> bool:
        """Return True for any folder."""
        return path.is_dir()

    def read(self, path: Path) -> Corpus:
        """Read the folder."""
        builder = CorpusBuilder(path, self.name)

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
                        "is a link to a folder. Links are not followed.",
                    )
            for file in sorted(files):
                if not file.lower().endswith(AUDIO_ENDINGS) or file.startswith("."):
                    continue
                if not inside.parts:
                    loose += 1
                    continue
                clip_path = (inside / file).as_posix()
                if clip_path != clip_path.strip() or "\\" in clip_path:
                    # In metadata, such a path would name another file.
                    builder.reject(
                        clip_path, "its path has a backslash, or a space at an end."
                    )
                    continue
                builder.add(clip_path, clip_path, inside.parts[0], None)
        if loose:
            builder.notes.append(
                f"{loose} audio files directly in {path} have no scene folder and are"
                " left out."
            )
        return builder.build()
