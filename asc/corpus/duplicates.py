"""Audio files that are in a corpus more than once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from asc.corpus.base import Corpus


def equal_files(
    corpus: Corpus, *, progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return the number of the group of equal files that each clip is in.

    Files of the same size are read, which takes as long as copying them.

    Parameters
    ----------
    corpus : Corpus
    progress : callable(done, total), optional
        Called with files that were read.

    Returns
    -------
    np.ndarray [shape=(clips,)], int64
        -1 for files that no other equals, byte by byte, and for those that cannot
        be read.
    """
    files = [corpus.root / clip.path for clip in corpus.clips]
    sizes = [file.stat().st_size if file.is_file() else -1 for file in files]
    frequent = Counter(sizes)
    read = [row for row, size in enumerate(sizes) if size >= 0 and frequent[size] > 1]

    def digest(row: int) -> bytes:
        try:
            with open(files[row], "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return b""

    group = np.full(len(files), -1)
    numbers: dict[bytes, int] = {}
    with ThreadPoolExecutor() as pool:
        for done, (row, found) in enumerate(zip(read, pool.map(digest, read)), 1):
            if found:
                group[row] = numbers.setdefault(found, len(numbers))
            if progress is not None:
                progress(done, len(read))
    counts = np.bincount(group[group >= 0], minlength=1)
    return np.where((group >= 0) & (counts[group] > 1), group, -1)
