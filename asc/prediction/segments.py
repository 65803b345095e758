"""From windows, which may overlap, to segments of one scene each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from asc.prediction.prediction import Prediction


class Segment(NamedTuple):
    """A stretch of a file with one scene.

    Attributes
    ----------
    start, end : float
        In seconds.
    label : int
        Index of the scene.
    confidence : float
        Mean of its probability over the windows.
    """

    start: float
    end: float
    label: int
    confidence: float


def spans(found: Prediction) -> tuple[np.ndarray, np.ndarray]:
    """Return the stretch that each window stands for: start and end (in seconds).

    Where windows overlap, they meet halfway between their centres. So stretches never
    overlap, and together they cover what the windows cover.
    """
    start, end = found.start.copy(), found.end.copy()
    overlap = start[1:] < end[:-1]
    centres = (found.start + found.end) / 2
    middle = (centres[1:] + centres[:-1]) / 2
    start[1:][overlap] = end[:-1][overlap] = middle[overlap]
    return start, end


def segments(found: Prediction, min_confidence: float = 0.0) -> Iterator[Segment]:
    """Yield the segments of a file in order.

    Neighbouring windows of one scene are one segment. Windows whose scene has a lower
    probability than `min_confidence` are left out.
    """
    starts, ends = spans(found)
    labels, confidence = found.labels, found.confidence
    first = 0
    for number in range(1, len(labels) + 1):
        if number < len(labels) and (
            labels[number] == labels[first]
            and starts[number] <= ends[number - 1]
            and (confidence[number] >= min_confidence)
            == (confidence[first] >= min_confidence)
        ):
            continue
        if confidence[first] >= min_confidence:
            yield Segment(
                float(starts[first]),
                float(ends[number - 1]),
                int(labels[first]),
                float(confidence[first:number].mean()),
            )
        first = number
