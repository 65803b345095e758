"""A split, and how much of its test part is known from train.

Leakage arithmetic has its only home here:

- `leakage`: of two lists of recordings, which may be of two stores;
- `Origins.split`: of a split whose rows are given;
- `pooled_leakage`: of several tests taken together;
- `equal_in_train`, `similar_in_train`: of clips that are in train themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from asc.corpus.adjacency import adjacent_share, positions

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts.

    Attributes
    ----------
    name : str
    train, validation, test : np.ndarray of int32, ascending
    leakage : float or None
        Share of test clips whose recording is also in train; None if the
        corpus names no recordings.
    adjacent : float or None
        Share of test clips that touch a clip of train in time; None if recordings
        or the clips' positions in them are not known.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    leakage: float | None
    adjacent: float | None = None

    def part(self, name: str) -> np.ndarray:
        """Return the rows of a part."""
        return {part: getattr(self, part) for part in PARTS}[name]


class Origins:
    """The recordings that clips were cut from, to compute leakage with.

    Parameters
    ----------
    recordings : sequence of str [shape=(clips,)]
    paths : sequence of str [shape=(clips,)]
        Positions of clips in their recordings are read from file names
        (`asc.corpus.adjacency.positions`).
    known : bool
        False if the corpus names no recordings: each clip is then its own one, and
        leakage is None.
    """

    def __init__(
        self, recordings: Sequence[str], paths: Sequence[str], known: bool = True
    ) -> None:
        self.recordings = np.array(recordings)
        self.known = known
        self._paths = paths

    @cached_property
    def _spans(self) -> np.ndarray:
        return positions(self._paths)

    def split(
        self, name: str, train: np.ndarray, validation: np.ndarray, test: np.ndarray
    ) -> Split:
        """Return the split with these rows, and its leakage."""
        leak = adjacent = None
        if self.known:
            leak = leakage(self.recordings[train], self.recordings[test])
            adjacent = 0.0  # clips of two recordings never touch
            if leak > 0:
                adjacent = adjacent_share(train, test, self.recordings, self._spans)
        return Split(name, train, validation, test, leak, adjacent)


def leakage(train: ArrayLike, test: ArrayLike) -> float:
    """Return the share of test clips whose recording is also in train.

    Parameters
    ----------
    train, test : array_like of str
        The recording of each clip.

    Returns
    -------
    float in [0, 1]
        0.0 if there are no test clips.
    """
    known = np.isin(test, np.unique(train))
    return float(known.mean()) if known.size else 0.0


def pooled_leakage(
    leakages: Sequence[float | None], clips: Sequence[int]
) -> float | None:
    """Return the leakage of several tests taken together.

    Parameters
    ----------
    leakages : sequence of float or None
        Of each test.
    clips : sequence of int
        Number of clips of each test.

    Returns
    -------
    float in [0, 1] or None
        None if that of one of them is unknown.
    """
    known = [leak for leak in leakages if leak is not None]
    if len(known) < len(leakages):
        return None
    return float(np.average(known, weights=clips))


def equal_in_train(split: Split, groups: np.ndarray) -> int:
    """Return the number of test clips that equal a clip in train.

    Parameters
    ----------
    split : Split
    groups : np.ndarray [shape=(clips,)]
        The group of equal clips that each clip is in, or -1.
    """
    trained = np.zeros(groups.max(initial=0) + 2, bool)
    trained[groups[split.train]] = True
    trained[-1] = False  # no group
    return int(trained[groups[split.test]].sum())


def similar_in_train(split: Split, pairs: Iterable[tuple[int, int]]) -> int:
    """Return the number of test clips with a near-duplicate in train.

    Parameters
    ----------
    split : Split
    pairs : iterable of (int, int)
        Rows of clips that are near-duplicates of each other.
    """
    train, test = set(split.train.tolist()), set(split.test.tolist())
    both_ways = (pair for a, b in pairs for pair in ((a, b), (b, a)))
    return len({row for row, other in both_ways if row in test and other in train})
