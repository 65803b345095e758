"""ROC and precision-recall curves, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = tuple[np.ndarray, np.ndarray]


@style.own_style
def ranking_figure(
    roc: Curve,
    precision_recall: Curve,
    *,
    roc_auc: float,
    average_precision: float,
    prevalence: float,
) -> Figure:
    """Draw the ROC and the precision-recall curve of a scene, as small as can be read.

    Parameters
    ----------
    roc : (np.ndarray, np.ndarray)
        False positive rate, true positive rate.
    precision_recall : (np.ndarray, np.ndarray)
        Recall, precision.
    roc_auc, average_precision : float
        Their areas.
    prevalence : float
        Share of the scene: the precision by chance.

    Returns
    -------
    matplotlib.figure.Figure
        330 pixels wide. Dashed lines are chance.
    """
    figure = style.new_figure(330, 184)
    for left, (x, y), title, chance, drawstyle, names in (
        (
            42,
            roc,
            f"ROC AUC {roc_auc:.3f}",
            (0, 1),
            "default",
            ("False positive rate", "True positive rate"),
        ),
        (
            208,
            precision_recall,
            f"Average precision {average_precision:.3f}",
            (prevalence, prevalence),
            "steps-post",
            ("Recall", "Precision"),
        ),
    ):
        axes = style.add_axes(figure, left, 22, 112, 118)
        axes.plot((0, 1), chance, color=style.SOFT, linewidth=1, linestyle="--")
        axes.plot(
            x, y, color=style.BLUE, linewidth=1.5, drawstyle=drawstyle, label="curve"
        )
        _format(axes, title, *names)
    return figure


def _format(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=across, ylabel=up)
    ends = [0, 0.5, 1]
    axes.set_xticks(ends, ["0", "0.5", "1"])
    axes.set_yticks(ends, ["0", "0.5", "1"])
    style.format_axes(axes, grid=True, frame=False)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(style.TICK)
    look = style.PANEL_TITLE | {"fontsize": style.TICK, "pad": 4}
    axes.set_title(title, **look)
