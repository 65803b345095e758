"""A .csv or .tsv table with columns path and label (`asc.corpus.tables`).

Paths are relative to the folder of the table.
"""

from __future__ import annotations

from pathlib import Path

from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder
from asc.corpus.reader import Reader, register_reader
from asc.corpus.tables import TABLE_ENDINGS, read_table

#: File names that many tables share, so they do not name a corpus.
_USUAL_NAMES = ("manifest", "meta", "metadata", "index", "clips", "labels")


@register_reader
class TableReader(Reader):
    """Reads a table. Its corpus is named after the folder, and the file if needed."""

    name = "table"
    description = "a .csv or .tsv table with columns path and label"
    priority = 20

    def detect(self, path: Path) -> bool:
        """Return True for a .csv or .tsv file."""
        return path.is_file() and path.suffix.lower() in TABLE_ENDINGS

    def read(self, path: Path) -> Corpus:
        """Read the table."""
        name = path.resolve().parent.name
        if path.stem.lower() not in _USUAL_NAMES:
            name = f"{name}-{path.stem}"
        builder = CorpusBuilder(path.parent, self.name, name)
        read_table(path, builder)
        return builder.build()
