"""What the tests of pictures draw: names of scenes, hostile names, panels."""

from __future__ import annotations

import numpy as np

from asc import plots
from asc.features import Drawing

SCENES = (
    "beach bus cafe/restaurant car city_center forest_path grocery_store home library"
    " metro_station office park residential_area train tram"
).split()

#: Names that could be read as formulas, as markup or backwards, or take all the room.
HOSTILE = (
    "$\\frac{1}{",
    "<script>alert(1)</script>",
    "x_" * 100,
    "$x^2$ & \\LaTeX % #",
    "\u5730\u9244 \U0001f600 \u202egnp.exe",
)
DECIBELS = "Level (dB re full scale)"


def panel(values, title="Mel", value_label=DECIBELS, *, seconds=2.0, **drawing):
    """A panel of values [shape=(rows, columns)]."""
    return plots.Panel(values, Drawing(title, value_label, **drawing), seconds)


def noise(low=-90.0, high=0.0, *args, rows=8, **drawing):
    """A panel of values between two limits."""
    values = np.random.default_rng(0).uniform(low, high, (rows, 6))
    return panel(values, *args, **drawing)
