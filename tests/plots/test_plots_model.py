"""Pictures of what a model does: curves of ranking, maps of embeddings, Grad-CAM."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import HOSTILE, SCENES, panel

from asc import plots
from asc.errors import UsageError


def test_curves_of_ranking_are_drawn_with_their_areas():
    roc = np.array([0, 0, 1.0]), np.array([0, 0.5, 1])
    precision_recall = np.array([1.0, 0.5, 0]), np.array([0.4, 0.8, 1])
    areas = {"roc_auc": 0.75, "average_precision": 0.6, "prevalence": 0.2}
    left, right = plots.ranking_figure(roc, precision_recall, **areas).axes
    for axes, curve in ((left, roc), (right, precision_recall)):
        chance, line = axes.get_lines()
        np.testing.assert_array_equal(line.get_xdata(), curve[0])
        np.testing.assert_array_equal(line.get_ydata(), curve[1])
    assert list(chance.get_ydata()) == [0.2, 0.2]
    assert "0.750" in left.get_title("left") and "0.600" in right.get_title("left")


def test_a_map_has_every_clip_in_the_colour_of_its_scene():
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(60, 2)), np.arange(60) % 3
    recordings = [f"r{number // 6}" for number in range(60)]
    correct = np.arange(60) >= 4
    figure = plots.embedding_figure(
        points, labels, SCENES[:4], recordings=recordings, correct=correct
    )
    (axes,) = figure.axes
    drawn = [each for each in axes.collections if len(each.get_offsets())]
    found = np.concatenate([each.get_offsets() for each in drawn])
    assert sorted(map(tuple, found)) == sorted(map(tuple, points))
    colours = {tuple(each.get_facecolor()[0]) for each in drawn}
    assert len(colours) == 3
    wrong = [each for each in drawn if each.get_linewidth()[0] > 1]
    assert sum(len(each.get_offsets()) for each in wrong) == 4
    assert [text.get_text() for text in axes.texts] != []
    assert {text.get_text() for text in axes.texts} == set(SCENES[:3])


def test_names_of_a_map_do_not_overlap(no_mathtext):
    points = np.zeros((len(HOSTILE) + 12, 2))
    points[-1] = 1
    names = (*HOSTILE, *SCENES[:12])
    figure = plots.embedding_figure(points, np.arange(len(points)), names)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_a_map_that_does_not_fit():
    with pytest.raises(UsageError, match="Got 3 points, 2 labels"):
        plots.embedding_figure(np.zeros((3, 2)), np.zeros(2, int), SCENES)


def test_heat_is_orange_over_greys():
    values = np.tile(np.linspace(0, 1, 16)[:, None], 6)
    limits = {"Value": (0.0, 1.0)}
    shown = panel(values, value_label="Value")
    cold, hot = (
        plots.clip_figure([shown], limits, heat=np.full((2, 2), heat))
        .axes[0]
        .get_images()[0]
        .get_array()
        for heat in (0.0, 1.0)
    )
    np.testing.assert_allclose(cold, np.repeat(values[..., None], 3, axis=2))
    orange = np.array([0xC4, 0x4E, 0x00]) / 255
    np.testing.assert_allclose(hot, 0.25 * cold + 0.75 * orange, atol=1e-6)
