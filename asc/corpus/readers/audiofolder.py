"""Hugging Face's AudioFolder: a folder with metadata.csv and its column file_name.

The table is in the corpus folder, or in each folder that is a part of a split
(``train/metadata.csv``); paths are relative to it. The label is its column label.

References
----------
https://huggingface.co/docs/datasets/audio_dataset
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder
from asc.corpus.parts import parts_of
from asc.corpus.places import names_in
from asc.corpus.reader import Reader, register_reader
from asc.corpus.tables import has_column, read_table

_TABLE, _COLUMN = "metadata.csv", "file_name"


@register_reader
class AudioFolderReader(Reader):
    """Reads a folder as the library ``datasets`` does."""

    name = "audiofolder"
    description = "a Hugging Face folder with metadata.csv and its column file_name"
    priority = 28

    def detect(self, path: Path) -> bool:
        """Return True if there is a table with the column."""
        return bool(_tables(path))

    def read(self, path: Path) -> Corpus:
        """Read the folder."""
        builder = CorpusBuilder(path, self.name)
        tables = _tables(path) or {path / _TABLE: None}
        for table, part in tables.items():
            folder = table.parent.relative_to(path).as_posix()
            prefix = "" if folder == "." else f"{folder}/"
            read_table(table, builder, prefix=prefix, part=part, root=path)
        builder.note_unlisted()
        return builder.build()


def _tables(path: Path) -> Mapping[Path, str | None]:
    """Return the tables, and the part of the given split that each is of."""
    if has_column(path / _TABLE, _COLUMN):
        return {path / _TABLE: None}
    return {
        path / folder / _TABLE: part
        for folder, part in parts_of(names_in(path)).items()
        if has_column(path / folder / _TABLE, _COLUMN)
    }
