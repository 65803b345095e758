"""Where a clip lies in its recording, and whether its neighbours are in train.

A recording in train and in test leaks most where clips touch: a sound at the end of
one goes on at the start of the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

#: TUT: recording_START_END in seconds.
_SPAN = re.compile(r".+_(\d{1,9})_(\d{1,9})\.\w+")
#: TAU: scene-city-location-segment-device. Devices recorded at the same time.
_SEGMENT = re.compile(r"[^-]+-[^-]+-\d+-(\d{1,9})-\w+\.\w+")


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
    length = spans.max() + 2
    line = spans + (recording * length)[:, None]
    train, test_known = train[known[train]], test[known[test]]
    if not len(train):
        return 0.0
    train = train[line[train, 0].argsort()]
    reached = np.maximum.accumulate(line[train, 1])
    # Of the clips that begin before the end, does one reach up to the start?
    before = np.searchsorted(line[train, 0], line[test_known, 1], "right") - 1
    touches = (before >= 0) & (reached[before] >= line[test_known, 0])
    return float(touches.sum() / len(test))
