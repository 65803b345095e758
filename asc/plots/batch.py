"""What a model is shown: the clips of a batch with their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.plots import style
from asc.plots.spectrogram_axes import (
    Panel,
    colour_bars,
    colour_limits,
    draw_panel,
    label_outside,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: More clips than this are left out.
_MOST = 16
_COLUMNS = 4
#: Pixels of a tile and of its panel, and around the tiles.
_TILE, _PANEL = (300, 236), (284, 192)
_LEFT, _RIGHT, _HEAD, _FOOT = 72, 82, 44, 48
#: Pixels of a line of the title.
_LINE = 19
#: A smaller weight in a label is not written, but its vector still is.
_LEAST = 0.005


@style.own_style
def batch_sheet(
    panels: Sequence[Panel],
    labels: np.ndarray,
    scenes: Sequence[str],
    *,
    title: str = "",
) -> Figure:
    """Draw the clips of a batch, each under its label.

    Parameters
    ----------
    panels : sequence of Panel
        One per clip.
    labels : np.ndarray [shape=(batch, scenes)]
        Weights of the scenes.
    scenes : sequence of str
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Four clips in a line, at most 16, all in the same colours, over frequency and
        time. Above each are the scenes of its label with their weights, and the label
        as the vector that the model is compared with.

    Raises
    ------
    UsageError
        If panels, labels and scenes do not fit each other.
    """
    if not panels or labels.shape != (len(panels), len(scenes)):
        raise UsageError(
            f"The shape of labels must be {(len(panels), len(scenes))} for"
            f" {len(panels)} clips and {len(scenes)} scenes, with at least one clip."
            f" Got {labels.shape}."
        )
    shown = panels[:_MOST]
    if len(shown) < len(panels):
        title += f", {len(shown)} of {len(panels)} clips"
    columns = min(len(shown), _COLUMNS)
    lines = math.ceil(len(shown) / columns)
    width = _LEFT + columns * _TILE[0] + _RIGHT
    title = style.wrapped(title, (width - _LEFT) // 9)
    head = _HEAD + _LINE * title.count("\n")
    figure = style.new_figure(width, head + lines * _TILE[1] + _FOOT)
    limits, images = colour_limits(shown), []
    for place, panel in enumerate(shown):
        line, column = divmod(place, columns)
        left, top = _LEFT + column * _TILE[0], head + line * _TILE[1]
        axes = style.add_axes(figure, left, top + 38, *_PANEL)
        images.append((panel, draw_panel(axes, panel, limits)))
        label_outside(axes, column == 0, place + columns >= len(shown))
        if column == 0:
            axes.set_ylabel(style.plain(panel.drawing.row_label, 40), **style.PLAIN)
        label, vector = label_text(labels[place], scenes), vector_text(labels[place])
        style.write(figure, left, top + 4, label, style.LABEL)
        style.write(figure, left, top + 21, vector, style.TICK - 1.5)
    bar = head + 38, (lines - 1) * _TILE[1] + _PANEL[1]
    colour_bars(figure, images[:1], [bar], width - _RIGHT + 8)
    style.write(figure, _LEFT, 11, title, style.TITLE, weight="bold")
    return figure


def label_text(label: np.ndarray, scenes: Sequence[str]) -> str:
    """Return the scenes of a label: ``bus``, or ``bus 71 %, park 29 %``."""
    order = [i for i in np.argsort(-label, kind="stable") if label[i] >= _LEAST]
    if len(order) == 1:
        return style.plain(scenes[order[0]], 40)
    return ", ".join(
        f"{style.plain(scenes[i], 17)} {100 * label[i]:.0f} %" for i in order[:2]
    )


def vector_text(label: np.ndarray) -> str:
    """Return a label as a vector, if it is not too long: ``[0 0 .71 0 .29]``."""
    weights = []
    for weight in label:
        text = f"{weight:.2f}".rstrip("0").rstrip(".").removeprefix("0")
        weights.append(text or "0")
    return f"[{' '.join(weights)}]" if len(weights) <= 20 else ""
