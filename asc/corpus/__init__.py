"""Audio on disk: clips, scenes, recordings, official folds and splits."""

from asc.corpus.base import Clip, Corpus, Fold, Problem
from asc.corpus.leakage import PARTS, Split
from asc.corpus.readers import READERS, open_corpus
from asc.corpus.splits import make_splits

__all__ = [
    "PARTS",
    "READERS",
    "Clip",
    "Corpus",
    "Fold",
    "Problem",
    "Split",
    "make_splits",
    "open_corpus",
]
