"""Confusion matrices: counts, shares and names that fit."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import SCENES

from asc import plots
from asc.errors import UsageError


def annotations(figure):
    """Texts in the cells: {(row, column): [text, ...]}."""
    from matplotlib.text import Annotation

    found: dict = {}
    for note in figure.axes[0].findobj(Annotation):
        column, row = note.xy
        found.setdefault((row, column), []).append(note.get_text())
    return found


def test_confusion_shows_counts_and_shares():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 3, (15, 15)) + 200 * np.eye(15, dtype=int)
    figure = plots.confusion_figure(counts, SCENES, title="accuracy 81.2 %")
    axes = figure.axes[0]
    found = annotations(figure)
    assert set(found) == {(row, column) for row, column in np.argwhere(counts)}
    for (row, column), (count, share) in found.items():
        assert int(count) == counts[row, column]
        percent = 100 * counts[row, column] / counts[row].sum()
        assert share == "<1%" if percent < 0.5 else float(share[:-1]) == round(percent)
    shares = counts / counts.sum(axis=1, keepdims=True)
    correct, wrong = (image.get_array() for image in axes.images)
    np.testing.assert_allclose(correct.compressed(), np.diagonal(shares))
    assert wrong.mask.tolist() == ((counts == 0) | np.eye(15, dtype=bool)).tolist()
    np.testing.assert_allclose(wrong.compressed(), shares[~wrong.mask])
    assert [label.get_text() for label in axes.get_yticklabels()] == SCENES
    assert [label.get_text() for label in axes.get_xticklabels()] == SCENES
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("True scene", "Predicted scene")
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first scene is on top
    assert "accuracy 81.2 %" in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("count", [1, 2, 15, 50, 90, 260])
def test_nothing_of_a_confusion_matrix_is_cut_off(count):
    names = [f"W{number:03}_residential_area" for number in range(count)]
    title = "accuracy 81.2 % (95 % CI 77.1-85.0), split fold1, leakage 0 %"
    counts = np.eye(count, dtype=int) * 9
    figure = plots.confusion_figure(counts, names, title=title)
    figure.canvas.draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert max(width, height) < 20
    assert len(annotations(figure)) == (count if count <= 60 else 0)
    labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    for upper, lower in zip(labels, labels[1:], strict=False):
        assert upper.y0 >= lower.y1 - 2


def test_a_scene_without_clips_is_an_empty_row():
    figure = plots.confusion_figure(np.array([[0, 0], [1, 3]]), ["a", "b"])
    assert annotations(figure) == {(1, 0): ["1", "25%"], (1, 1): ["3", "75%"]}


@pytest.mark.parametrize(
    "counts", [np.eye(3), np.zeros((2, 3)), np.zeros(2), [[1, -1], [0, 1]]]
)
def test_confusions_that_cannot_be_drawn(counts):
    with pytest.raises(UsageError, match="confusion"):
        plots.confusion_figure(counts, ["a", "b"])


def test_errors_are_drawn_in_another_colour():
    figure = plots.confusion_figure(np.array([[3, 1], [0, 4]]), ["a", "b"])
    correct, wrong = figure.axes[0].images
    assert correct.cmap(1.0)[:3] != wrong.cmap(1.0)[:3]
    # Cells let light and dark paper through.
    assert correct.cmap(0.0)[3] < 0.2 and correct.cmap(1.0)[3] == 1
    ticks = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert ticks == ["correct", "wrong"]


def test_hostile_titles_stay_inside():
    figure = plots.confusion_figure(np.eye(2), ["a", "b"], title="long words " * 99)
    assert figure.get_tightbbox().y1 <= figure.get_size_inches()[1]
