"""Reliability diagrams: what is drawn is what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from asc import plots
from asc.errors import UsageError

EDGES = np.linspace(0, 1, 5)
CONFIDENCE = np.array([np.nan, 0.4, 0.6, 0.9])
ACCURACY = np.array([np.nan, 0.5, 0.3, 0.9])


def boxes(axes):
    """(left, bottom, right, top) of every rectangle."""
    return [np.ravel(patch.get_bbox().get_points()) for patch in axes.patches]


def test_bars_reach_the_accuracy_and_gaps_the_confidence():
    (axes,) = plots.reliability_figure(EDGES, CONFIDENCE, ACCURACY).axes
    found = boxes(axes)
    assert len(found) == 6  # of the empty bin there is none
    for place, (bar, gap) in enumerate(zip(found[:3], found[3:], strict=True), 1):
        assert EDGES[place] < bar[0] < bar[2] < EDGES[place + 1]
        assert (bar[1], bar[3]) == (0, ACCURACY[place])
        ends = sorted((CONFIDENCE[place], ACCURACY[place]))
        assert [gap[1], gap[3]] == pytest.approx(ends)
    (diagonal,) = axes.get_lines()
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert axes.get_xlim() == axes.get_ylim() == (0, 1)
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        *("0", "20", "40", "60", "80", "100")
    ]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert set(labels) == {
        *("accuracy", "gap to mean confidence", "perfect calibration")
    }


def test_a_reliability_diagram_without_clips_is_empty():
    nothing = np.full(4, np.nan)
    (axes,) = plots.reliability_figure(EDGES, nothing, nothing).axes
    assert not axes.patches


def test_arrays_of_a_reliability_diagram_fit_each_other():
    with pytest.raises(UsageError, match="5 edges, 3 values"):
        plots.reliability_figure(EDGES, CONFIDENCE[1:], ACCURACY)
