"""Reliability diagram: accuracy against confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.own_style
def reliability_figure(
    edges: np.ndarray, confidence: np.ndarray, accuracy: np.ndarray
) -> Figure:
    """Draw the accuracy of the clips in each bin of confidence.

    Parameters
    ----------
    edges : np.ndarray [shape=(bins + 1,)]
        Edges of the bins, from 0 to 1.
    confidence, accuracy : np.ndarray [shape=(bins,)]
        Means over the clips of a bin; NaN where there are none.

    Returns
    -------
    matplotlib.figure.Figure
        Bars of accuracy, the gap to the mean confidence, and perfect calibration as a
        diagonal.

    Raises
    ------
    UsageError
        If the arrays do not fit each other.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger. "On calibration of modern neural networks." ICML
    2017, figure 1.
    """
    from matplotlib.ticker import PercentFormatter

    if not len(confidence) == len(accuracy) == len(edges) - 1:
        raise UsageError(
            f"Got {len(edges)} edges, {len(confidence)} values of confidence and"
            f" {len(accuracy)} of accuracy; expected one edge more than values."
        )
    figure = style.new_figure(420, 330)
    axes = style.add_axes(figure, 54, 28, 352, 258)
    known = np.isfinite(accuracy)
    bins = {
        "x": ((edges[:-1] + edges[1:]) / 2)[known],
        "width": 0.9 * np.diff(edges)[known],
    }
    reached, expected = accuracy[known], confidence[known]
    axes.bar(height=reached, color=style.BLUE, alpha=0.6, label="accuracy", **bins)
    axes.bar(
        height=np.abs(expected - reached),
        bottom=np.minimum(expected, reached),
        facecolor=(style.ORANGE, 0.15),
        edgecolor=style.ORANGE,
        linewidth=1.2,
        label="gap to mean confidence",
        **bins,
    )
    axes.plot(
        *((0, 1), (0, 1)),
        color=style.SOFT,
        linewidth=1.2,
        linestyle="--",
        label="perfect calibration",
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Confidence (%)", ylabel="Accuracy (%)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=""))
    style.format_axes(axes, grid=True, frame=False)
    style.legend_above(axes, left=-0.15)
    return figure
