"""Confusion matrix: true against predicted scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError
from asc.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

#: Up to so many scenes: pixels of a cell, size of its count, size of its percentage.
#: More scenes leave less room; what cannot be read is not written.
_STEPS = (
    (20, 52, 9.0, 7.0),
    (60, 24, 6.5, 0.0),
    (120, 12, 0.0, 0.0),
)
#: Pixels of the matrix beyond that, where cells shrink and some names are left out.
_LARGEST = 1440
_SMALLEST = 300
#: Share of its row from which on a count can be read better in white.
_STRONG = 0.8


@style.own_style
def confusion_figure(
    confusion: np.ndarray | Sequence[Sequence[int]],
    scenes: Sequence[str],
    *,
    title: str | None = None,
) -> Figure:
    """Draw a confusion matrix with counts and, as colour, shares of each row.

    Parameters
    ----------
    confusion : array_like [shape=(scenes, scenes)], int
        Clips by true scene (rows) and predicted scene (columns).
    scenes : sequence of str
        Names in the order of rows and columns.
    title : str, optional
        What is known of the result: accuracy, split, leakage.

    Returns
    -------
    matplotlib.figure.Figure
        Correct clips are blue, wrong ones orange. Up to 20 scenes, cells show count
        and percentage, up to 60 the count, beyond that colour alone. Empty cells stay
        empty.

    Raises
    ------
    UsageError
        If the matrix does not fit the scenes or has negative counts.
    """
    counts = np.asarray(confusion)
    if counts.shape != (len(scenes), len(scenes)) or not len(scenes):
        raise UsageError(
            f"The shape of confusion must be {(len(scenes), len(scenes))} for"
            f" {len(scenes)} scenes. Got {counts.shape}."
        )
    if not (counts >= 0).all():
        raise UsageError("The counts of a confusion matrix must be 0 or more.")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell, count_size, percent_size = next(
        (step[1:] for step in _STEPS if len(scenes) <= step[0]),
        (_LARGEST / len(scenes), 0.0, 0.0),
    )
    side = max(_SMALLEST, round(cell * len(scenes)))
    figure = style.new_figure(side, side)
    axes = figure.add_axes((0, 0, 1, 1))
    _draw_shares(axes, counts, shares)
    axes.set(xlabel="Predicted scene", ylabel="True scene")
    style.format_axes(axes)
    _name_scenes(axes, scenes, cell)
    if cell > 10:
        between = np.arange(len(scenes) - 1) + 0.5
        for lines in (axes.hlines, axes.vlines):
            lines(between, -0.5, len(scenes) - 0.5, color=style.GRID, linewidth=0.7)
    if count_size:
        _write_counts(axes, counts, shares, count_size, percent_size)
    _arrange(figure, axes, side, title or "")
    return figure


def _draw_shares(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    diagonal = np.eye(len(counts), dtype=bool)
    for colour, cells in ((style.BLUE, diagonal), (style.ORANGE, ~diagonal)):
        axes.imshow(
            np.ma.masked_array(shares, ~cells | (counts == 0)),
            cmap=_shades(colour),
            vmin=0,
            vmax=1,
            aspect="auto",
            origin="upper",
            interpolation="none",
        )


def _shades(colour: str) -> Colormap:
    """Return a colour from nearly transparent to opaque, for light and dark paper."""
    from matplotlib.colors import LinearSegmentedColormap

    ends: Any = [(colour, 0.12), (colour, 1.0)]
    return LinearSegmentedColormap.from_list("shares", ends, N=64)


def _arrange(figure: Figure, axes: Axes, side: int, title: str) -> None:
    """Size the figure to what the names need around a matrix of fixed size.

    The automatic layouts shrink the matrix instead, and its cells with it, until
    numbers touch.
    """
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    beside = max(
        label.get_window_extent(renderer).width for label in axes.get_yticklabels()
    )
    below = max(
        label.get_window_extent(renderer).height for label in axes.get_xticklabels()
    )
    left, right, bottom = round(beside) + 46, 104, max(round(below) + 50, 70)
    text = style.wrapped(title, (side + right) // 9)
    top = 18 + (12 + 18 * len(text.splitlines()) if text else 0)
    width, height = left + side + right, bottom + side + top
    figure.set_size_inches(width / style.DPI, height / style.DPI)
    axes.set_position((left / width, bottom / height, side / width, side / height))
    axes.yaxis.set_label_coords(-(left - 20) / side, 0.5)
    axes.xaxis.set_label_coords(0.5, -(bottom - 20) / side)
    style.write(figure, left, 14, text, style.TITLE)
    _draw_scale(style.add_axes(figure, left + side + 18, top, 24, side))


def _draw_scale(axes: Axes) -> None:
    """Draw which shade is which share, for correct and for wrong clips."""
    for place, colour in enumerate((style.BLUE, style.ORANGE)):
        axes.imshow(
            np.linspace(0, 1, 64)[:, None],
            cmap=_shades(colour),
            extent=(place, place + 1, 0, 100),
            origin="lower",
            aspect="auto",
            interpolation="none",
        )
    axes.set(xlim=(0, 2), ylim=(0, 100), ylabel="Share of the true scene's clips (%)")
    axes.yaxis.set_label_position("right")
    axes.yaxis.tick_right()
    axes.set_yticks([0, 25, 50, 75, 100])
    upright: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "center"}
    axes.set_xticks([0.5, 1.5], ["correct", "wrong"], rotation_mode="anchor", **upright)
    style.format_axes(axes)
    axes.tick_params("x", length=0)


def _name_scenes(axes: Axes, scenes: Sequence[str], cell: float) -> None:
    """Write the scenes along both axes, leaving out what would overlap."""
    every = math.ceil(11 / cell)
    names = [style.plain(scene, 22) for scene in scenes[::every]]
    places = range(0, len(scenes), every)
    axes.tick_params(
        length=0, pad=5, labelsize=style.TICK if cell > 12 else style.TICK - 2
    )
    axes.set_yticks(places, names, **style.PLAIN)
    turned: dict[str, Any] = {"rotation": 45 if cell > 30 else 90, "ha": "right"}
    if cell <= 30:
        turned["va"] = "center"
    axes.set_xticks(places, names, rotation_mode="anchor", **turned, **style.PLAIN)


def _write_counts(
    axes: Axes,
    counts: np.ndarray,
    shares: np.ndarray,
    count_size: float,
    percent_size: float,
) -> None:
    """Write the counts, and below them the percentages if these have a size."""
    cells = np.argwhere(counts).tolist()
    percentages = np.vectorize(_percent)(shares)
    for size, down, texts in (
        (count_size, 0.5 * percent_size, counts),
        (percent_size, -0.85 * percent_size, percentages),
    ):
        for row, column in cells if size else ():
            axes.annotate(
                texts[row, column],
                (column, row),
                (0, down),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=size,
                color=style.ON_COLOUR if shares[row, column] > _STRONG else style.INK,
            )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"
