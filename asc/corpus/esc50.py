"""ESC-50 and ESC-10 (Piczak 2015) as distributed.

A corpus folder has ``meta/esc50.csv`` (filename, fold, target, category,
esc10, src_file, take) and ``audio/``. Clips of one Freesound source share
``src_file``, the leakage group; the five official folds keep sources apart.

References
----------
Piczak. "ESC: Dataset for environmental sound classification." ACM MM 2015.
"""

from __future__ import annotations

from pathlib import Path

from asc.corpus.base import Corpus, CorpusBuilder
from asc.corpus.table import read_table

_TABLE = Path("meta") / "esc50.csv"


def detect(path: Path) -> bool:
    """Return True if the folder looks like ESC-50."""
    return (path / _TABLE).is_file()


def read(path: Path) -> Corpus:
    """Read an ESC-50 folder."""
    return read_table(path / _TABLE, CorpusBuilder(path, "esc50"), prefix="audio/")
