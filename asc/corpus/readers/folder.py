"""A folder with one folder of audio for each scene.

The name of the first folder below the corpus folder is the label; audio may
lie deeper. Such a corpus names no recordings, so leakage is unknown: use a table
to name them.
"""

from __future__ import annotations

from pathlib import Path

from asc.corpus.audio_files import find_audio
from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder
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
        found = find_audio(path)
        builder.problems += found.problems
        builder.notes += found.notes()
        loose = 0
        for file in found.paths:
            scene, inside, _ = file.partition("/")
            if not inside:
                loose += 1
            elif file != file.strip() or "\\" in file:
                # In metadata, such a path would name another file.
                builder.reject(file, "its path has a backslash, or a space at an end.")
            else:
                builder.add(file, file, scene, None)
        if loose:
            builder.notes.append(
                f"{loose} audio files directly in {path} have no scene folder and are"
                " left out."
            )
        return builder.build()
