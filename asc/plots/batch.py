"""What a model is shown: the clips of a batch with their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.features import FeatureSpec
from asc.plots.spectrograms import colour_limits, draw_level
from asc.plots.style import (
    INK,
    LABEL,
    PLAIN,
    TICK,
    TITLE,
    dress,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: More clips than this are left out.
_MOST = 16
_COLUMNS = 4
#: Pixels of a tile, and of what surrounds its panel.
_TILE = (300, 236)
_ABOVE, _LEFT, _HEAD, _FOOT = 38, 16, 44, 8
#: A smaller share of a label is not written, but its vector still is.
_LEAST = 0.005


def batch_sheet(
    levels: np.ndarray,
    labels: np.ndarray,
    scenes: Sequence[str],
    spec: FeatureSpec,
    feature: str,
    *,
    title: str = "",
) -> Figure:
    """Draw the clips of a batch, each under its label.

    Parameters
    ----------
    levels : np.ndarray [shape=(batch, rows, columns, channels)]
        Level (in dB), of which the first channel is drawn.
    labels : np.ndarray [shape=(batch, scenes)]
        Shares of the scenes.
    scenes : sequence of str
    spec : FeatureSpec
    feature : {'mel', 'stft'}
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Four clips in a line, at most 16, under one scale of level. Above each are
        the scenes of its label with their shares, and the label as the vector that
        the model is compared with.

    Raises
    ------
    UsageError
        If levels and labels do not fit each other.
    """
    if not len(levels) or labels.shape != (len(levels), len(scenes)):
        raise UsageError(
            f"labels.shape={labels.shape} does not fit {len(levels)} clips and"
            f" {len(scenes)} scenes."
        )
    shown = min(len(levels), _MOST)
    columns = min(shown, _COLUMNS)
    lines = math.ceil(shown / columns)
    width, height = columns * _TILE[0] + _LEFT, lines * _TILE[1] + _HEAD + _FOOT
    figure = new_figure(width, height)
    limits = colour_limits([levels[:shown, ..., 0]])
    for place in range(shown):
        line, column = divmod(place, columns)
        left = _LEFT + column * _TILE[0]
        top = _HEAD + line * _TILE[1]
        axes = figure.add_axes(
            (
                left / width,
                1 - (top + _TILE[1] - 6) / height,
                (_TILE[0] - _LEFT) / width,
                (_TILE[1] - _ABOVE - 6) / height,
            )
        )
        draw_level(axes, feature, levels[place, ..., 0], spec, limits)
        axes.set(xticks=[], yticks=[])
        dress(axes)
        for text, down, size in (
            (label_text(labels[place], scenes), 15, LABEL),
            (vector_text(labels[place]), 30, TICK - 1.5),
        ):
            figure.text(
                left / width,
                1 - (top + down) / height,
                text,
                fontsize=size,
                color=INK,
                **PLAIN,
            )
    more = f", {shown} of {len(levels)} clips" if shown < len(levels) else ""
    figure.text(
        _LEFT / width,
        1 - 24 / height,
        plain(title + more, 120),
        fontsize=TITLE,
        fontweight="bold",
        color=INK,
        **PLAIN,
    )
    return figure


def label_text(label: np.ndarray, scenes: Sequence[str]) -> str:
    """Return the scenes of a label: ``bus``, or ``bus 71 %, park 29 %``."""
    order = [i for i in np.argsort(-label, kind="stable") if label[i] >= _LEAST]
    if len(order) == 1:
        return plain(scenes[order[0]], 40)
    told = (f"{plain(scenes[i], 17)} {100 * label[i]:.0f} %" for i in order[:2])
    return ", ".join(told)


def vector_text(label: np.ndarray) -> str:
    """Return a label as a vector, if it is not too long: ``0 0 .71 0 .29``."""
    told = []
    for share in label:
        text = f"{share:.2f}".rstrip("0").rstrip(".").removeprefix("0")
        told.append(text or "0")
    return f"[{' '.join(told)}]" if len(told) <= 20 else ""
