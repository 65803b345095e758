"""Audio on disk: clips, scenes, recordings, official folds and splits."""

from asc.corpus.base import Clip, Corpus, Fold, Problem
from asc.corpus.builder import CorpusBuilder, read_lines
from asc.corpus.leakage import PARTS, Split
from asc.corpus.reader import READERS, Reader, open_corpus, register_reader
from asc.corpus.splits import make_splits

__all__ = [
    "PARTS",
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
