"""Reliability diagrams and forest plots: what is drawn is what was measured."""

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
    for place, (bar, gap) in enumerate(zip(found[::2], found[1::2], strict=True), 1):
        assert EDGES[place] < bar[0] < bar[2] < EDGES[place + 1]
        assert (bar[1], bar[3]) == (0, ACCURACY[place])
        assert sorted((CONFIDENCE[place], ACCURACY[place])) == [gap[1], gap[3]]
    (diagonal,) = axes.get_lines()
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert axes.get_xlim() == axes.get_ylim() == (0, 1)
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        *("0", "20", "40", "60", "80", "100")
    ]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[-1] == "perfect calibration" and len(labels) == 3


def test_a_reliability_diagram_without_clips_is_empty():
    nothing = np.full(4, np.nan)
    (axes,) = plots.reliability_figure(EDGES, nothing, nothing).axes
    assert not axes.patches


def test_arrays_of_a_reliability_diagram_fit_each_other():
    with pytest.raises(UsageError, match="5 edges, 3 values"):
        plots.reliability_figure(EDGES, CONFIDENCE[1:], ACCURACY)


SERIES = {
    "random split": np.array([[97.0, 92.0, 100.0], [90.0, 80.0, 95.0]]),
    "recording-disjoint split": np.array([[71.0, 60.0, 80.0], [np.nan] * 3]),
}


def test_estimates_and_intervals_are_drawn():
    (axes,) = plots.forest_figure(
        ["simple-cnn", "resnet50"], SERIES, x_label="Accuracy (%)", limits=(0, 100)
    ).axes
    lines = axes.get_lines()
    for (name, values), reach, marks in zip(
        SERIES.items(), lines[::2], lines[1::2], strict=True
    ):
        known = values[np.isfinite(values[:, 0])]
        ends = reach.get_xdata().reshape(-1, 3)
        assert ends[:, :2].tolist() == known[:, 1:].tolist()
        np.testing.assert_array_equal(marks.get_xdata(), values[:, 0])
        assert marks.get_label() == name
        # Each interval lies in one line with its estimate.
        assert set(reach.get_ydata()) <= set(marks.get_ydata())
    # From top to bottom, and no two in one line.
    downs = np.stack([marks.get_ydata() for marks in lines[1::2]], axis=1).ravel()
    assert (np.diff(downs) > 0).all()
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_xlim() == (0, 100)
    assert [text.get_text() for text in axes.texts] == ["simple-cnn", "resnet50"]


def test_a_reference_is_marked_and_inside():
    values = {"difference": np.array([[5.0, 4.0, 6.0]])}
    (axes,) = plots.forest_figure(["a"], values, x_label="Difference", reference=0).axes
    assert list(axes.get_lines()[-1].get_xdata()) == [0, 0]
    assert axes.get_xlim()[0] < 0 and axes.get_legend() is None


@pytest.mark.parametrize(
    "names, series",
    [
        ([], SERIES),
        (["a", "b"], {}),
        (["a"], SERIES),
        (["a"], {name: np.zeros((1, 3)) for name in "abcd"}),
    ],
)
def test_series_fit_the_names(names, series):
    with pytest.raises(UsageError, match="Got"):
        plots.forest_figure(names, series, x_label="x")


def test_hostile_names_stay_inside(no_mathtext):
    figure = plots.forest_figure(
        ["$x$ " * 99], {"<b>" * 99: np.zeros((1, 3))}, x_label="x"
    )
    figure.canvas.draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.x1 <= width and box.y1 <= height
