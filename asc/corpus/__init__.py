"""Audio on disk: clips, scenes, recordings, official folds and splits.

What is imported here needs no NumPy, as the command line lists the readers.
"""

from asc.corpus.base import Clip, Corpus, Fold, Problem
from asc.corpus.builder import CorpusBuilder, read_lines
from asc.corpus.reader import READERS, Reader, open_corpus, register_reader

__all__ = [
    "READERS",
    "Clip",
    "Corpus",
    "CorpusBuilder",
    "Fold",
    "Problem",
    "Reader",
    "open_corpus",
    "read_lines",
    "register_reader",
]
