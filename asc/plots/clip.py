"""One clip on a page: waveform and features below each other, and their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.plots import style
from asc.plots.spectrogram_axes import Limits, Panel, draw_panel, shades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Pixels of the figure, and of what is in it. All lie above each other.
_WIDTH, _LEFT, _RIGHT = 330, 40, 12
_WAVE, _ABOVE, _PANEL, _FOOT = 40, 22, 150, 42
#: Pieces of a waveform, each drawn from its lowest to its highest sample.
_PIECES = 250


@style.own_style
def clip_figure(
    panels: Sequence[Panel],
    limits: Mapping[str, Limits],
    *,
    samples: np.ndarray | None = None,
    heat: np.ndarray | None = None,
) -> Figure:
    """Draw the features of one clip below each other, narrow enough for a phone.

    Parameters
    ----------
    panels : sequence of Panel
        At least one.
    limits : mapping of str to (float, float)
        As `colour_limits` returns them for all clips that are shown together.
    samples : np.ndarray [shape=(n,)], optional
        Audio of the clip, drawn above the features and scaled to its own peak.
    heat : np.ndarray [shape=(map rows, map columns)], optional
        What a model looks at, from 0 to 1: drawn over the features in orange.

    Returns
    -------
    matplotlib.figure.Figure
        330 pixels wide. `scale_figure` draws which colour is which value.

    Raises
    ------
    UsageError
        If there is no panel.
    """
    if not panels:
        raise UsageError("A clip needs at least one feature to draw. Got none.")
    top = 0 if samples is None else _WAVE
    figure = style.new_figure(_WIDTH, top + len(panels) * (_ABOVE + _PANEL) + _FOOT)
    width = _WIDTH - _LEFT - _RIGHT
    if samples is not None:
        _draw_waveform(style.add_axes(figure, _LEFT, 0, width, _WAVE), samples)
    for number, panel in enumerate(panels):
        top += _ABOVE
        axes = style.add_axes(figure, _LEFT, top, width, _PANEL)
        top += _PANEL
        draw_panel(axes, panel, limits, pixels=True, heat=heat)
        name = style.plain(panel.title, 40)
        axes.set_title(name, **style.PANEL_TITLE | {"fontsize": style.TICK, "pad": 3})
        lowest = number == len(panels) - 1
        axes.tick_params(labelbottom=lowest)
        if lowest:
            axes.set_xlabel("Time (s)")
    return figure


@style.own_style
def scale_figure(label: str, limits: Limits) -> Figure:
    """Draw which colour is which value, as a line for a page.

    Parameters
    ----------
    label : str
        What the values are, with their unit.
    limits : (float, float)
        Values of the darkest and the brightest colour.
    """
    figure = style.new_figure(_WIDTH, 56)
    axes = style.add_axes(figure, _LEFT, 6, _WIDTH - _LEFT - _RIGHT, 10)
    axes.imshow(
        np.linspace(*limits, 64)[None],
        cmap=shades(pixels=True),
        extent=(*limits, 0, 1),
        aspect="auto",
        interpolation="none",
    )
    axes.set_yticks([])
    axes.set_xlabel(style.plain(label, 60), **style.PLAIN)
    style.format_axes(axes)
    return figure


def _draw_waveform(axes: Axes, samples: np.ndarray) -> None:
    """Draw audio as its lowest and highest samples, scaled to its own peak."""
    samples = samples if len(samples) else np.zeros(1)
    count = min(_PIECES, len(samples))
    first = np.arange(count) * len(samples) // count
    low, high = np.minimum.reduceat(samples, first), np.maximum.reduceat(samples, first)
    peak = max(np.abs(samples).max(), 1e-9)
    time = np.linspace(0, 1, count)
    axes.fill_between(time, low / peak, high / peak, color=style.BLUE, linewidth=0.5)
    axes.set(xlim=(0, 1), ylim=(-1.02, 1.02))
    axes.set_axis_off()
