"""A folder with one folder of audio for each scene.

The name of the scene's folder is the label; audio may lie deeper. Folders that name
the parts of a split (``train/bus``) or folds (``fold1/bus``) are read as such, above
the scenes or below them. Such a corpus names no recordings, so leakage is unknown: use
a table to name them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from asc.corpus.audio_files import AUDIO_ENDINGS, AudioFiles, ending_of
from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder
from asc.corpus.layout import Layout
from asc.corpus.places import names_in
from asc.corpus.reader import Reader, register_reader
from asc.corpus.tables import TABLE_ENDINGS
from asc.errors import InputError
from asc.text import counted, printable


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
        found = builder.find_audio()
        folders = [file.split("/")[:-1] for file in found.paths]
        layout = Layout(folders)
        left_out: Counter[str] = Counter()
        for file, folder in zip(found.paths, folders, strict=True):
            place = layout.place(folder)
            if isinstance(place, str):
                left_out[place] += 1
            elif file != file.strip() or "\\" in file:
                # In metadata, such a path would name another file.
                builder.reject(file, "its path has a backslash, or a space at an end.")
            else:
                part, fold = place.part, place.fold
                builder.add(file, file, place.scene, None, part=part, fold=fold)
        for why, count in left_out.items():
            files = counted(count, "audio file was", "audio files were")
            builder.notes.append(printable(f"{files} left out: {why}."))
        builder.notes += map(printable, layout.notes())
        corpus = builder.build()
        if not corpus.clips and not corpus.problems:
            raise InputError(_why_empty(path, found))
        return corpus


def _why_empty(path: Path, found: AudioFiles) -> str:
    """Return why a folder without a clip is not a corpus, and what to do."""
    if found.paths:
        files = counted(len(found.paths), "audio file", "audio files")
        tables = [name for name in names_in(path) if ending_of(name) in TABLE_ENDINGS]
        return (
            f"{path} holds {files} but no folder for each scene. Sort them into"
            f" {path}/LABEL/, or write a table with columns path and label."
            + (f" If {path / tables[0]} is one, name it." if tables else "")
        )
    notes = " ".join(["", *found.notes()])
    return (
        f"There is no audio in {path}.{notes} Expected a folder for each scene, with"
        f" files that end in {', '.join(AUDIO_ENDINGS[:9])} or other endings of audio."
    )
