"""ESC-50 and ESC-10 (Piczak 2015) as distributed.

A corpus folder has ``meta/esc50.csv`` (filename, fold, target, category,
esc10, src_file, take) and ``audio/``. Clips of one Freesound source share
``src_file``, the leakage group; the five official folds keep sources apart.

References
----------
Piczak. "ESC: Dataset for environmental sound classification." ACM MM 2015.
"""

from __future__ import annotations

import os
from pathlib import Path

from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder
from asc.corpus.reader import Reader, register_reader
from asc.corpus.tables import read_table

_TABLE = Path("meta") / "esc50.csv"
#: fold-source-take-target
_FILE_NAME = r"\d-(\d+)-[A-Z]+-\d+\.\w+"


@register_reader
class Esc50Reader(Reader):
    """Reads ESC-50, or ESC-10 in its layout."""

    name = "esc50"
    description = "an ESC-50 folder with meta/esc50.csv"
    priority = 30

    def detect(self, path: Path) -> bool:
        """Return True if the table is there."""
        return os.path.lexists(path / _TABLE)

    def read(self, path: Path) -> Corpus:
        """Read the folder."""
        builder = CorpusBuilder(path, self.name)
        read_table(
            path / _TABLE,
            builder,
            prefix="audio/",
            recording_in_name=_FILE_NAME,
            known=("target", "esc10", "take"),
            root=path,
        )
        builder.note_unlisted()
        return builder.build()
