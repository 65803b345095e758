"""Forest plot: estimates with their confidence intervals, one below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.plots.style import (
    BLUE,
    INK,
    ORANGE,
    PLAIN,
    SOFT,
    TICK,
    legend_above,
    margins,
    new_figure,
    plain,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _LINE, _NAME = 420, 15, 22
_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (INK, "D"))


def forest_figure(
    names: Sequence[str],
    series: Mapping[str, np.ndarray],
    *,
    x_label: str,
    limits: tuple[float, float] | None = None,
    reference: float | None = None,
) -> Figure:
    """Draw estimates and their intervals: a line for each name and series.

    Parameters
    ----------
    names : sequence of str
        What was measured, such as models, from top to bottom.
    series : mapping of str to np.ndarray [shape=(names, 3)]
        One to three kinds of result by their name, such as two splits: estimate,
        lower and upper limit for each of `names`. NaN where there is none.
    x_label : str
        What the values are, and their unit.
    limits : tuple of float, optional
        Ends of the axis; by default those of the intervals and the reference.
    reference : float, optional
        Value to mark with an upright line, such as no difference.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If the series do not fit the names, or are more than three.
    """
    values = {name: np.asarray(each, float) for name, each in series.items()}
    if not names or not 0 < len(values) <= len(_LOOKS):
        raise UsageError(
            "A forest plot needs names and one to three series. Got"
            f" {len(names)} names and {len(values)} series."
        )
    for name, each in values.items():
        if each.shape != (len(names), 3):
            raise UsageError(
                f"The shape of series {name!r} must be {(len(names), 3)}."
                f" Got {each.shape}."
            )
    line = _NAME + len(values) * _LINE
    space = {"left": 12, "right": 14, "top": 26 if len(values) > 1 else 8, "bottom": 46}
    inner = line * len(names) + 6
    size = (_WIDTH, inner + space["top"] + space["bottom"])
    figure = new_figure(*size)
    figure.subplots_adjust(**margins(*size, **space))
    axes = figure.subplots()
    axes.set_ylim(inner, 0)  # in pixels from the top
    for place, (name, each) in enumerate(values.items()):
        colour, marker = _LOOKS[place]
        down = line * np.arange(len(names)) + _NAME + _LINE * (place + 0.5)
        estimate, low, high = each.T
        known = np.isfinite(each).all(axis=1)
        axes.plot(
            np.stack([low, high, np.full(len(low), np.nan)], axis=1)[known].ravel(),
            np.repeat(down[known], 3),
            color=colour,
            alpha=0.6,
            linewidth=2.5,
            solid_capstyle="butt",
        )
        axes.plot(
            estimate,
            down,
            color=colour,
            linestyle="none",
            marker=marker,
            markersize=6,
            label=plain(name, 40),
        )
    if reference is not None:
        axes.axvline(reference, color=SOFT, linewidth=1, linestyle="--", zorder=1)
    if limits is not None:
        axes.set_xlim(limits)
    axes.set(yticks=[], xlabel=x_label)
    style_axes(axes, grid=True, frame=False)
    axes.spines["left"].set_visible(False)
    for number, name in enumerate(names):
        axes.annotate(
            plain(name, 60),
            (0, line * number + 16),
            xycoords=("axes fraction", "data"),
            fontsize=TICK,
            color=INK,
            **PLAIN,
        )
    if len(values) > 1:
        legend_above(axes)
    return figure
