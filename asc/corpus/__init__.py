"""Audio on disk: clips, scenes, recordings, official folds and splits.

Splits are imported on first use: they need NumPy, and the command line lists the
readers for its help.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from asc.corpus.base import Clip, Corpus, Fold, Problem
from asc.corpus.builder import CorpusBuilder, read_lines
from asc.corpus.reader import READERS, Reader, open_corpus, register_reader

if TYPE_CHECKING:
    from asc.corpus.leakage import Split
    from asc.corpus.splits import make_splits

__all__ = [
    "READERS",
    "Clip",
    "Corpus",
    "CorpusBuilder",
    "Fold",
    "Problem",
    "Reader",
    "Split",
    "make_splits",
    "open_corpus",
    "read_lines",
    "register_reader",
]

_SPLITS = {"Split": "asc.corpus.leakage", "make_splits": "asc.corpus.splits"}


def __getattr__(name: str) -> Any:
    if name not in _SPLITS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_SPLITS[name]), name)
