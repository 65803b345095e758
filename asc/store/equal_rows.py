"""Rows of a store that are equal to the last bit, found by their digests."""

from __future__ import annotations

import numpy as np


def equal_rows(digests: np.ndarray, finished: np.ndarray) -> np.ndarray:
    """Return the number of the group of equal clips that each clip is in.

    Parameters
    ----------
    digests : np.ndarray [shape=(clips, bytes)], uint8
        Digest of a feature of each row.
    finished : np.ndarray of int
        The rows that hold data.

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
