"""Clips that are there more than once: equal files, or rows with equal digests."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from asc.corpus.base import Corpus


def equal_files(
    corpus: Corpus, *, progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return the group of equal clips that each clip is in, as `equal_rows` does.

    Clips are equal if their files are, and their places in them. Files of the same size
    are read, which takes as long as copying them. One that cannot be read equals no
    other.

    Parameters
    ----------
    corpus : Corpus
    progress : callable(done, total), optional
        Called with files that were read.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, clip in enumerate(corpus.clips):
        rows_of[clip.file].append(row)
    paths = {file: corpus.root / file for file in rows_of}
    sizes = {k: path.stat().st_size for k, path in paths.items() if path.is_file()}
    frequent = Counter(sizes.values())
    read = [file for file, size in sizes.items() if frequent[size] > 1]

    def digest(name: str) -> bytes:
        try:
            with open(paths[name], "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return b""

    digests = np.zeros((len(corpus.clips), 32), np.uint8)
    readable = np.zeros(len(corpus.clips), bool)
    with ThreadPoolExecutor() as pool:
        for done, (file, found) in enumerate(zip(read, pool.map(digest, read)), 1):
            for row in rows_of[file] if found else ():
                place = corpus.clips[row].path.removeprefix(file).encode()
                whole = hashlib.sha256(found + place).digest() if place else found
                digests[row], readable[row] = np.frombuffer(whole, np.uint8), True
            if progress is not None:
                progress(done, len(read))
    return equal_rows(digests, np.flatnonzero(readable))


def equal_rows(digests: np.ndarray, finished: np.ndarray) -> np.ndarray:
    """Return the group of equal clips that each clip is in.

    Parameters
    ----------
    digests : np.ndarray [shape=(clips, bytes)], uint8
        Of the files, or of a feature of each row.
    finished : np.ndarray of int
        The rows that have a digest.

    Returns
    -------
    np.ndarray [shape=(clips,)], int64
        -1 for clips that equal no other. All clips of digital silence are equal.
    """
    group = np.full(len(digests), -1)
    if len(finished) < len(digests):
        digests = digests[finished]
    words = np.ascontiguousarray(digests).view("<u8")
    # The first word decides in nearly all cases; sorting it alone is fast.
    order = words[:, 0].argsort()
    first = words[order, 0]
    same = np.append(first[1:] == first[:-1], False)
    if not same.any():
        return group
    begun = np.flatnonzero(same)
    if (words[order[begun]] != words[order[begun + 1]]).any():
        order = np.lexsort(words.T)
        same = np.append((words[order[1:]] == words[order[:-1]]).all(axis=1), False)
    # In a run of equal rows, all but the first follow an equal one.
    follows = np.append(False, same[:-1])
    group[finished[order]] = np.where(same | follows, np.cumsum(~follows), -1)
    return group
