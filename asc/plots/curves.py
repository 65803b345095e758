"""How a training went: accuracy and loss over the epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError
from asc.plots.style import (
    BLUE,
    INK,
    LABEL,
    PLAIN,
    SOFT,
    TITLE,
    VERMILION,
    dress,
    new_figure,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (1000, 420)
#: More points than this are drawn as a line without marks.
_MOST_MARKS = 60


def curves_figure(
    history: Mapping[str, Sequence[float]],
    *,
    best_epoch: int | None = None,
    title: str | None = None,
    augmented: bool = False,
) -> Figure:
    """Draw accuracy and loss of a training, side by side.

    Parameters
    ----------
    history : mapping of str to sequence of float
        A value for each epoch under any of ``accuracy``, ``val_accuracy``,
        ``loss`` and ``val_loss``. ``epoch`` names the epochs, otherwise they are
        1, 2, ... Values that are not finite leave a gap.
    best_epoch : int, optional
        Epoch to mark, as ``epoch`` counts.
    title : str, optional
    augmented : bool
        Say that the training curves are of augmented clips: with mixed labels
        they lie below those of validation, which looks like a mistake.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If the lists differ in length, or hold something else than numbers.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    series = _series(history)
    epochs = series.pop("epoch")
    text = wrapped(title or "", 102)
    train = "train (augmented)" if augmented else "train"
    figure = new_figure(*_SIZE)
    top = 48 + 18 * text.count("\n") if text else 20
    figure.subplots_adjust(
        left=0.065, right=0.985, bottom=0.125, top=1 - top / _SIZE[1], wspace=0.17
    )
    panels = figure.subplots(1, 2)
    for axes, key, name in zip(
        panels, ("accuracy", "loss"), ("Accuracy (%)", "Loss"), strict=True
    ):
        for column, label, style in (
            (key, train, {"color": BLUE, "marker": "o", "linestyle": "--"}),
            (f"val_{key}", "validation", {"color": VERMILION, "marker": "s"}),
        ):
            if column in series:
                _draw(axes, epochs, series[column], label, style)
        if best_epoch is not None:
            value = _at(epochs, series.get(f"val_{key}", series.get(key)), best_epoch)
            shown = f": {_percent(value)} %" if key == "accuracy" else f": {value:.3f}"
            axes.axvline(
                best_epoch,
                color=SOFT,
                linewidth=1,
                linestyle=":",
                zorder=1,
                label=f"best epoch {best_epoch}" + shown * math.isfinite(value),
            )
        if len(epochs):
            # Half an epoch of room, so that a single one is in the middle.
            axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
        axes.xaxis.set_major_locator(
            MaxNLocator(10, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
        )
        if key == "accuracy":
            axes.yaxis.set_major_formatter(
                FuncFormatter(lambda share, _: _percent(share))
            )
        axes.set(xlabel="Epoch", ylabel=name)
        dress(axes, grid=True, frame=False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=LABEL, labelcolor=INK, framealpha=0.85, edgecolor="w")
    figure.text(
        *(0.065, 1 - 14 / _SIZE[1]), text, va="top", fontsize=TITLE, color=INK, **PLAIN
    )
    return figure


def _series(history: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """Return the columns of a history that are drawn, and ``epoch``."""
    wanted = ("epoch", "accuracy", "val_accuracy", "loss", "val_loss")
    try:
        series = {
            name: np.asarray(history[name], float).reshape(-1)
            for name in wanted
            if name in history and len(history[name])
        }
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The history holds something else than numbers: {error}."
        ) from error
    lengths = {name: len(values) for name, values in series.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UsageError(
            f"The lists of the history differ in length ({listed}); expected one value"
            " for each epoch."
        )
    count = max(lengths.values(), default=0)
    series.setdefault("epoch", np.arange(1.0, count + 1))
    return series


def _draw(
    axes: Axes,
    epochs: np.ndarray,
    values: np.ndarray,
    label: str,
    style: dict[str, Any],
) -> None:
    """Draw one curve. A value between two gaps has no line, so it gets a mark."""
    values = np.where(np.isfinite(values), values, np.nan)
    there = np.isfinite(np.pad(values, 1, constant_values=np.nan))
    alone = there[1:-1] & ~there[:-2] & ~there[2:]
    marks = None if len(values) <= _MOST_MARKS else np.flatnonzero(alone).tolist()
    axes.plot(
        epochs,
        values,
        label=label,
        linewidth=1.6,
        markersize=4,
        markevery=marks,
        **style,
    )


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g}"


def _at(epochs: np.ndarray, values: np.ndarray | None, epoch: int) -> float:
    """Return the value of an epoch, NaN if there is none."""
    found = np.flatnonzero(epochs == epoch)
    return float(values[found[0]]) if values is not None and len(found) else math.nan
