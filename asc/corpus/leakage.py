"""A split, and how much of its test part is known from train.

All leakage arithmetic is here: of recordings, of clips that touch in time, and of clips
that are in train themselves. A recording in both parts leaks most where clips touch:
a sound at the end of one continues at the start of the next.

A clip whose recording is not known has its own path in place of the recording's name.
It may be from the recording of any other clip, so leakage that depends on it is not
known: there is only a share that leaks at least.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from asc.corpus.segments import split_segment

PARTS = ("train", "validation", "test")
#: What is known of the test part of a split from train.
OVERLAPS = ("leakage", "leakage_at_least", "adjacent")

#: TUT: recording_START_END in seconds.
_SPAN = re.compile(r".+_(\d{1,9})_(\d{1,9})\.\w+")
#: TAU: scene-city-location-segment-device. Devices recorded at the same time.
_SEGMENT = re.compile(r"[^-]+-[^-]+-\d+-(\d{1,9})-\w+\.\w+")
#: Longer than any file: the end of a segment that goes to the end of its file.
_MOST_SECONDS = 10**8


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts.

    Attributes
    ----------
    name : str
    train, validation, test : np.ndarray of int32, ascending
    leakage : float or None
        Share of test clips whose recording is also in train; None if recordings are
        not known that it depends on.
    leakage_at_least : float
        The share of which that is known. It is `leakage` where that is known.
    adjacent : float or None
        Share of test clips that touch a clip of train in time; None if recordings
        or the clips' positions in them are not known.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    leakage: float | None
    leakage_at_least: float = 0.0
    adjacent: float | None = None

    def part(self, name: str) -> np.ndarray:
        """Return the rows of a part."""
        return {part: getattr(self, part) for part in PARTS}[name]


class Leakage(NamedTuple):
    """The share of test clips whose recording is also in train, as far as it is known.

    Attributes
    ----------
    share : float or None
        None if it depends on recordings that are not known.
    at_least : float
        The share of which it is known. It is `share` where that is known.
    """

    share: float | None
    at_least: float


class Origins:
    """The recordings that clips were cut from, to compute leakage with.

    Parameters
    ----------
    recordings, paths : sequence of str [shape=(clips,)]
        A clip whose recording is its own path has none that is known. Positions of
        clips in their recordings are read from file names.

    Attributes
    ----------
    recordings : np.ndarray of str [shape=(clips,)]
    named : np.ndarray of bool [shape=(clips,)]
        Whether the recording of each clip is known.
    """

    def __init__(
        self,
        recordings: Sequence[str] | np.ndarray,
        paths: Sequence[str] | np.ndarray,
    ) -> None:
        self.recordings = np.array(recordings, dtype=str)
        self.named = self.recordings != np.array(paths, dtype=str)
        self._paths = paths

    @cached_property
    def _spans(self) -> np.ndarray:
        spans = positions(self._paths)
        # Segments lie in their files: in a recording of several, nobody knows where.
        file_of: dict[str, str] = {}
        several = set()
        for recording, path in zip(self.recordings.tolist(), self._paths, strict=True):
            file, span = split_segment(path)
            if span is not None and file_of.setdefault(recording, file) != file:
                several.add(recording)
        spans[np.isin(self.recordings, list(several))] = -1
        return spans

    def leakage(self, train: np.ndarray, test: np.ndarray) -> Leakage:
        """Return the leakage of some rows into others."""
        if not (len(test) or self.named.any()):
            return Leakage(None, 0.0)
        names, named = self.recordings, self.named
        return leakage(names[train], names[test], named[train], named[test])

    def split(
        self, name: str, train: np.ndarray, validation: np.ndarray, test: np.ndarray
    ) -> Split:
        """Return the split with these rows, and its leakage."""
        found = self.leakage(train, test)
        adjacent = 0.0 if found.share == 0 else None  # two recordings never touch
        if found.share:
            adjacent = adjacent_share(train, test, self.recordings, self._spans)
        return Split(name, train, validation, test, *found, adjacent)


def leakage(
    train: ArrayLike,
    test: ArrayLike,
    train_named: ArrayLike = True,
    test_named: ArrayLike = True,
) -> Leakage:
    """Return the share of test clips whose recording is also in train.

    Parameters
    ----------
    train, test : array_like of str
        The recording of each clip; those of two stores, for example. Of a clip whose
        recording is not known, something that only the same clip has.
    train_named, test_named : array_like of bool
        Whether the recording of each clip is known.

    Returns
    -------
    Leakage
        Of 0.0 without clips of one of the two.
    """
    names, seen = np.asarray(train), np.isin(test, np.unique(train))
    if not (seen.size and names.size):
        return Leakage(0.0, 0.0)
    at_least = float(seen.mean())
    # What was not seen may yet be from train, if either of the two is not known.
    unsure = ~seen & (~np.asarray(test_named) | (not np.all(train_named)))
    return Leakage(None if unsure.any() else at_least, at_least)


def pooled_leakage(leakages: Iterable[Leakage], clips: Sequence[int]) -> Leakage:
    """Return the leakage of several tests together; unknown if that of one is.

    Parameters
    ----------
    leakages : iterable of Leakage
    clips : sequence of int
        Number of clips of each test.
    """
    shares, bounds = zip(*leakages)
    at_least = float(np.average(bounds, weights=clips))
    return Leakage(None if None in shares else at_least, at_least)


def positions(paths: Iterable[str]) -> np.ndarray:
    """Return where clips begin and end in their recordings, by their names.

    Parameters
    ----------
    paths : iterable of str
        Such as ``audio/b020_90_100.wav`` (TUT, in seconds),
        ``audio/tram-paris-0-7-a.wav`` (TAU: the segment 7 to 8) or
        ``day.wav#t=0.5,2`` (a segment of a file, here in milliseconds).

    Returns
    -------
    np.ndarray [shape=(clips, 2)], int64
        -1 where a name has no position.
    """
    return np.array([_position(path) for path in paths], np.int64).reshape(-1, 2)


def _position(path: str) -> tuple[int, int]:
    part = split_segment(path)[1]
    if part is not None:
        end = _MOST_SECONDS if part.end is None else part.end
        return round(1000 * part.start), round(1000 * end)
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
        As `positions` returns them.

    Returns
    -------
    float in [0, 1] or None
        None if it depends on positions that are not known; 0.0 without test clips.
    """
    known = spans[:, 0] >= 0
    shared = np.intersect1d(recordings[train], recordings[test])
    train, test_shared = (
        rows[np.isin(recordings[rows], shared)] for rows in (train, test)
    )
    if not (known[train].all() and known[test_shared].all()):
        return None
    if not len(train):
        return 0.0
    _, recording = np.unique(recordings, return_inverse=True)
    # One line on which recordings lie one after the other and never touch.
    line = spans + (recording * (spans.max() + 2))[:, None]
    train = train[line[train, 0].argsort()]
    reached = np.maximum.accumulate(line[train, 1])
    # Of the clips that begin before the end, does one reach up to the start?
    before = np.searchsorted(line[train, 0], line[test_shared, 1], "right") - 1
    touches = (before >= 0) & (reached[before] >= line[test_shared, 0])
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
