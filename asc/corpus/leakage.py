"""A split, and how much of its test part is known from train.

All leakage arithmetic is here: of recordings, of clips that touch in time, and of clips
that are in train themselves. A recording in both parts leaks most where clips touch:
a sound at the end of one continues at the start of the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

PARTS = ("train", "validation", "test")

#: TUT: recording_START_END in seconds.
_SPAN = re.compile(r".+_(\d{1,9})_(\d{1,9})\.\w+")
#: TAU: scene-city-location-segment-device. Devices recorded at the same time.
_SEGMENT = re.compile(r"[^-]+-[^-]+-\d+-(\d{1,9})-\w+\.\w+")


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
    recordings, paths : sequence of str [shape=(clips,)]
        Positions of clips in their recordings are read from file names.
    known : bool
        False if the corpus names no recordings: leakage is then None.
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
        The recording of each clip; those of two stores, for example.

    Returns
    -------
    float in [0, 1]
        0.0 without test clips.
    """
    known = np.isin(test, np.unique(train))
    return float(known.mean()) if known.size else 0.0


def pooled_leakage(
    leakages: Sequence[float | None], clips: Sequence[int]
) -> float | None:
    """Return the leakage of several tests together; None if one of them is unknown.

    Parameters
    ----------
    leakages : sequence of float or None
    clips : sequence of int
        Number of clips of each test.
    """
    known = [leak for leak in leakages if leak is not None]
    if len(known) < len(leakages):
        return None
    return float(np.average(known, weights=clips))


def positions(paths: Iterable[str]) -> np.ndarray:
    """Return where clips begin and end in their recordings, by their names.

    Parameters
    ----------
    paths : iterable of str
        Such as ``audio/b020_90_100.wav`` (TUT, in seconds) or
        ``audio/tram-paris-0-7-a.wav`` (TAU: the segment 7 to 8).

    Returns
    -------
    np.ndarray [shape=(clips, 2)], int64
        -1 where a name has no position.
    """
    return np.array([_position(path) for path in paths], np.int64).reshape(-1, 2)


def _position(path: str) -> tuple[int, int]:
    name = path.rpartition("/")[2]
    span = _SPAN.fullmatch(name)
    if span:
        start, end = map(int, span.groups())
        return (start, end) if start < end else (-1, -1)
    segment = _SEGMENT.fullmatch(name)
    return (int(segment[1]), int(segment[1]) + 1) if segment else (-1, -1)


def adjacent_share(
    train: np.ndarray, test: np.ndarray, recordings: np.ndarray, spans: np.ndarray
) -> float | None:
    """Return the share of test clips that touch a clip of train.

    Parameters
    ----------
    train, test : np.ndarray of int
        Rows.
    recordings : np.ndarray of str [shape=(clips,)]
    spans : np.ndarray [shape=(clips, 2)]
        As `positions` returns them. Clips whose position is unknown touch no other.

    Returns
    -------
    float in [0, 1] or None
        None if the position of no test clip is known; 0.0 without test clips.
    """
    if not len(test):
        return 0.0
    known = spans[:, 0] >= 0
    if not known[test].any():
        return None
    _, recording = np.unique(recordings, return_inverse=True)
    # One line on which recordings lie one after the other and never touch.
    line = spans + (recording * (spans.max() + 2))[:, None]
    train, test_known = train[known[train]], test[known[test]]
    if not len(train):
        return 0.0
    train = train[line[train, 0].argsort()]
    reached = np.maximum.accumulate(line[train, 1])
    # Of the clips that begin before the end, does one reach up to the start?
    before = np.searchsorted(line[train, 0], line[test_known, 1], "right") - 1
    touches = (before >= 0) & (reached[before] >= line[test_known, 0])
    return float(touches.sum() / len(test))


def equal_in_train(split: Split, groups: np.ndarray) -> int:
    """Return the number of test clips that equal a clip in train.

    Parameters
    ----------
    split : Split
    groups : np.ndarray [shape=(clips,)]
        The group of equal clips that each clip is in, or -1.
    """
    known = groups[split.train]
    return int(np.isin(groups[split.test], known[known >= 0]).sum())


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
