"""The sheet of a batch: every clip under its own label."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import noise

from asc import plots
from asc.errors import UsageError
from asc.features import FeatureSpec, drawing_of
from asc.plots.batch import label_text, vector_text

SCENES = ("beach", "bus", "cafe/restaurant", "$x_1$")


def sheet(labels):
    rng = np.random.default_rng(0)
    labels = np.asarray(labels, np.float32)
    levels = rng.uniform(-90, 0, (len(labels), 8, 6, 1)).astype(np.float32)
    spec = FeatureSpec(44100, 1.0, rows=8, columns=6)
    drawing = drawing_of("mel", spec)
    panels = [plots.Panel(level, drawing, 1.0) for level in levels[..., 0]]
    return levels, plots.batch_sheet(panels, labels, SCENES, title="B")


def test_each_clip_is_drawn_with_its_label(no_mathtext):
    labels = [[0, 1, 0, 0], [0.25, 0, 0.75, 0], [0, 0, 0, 1]]
    levels, figure = sheet(labels)
    *panels, bar = figure.axes
    assert len(panels) == 3
    assert [axes.get_ylabel() for axes in panels] == ["Frequency (Hz)", "", ""]
    assert {axes.get_xlabel() for axes in panels} == {"Time (s)"}
    assert bar.get_ylabel() == "Level (dB re full scale)"
    assert panels[0].get_xlim() == (0, 1)
    texts = [text.get_text() for text in figure.texts]
    assert texts == [
        *("bus", "[0 1 0 0]", "cafe/restaurant 75 %, beach 25 %", "[.25 0 .75 0]"),
        *("$x_1$", "[0 0 0 1]", "B"),
    ]
    for axes, level in zip(panels, levels, strict=True):
        (image,) = axes.get_images()
        np.testing.assert_array_equal(image.get_array(), level[..., 0])
        assert image.get_clim() == figure.axes[0].get_images()[0].get_clim()
    figure.canvas.draw()  # without formulas
    # Labels stand above their own panel, and no text leaves the picture.
    renderer = figure.canvas.get_renderer()
    for text in figure.texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
        assert all(
            not box.overlaps(axes.get_window_extent(renderer)) for axes in figure.axes
        )


def test_large_batches_are_cut():
    _, figure = sheet(np.eye(4)[np.zeros(40, int)])
    assert len(figure.axes) == 16 + 1  # and the scale of colours
    labelled = [bool(axes.get_ylabel()) for axes in figure.axes[:16]]
    assert labelled == [place % 4 == 0 for place in range(16)]
    assert [bool(axes.get_xlabel()) for axes in figure.axes[:16]] == [False] * 12 + [
        True
    ] * 4
    assert figure.texts[-1].get_text() == "B, 16 of 40 clips"


def test_labels_as_text():
    assert label_text(np.array([0.002, 0.998, 0, 0]), SCENES) == "bus"
    assert label_text(np.array([0.3, 0.3, 0.4, 0]), SCENES).startswith("cafe")
    assert vector_text(np.array([0.3, 0.004, 0.696, 0])) == "[.3 0 .7 0]"
    assert vector_text(np.zeros(21)) == ""


@pytest.mark.parametrize("clips, scenes", [(2, 3), (1, 4), (0, 4)])
def test_what_does_not_fit(clips, scenes):
    panels = [noise()] * clips
    with pytest.raises(UsageError, match="shape of labels"):
        plots.batch_sheet(panels, np.zeros((2, scenes)), SCENES)
