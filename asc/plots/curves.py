"""Training curves: accuracy, loss and learning rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.plots import style
from asc.validation import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What is drawn, and the label of its axis.
MEASURES = {
    "accuracy": "Accuracy (%)",
    "loss": "Loss",
    "learning_rate": "Learning rate",
}
#: Pixels from one panel to the next.
_PITCH = 495
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: More points than this are drawn as a line without marks.
_MOST_MARKS = 60

History = Mapping[str, Sequence[float]]


@style.own_style
def curves_figure(
    history: History,
    *,
    best_epoch: int | None = None,
    title: str | None = None,
    augmented: bool = False,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """Draw accuracy, loss and learning rate of a training, side by side.

    Parameters
    ----------
    history : mapping of str to sequence of float
        One value per epoch under any of ``accuracy``, ``val_accuracy``, ``loss``,
        ``val_loss`` and ``learning_rate``. ``epoch`` gives the epoch numbers, otherwise
        they are 1, 2, ... Values that are not finite leave a gap. Without a learning
        rate there is no panel for it.
    best_epoch : int, optional
        Epoch to mark, as ``epoch`` counts.
    title : str, optional
    augmented : bool
        Label the training curves as those of augmented clips: with mixed labels they
        lie below those of validation, which looks like a mistake.
    levels : mapping of str to float, optional
        Accuracies to compare with, such as chance: lines with their names.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If the lists differ in length, or hold something other than numbers.
    """
    series = _series(history)
    shown = [name for name in MEASURES if name != "learning_rate" or name in series]
    text = style.wrapped(title or "", 51 * len(shown))
    figure = style.new_figure(10 + _PITCH * len(shown), 420)
    top = 70 + 18 * text.count("\n") if text else 34
    for place, measure in enumerate(shown):
        axes = style.add_axes(figure, 65 + place * _PITCH, top, 425, 368 - top)
        _draw_panel(axes, measure, series, best_epoch, augmented)
        if measure == "accuracy":
            _draw_levels(axes, levels or {})
    style.write(figure, 65, 14, text, style.TITLE)
    return figure


@style.own_style
def curve_figure(
    history: History,
    measure: str,
    *,
    best_epoch: int | None = None,
    augmented: bool = False,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """Draw one measure of a training: one panel of `curves_figure`, for a page.

    Parameters
    ----------
    history, best_epoch, augmented, levels
        As for `curves_figure`.
    measure : {'accuracy', 'loss', 'learning_rate'}

    Returns
    -------
    matplotlib.figure.Figure
    """
    check_choice("measure", measure, tuple(MEASURES))
    figure = style.new_figure(420, 260)
    axes = style.add_axes(figure, 60, 28, 348, 188)
    _draw_panel(axes, measure, _series(history), best_epoch, augmented)
    if measure == "accuracy":
        _draw_levels(axes, levels or {})
    return figure


def _draw_levels(axes: Axes, levels: Mapping[str, float]) -> None:
    """Draw lines across a panel, each with its name at the right end."""
    for name, value in levels.items():
        axes.axhline(value, color=style.SOFT, linewidth=1, linestyle="-.", zorder=1)
        axes.annotate(
            f"{style.plain(name, 30)} {100 * value:.3g} %",
            (1, value),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-2, 1),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=style.TICK,
            color=style.SOFT,
            bbox={
                "facecolor": style.PAPER,
                "edgecolor": "none",
                "alpha": 0.75,
                "pad": 1,
            },
            zorder=3,
            **style.PLAIN,
        )


def _draw_panel(
    axes: Axes,
    measure: str,
    series: Mapping[str, np.ndarray],
    best_epoch: int | None,
    augmented: bool,
) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    epochs = series["epoch"]
    train = "train (augmented)" if augmented else "train"
    lines: tuple[tuple[str, ...], ...] = (
        (measure, train, style.BLUE, "o", "--"),
        (f"val_{measure}", "validation", style.ORANGE, "s", "-"),
    )
    if measure == "learning_rate":
        lines = ((measure, "at the end of the epoch", style.BLUE, "o", "-"),)
    for column, label, colour, marker, dashes in lines:
        if column in series:
            axes.plot(
                epochs,
                series[column],
                label=label,
                color=colour,
                marker=marker,
                linestyle=dashes,
                linewidth=1.6,
                markersize=4,
                markevery=_marks(series[column]),
            )
    if best_epoch is not None and best_epoch in epochs:
        values = series.get(f"val_{measure}", series.get(measure))
        value = math.nan if values is None else float(values[epochs == best_epoch][0])
        shown = {
            "accuracy": f"{100 * value:.3g} %",
            "loss": f"{value:.3f}",
            "learning_rate": f"{value:.2g}",
        }[measure]
        axes.axvline(
            best_epoch,
            color=style.SOFT,
            linewidth=1,
            linestyle=":",
            zorder=1,
            label=f"best epoch {best_epoch}" + f": {shown}" * math.isfinite(value),
        )
    if len(epochs):
        # Half an epoch of room, so that a single one is in the middle.
        axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
    axes.xaxis.set_major_locator(
        MaxNLocator(8, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    )
    if measure == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    axes.set(xlabel="Epoch", ylabel=MEASURES[measure])
    if measure in series and measure == "learning_rate":
        _scale_by_power(axes, series[measure])
    style.format_axes(axes, grid=True, frame=False)
    # At one place, however long the numbers beside it are.
    axes.yaxis.set_label_coords(-46 / axes.bbox.width, 0.5)
    if axes.get_legend_handles_labels()[0]:
        style.legend_above(axes, left=-0.08)


def _scale_by_power(axes: Axes, values: np.ndarray) -> None:
    """Write small values as multiples of a power of ten, which the label names."""
    largest = float(np.nanmax(values, initial=0))
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    if power < 0:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value / 10**power:g}")
        raised = str(power).translate(_SUPERSCRIPT)
        axes.set_ylabel(f"{axes.get_ylabel()} (\N{MULTIPLICATION SIGN} 10{raised})")


def _marks(values: np.ndarray) -> list[int] | None:
    """Return which values get a mark: all (None), or those between two gaps.

    Such a value has no line.
    """
    if len(values) <= _MOST_MARKS:
        return None
    gaps = np.pad(np.isnan(values), 1, constant_values=True)
    return np.flatnonzero(~gaps[1:-1] & gaps[:-2] & gaps[2:]).tolist()


def _series(history: History) -> dict[str, np.ndarray]:
    """Return the columns of a history that are drawn, and ``epoch``."""
    wanted = ("epoch", *MEASURES, "val_accuracy", "val_loss")
    try:
        series = {
            name: np.asarray(history[name], float).reshape(-1)
            for name in wanted
            if name in history and len(history[name])
        }
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The history must hold numbers only. Got another value: {error}."
        ) from error
    lengths = {name: len(values) for name, values in series.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UsageError(
            f"The lists of the history differ in length. Got {listed}; expected one"
            " value per epoch."
        )
    count = max(lengths.values(), default=0)
    series = {
        name: np.where(np.isfinite(each), each, np.nan) for name, each in series.items()
    }
    return {"epoch": np.arange(1.0, count + 1)} | series
