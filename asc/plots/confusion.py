"""Which scene is taken for which: a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError
from asc.plots.style import (
    DPI,
    INK,
    PLAIN,
    TICK,
    TITLE,
    dress,
    dress_bar,
    new_figure,
    plain,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

#: Up to so many scenes: pixels of a cell, size of its count, size of its share.
#: More scenes leave less room; what cannot be read is not written.
_STEPS = (
    (20, 52, 9.0, 7.0),
    (60, 24, 6.5, 0.0),
    (120, 12, 0.0, 0.0),
)
#: Pixels of the matrix beyond that, where cells shrink and some names are left out.
_LARGEST = 1440
_SMALLEST = 300


def confusion_figure(
    confusion: np.ndarray, scenes: Sequence[str], *, title: str | None = None
) -> Figure:
    """Draw a confusion matrix with counts and, as colour, shares of each row.

    Parameters
    ----------
    confusion : np.ndarray [shape=(scenes, scenes)], int
        Clips by true scene (rows) and predicted scene (columns).
    scenes : sequence of str
        Names in the order of rows and columns.
    title : str, optional
        What is known of the result: accuracy, split, leakage.

    Returns
    -------
    matplotlib.figure.Figure
        Up to 20 scenes cells show count and share, up to 60 the count, beyond
        that colour alone. Empty cells stay empty.

    Raises
    ------
    UsageError
        If the matrix does not fit the scenes or has negative counts.
    """
    counts = np.asarray(confusion)
    if counts.shape != (len(scenes), len(scenes)) or not len(scenes):
        raise UsageError(
            f"confusion.shape={counts.shape} does not fit {len(scenes)} scenes,"
            f" expected {(len(scenes), len(scenes))}."
        )
    if not (counts >= 0).all():
        raise UsageError("A confusion matrix holds counts; received a negative one.")
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)

    cell, count_size, share_size = next(
        (step[1:] for step in _STEPS if len(scenes) <= step[0]),
        (_LARGEST / len(scenes), 0.0, 0.0),
    )
    side = max(_SMALLEST, round(cell * len(scenes)))
    figure = new_figure(side, side)
    axes = figure.add_axes((0, 0, 1, 1))
    image = axes.imshow(
        shares,
        cmap="Blues",
        vmin=0,
        vmax=1,
        aspect="auto",
        origin="upper",
        interpolation="nearest",
    )
    axes.set(xlabel="Predicted scene", ylabel="True scene")
    dress(axes)
    _name_scenes(axes, scenes, cell)
    if cell > 10:
        _separate(axes, len(scenes))
    if count_size:
        _write_counts(axes, counts, shares, count_size, share_size)
    _arrange(figure, axes, image, side, title or "")
    return figure


def _arrange(
    figure: Figure, axes: Axes, image: AxesImage, side: int, title: str
) -> None:
    """Size the figure to what the names need around a matrix of fixed size.

    The automatic layouts shrink the matrix instead, and cells with it, until
    numbers touch.
    """
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    beside = max(
        label.get_window_extent(renderer).width for label in axes.get_yticklabels()
    )
    below = max(
        label.get_window_extent(renderer).height for label in axes.get_xticklabels()
    )
    left, right, bottom = round(beside) + 46, 104, round(below) + 50
    text = wrapped(title, (side + right) // 9)
    top = 18 + (12 + 18 * len(text.splitlines()) if text else 0)
    width, height = left + side + right, bottom + side + top
    figure.set_size_inches(width / DPI, height / DPI)
    axes.set_position((left / width, bottom / height, side / width, side / height))
    axes.yaxis.set_label_coords(-(left - 20) / side, 0.5)
    axes.xaxis.set_label_coords(0.5, -(bottom - 20) / side)
    figure.text(
        left / width,
        1 - 14 / height,
        text,
        va="top",
        fontsize=TITLE,
        color=INK,
        **PLAIN,
    )
    place = ((left + side + 18) / width, bottom / height, 14 / width, side / height)
    bar = figure.colorbar(image, cax=figure.add_axes(place))
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    dress_bar(bar, "Share of the true scene's clips (%)")


def _name_scenes(axes: Axes, scenes: Sequence[str], cell: float) -> None:
    """Write the scenes along both axes, leaving out what would overlap."""
    every = math.ceil(11 / cell)
    names = [plain(scene, 22) for scene in scenes[::every]]
    places = range(0, len(scenes), every)
    axes.tick_params(length=0, pad=5, labelsize=TICK if cell > 12 else TICK - 2)
    axes.set_yticks(places, names, **PLAIN)
    slanted: dict[str, Any] = {"rotation": 90}
    if cell > 30:
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(places, names, **slanted, **PLAIN)


def _separate(axes: Axes, count: int) -> None:
    """Draw white lines between the cells."""
    edges = np.arange(count - 1) + 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(True, which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)


def _write_counts(
    axes: Axes,
    counts: np.ndarray,
    shares: np.ndarray,
    count_size: float,
    share_size: float,
) -> None:
    """Write the counts, and under them the shares if these have a size."""
    for row, column in np.argwhere(counts):
        share = shares[row, column]
        centre = (int(column), int(row))
        for text, size, down in (
            (f"{counts[row, column]:g}", count_size, 0.5 * share_size),
            (
                f"{share:.0%}" if share >= 0.005 else "<1%",
                share_size,
                -0.85 * share_size,
            ),
        ):
            if size:
                axes.annotate(
                    text,
                    centre,
                    (0, down),
                    textcoords="offset points",
                    ha="center",
                    va="center",
                    fontsize=size,
                    color="white" if share > 0.55 else INK,
                )
