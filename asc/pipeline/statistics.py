"""Mean and variance of each row band, from the train part alone."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from asc.store import FeatureStore, open_store

#: Clips read at a time.
_BLOCK = 64


@dataclass(frozen=True)
class Statistics:
    """Mean and variance of every row band, in the units of the store.

    Attributes
    ----------
    mean, variance : np.ndarray [shape=(rows,)], float64
    clips : int
        Number of clips that they were computed from.
    """

    mean: np.ndarray
    variance: np.ndarray
    clips: int


def row_statistics(
    store: FeatureStore | str | os.PathLike[str], feature: str, rows: np.ndarray
) -> Statistics:
    """Return the statistics of a feature over some clips.

    Parameters
    ----------
    store : FeatureStore or path
    feature : str
    rows : np.ndarray [shape=(clips,)]
        The train part of a split: statistics of other parts would leak.

    Notes
    -----
    Memory does not grow with the number of clips. Blocks are summed in single
    precision, where sums of codes are exact, and added in double precision. An integer
    near the mean is subtracted first: rounding would otherwise destroy the variance of
    nearly constant levels.

    Examples
    --------
    >>> store = asc.FeatureStore("store.h5")
    >>> statistics = asc.row_statistics(store, "mel", store.split("fold1").train)
    >>> statistics.mean.shape, statistics.variance.shape
    ((16,), (16,))
    """
    data = open_store(store).row_reader(feature)
    bands = data.shape[1]
    total, squares = np.zeros(bands), np.zeros(bands)
    first = data[rows[:1]][0].astype(np.float32)
    near = np.rint(first.reshape(bands, -1).mean(axis=1, keepdims=True))
    for start in range(0, len(rows), _BLOCK):
        # Ascending rows, so that a disk is read in one direction.
        block = data[np.sort(rows[start : start + _BLOCK])].astype(np.float32)
        block = block.reshape(len(block), bands, -1)
        block -= near
        total += block.sum(axis=2, dtype=np.float32).sum(axis=0, dtype=np.float64)
        squares += np.einsum("nbc,nbc->nb", block, block).sum(axis=0, dtype=np.float64)
    values = len(rows) * first.size // bands
    mean = total / values
    variance = np.maximum(squares / values - mean**2, 0.0)
    return Statistics(mean + near[:, 0], variance, len(rows))
