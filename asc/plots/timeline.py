"""A recording over time: its spectrogram, and below it the scene of each stretch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from asc.plots import style
from asc.plots.spectrogram_axes import Panel, colour_limits, draw_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pixels of the figure and of what is in it.
_WIDTH, _LEFT, _RIGHT = 1200, 150, 92
_HEAD, _PANEL, _GAP, _LINE, _FOOT = 66, 260, 26, 22, 48
#: More scenes than this share the last line.
_MOST_LINES = 12
#: Units of time: from how many seconds on, their length, and the label.
_UNITS = ((3 * 3600, 3600, "Time (h)"), (300, 60, "Time (min)"), (0, 1, "Time (s)"))
#: Transparency of a bar of confidence 0; one of confidence 1 is not transparent.
_FAINT = 0.2


@style.own_style
def timeline_figure(
    panel: Panel,
    bars: Sequence[tuple[float, float, str, float]],
    *,
    title: str = "",
    detail: str = "",
) -> Figure:
    """Draw a recording and the scenes in it over one axis of time.

    Parameters
    ----------
    panel : Panel
        The feature of the whole recording.
    bars : sequence of (float, float, str, float)
        Start and end (in seconds), scene, and its probability, which is how strong the
        bar is.
    title, detail : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        1200 pixels wide, a line for each scene, the longest first. Beyond 12 scenes
        the shortest share a line.
    """
    lengths: dict[str, float] = {}
    for start, end, scene, _ in bars:
        lengths[scene] = lengths.get(scene, 0.0) + end - start
    names = sorted(lengths, key=lambda name: -lengths[name])
    if len(names) > _MOST_LINES:
        names = [*names[: _MOST_LINES - 1], "other scenes"]
    tall = max(1, len(names)) * _LINE
    height = _HEAD + _PANEL + _GAP + tall + _FOOT
    figure = style.new_figure(_WIDTH, height)
    wide = _WIDTH - _LEFT - _RIGHT
    _, unit, label = next(each for each in _UNITS if panel.seconds >= each[0])
    panel = replace(panel, seconds=panel.seconds / unit)

    limits = colour_limits([panel])
    axes = style.add_axes(figure, _LEFT, _HEAD, wide, _PANEL)
    image = draw_panel(axes, panel, limits)
    axes.set_ylabel(style.plain(panel.drawing.row_label, 40), **style.PLAIN)
    axes.tick_params(labelbottom=False)
    scale = style.add_axes(figure, _WIDTH - _RIGHT + 16, _HEAD, 13, _PANEL)
    bar = figure.colorbar(image, cax=scale, extend="both", extendfrac=14 / _PANEL)
    bar.set_label(
        style.plain(panel.drawing.value_label, 40), color=style.INK, **style.PLAIN
    )
    bar.outline.set(edgecolor=style.SOFT, linewidth=0.7)
    style.format_ticks(bar.ax)

    below = style.add_axes(figure, _LEFT, _HEAD + _PANEL + _GAP, wide, tall)
    below.sharex(axes)
    for start, end, scene, confidence in bars:
        line = names.index(scene) if scene in names else len(names) - 1
        below.broken_barh(
            [(start / unit, (end - start) / unit)],
            (line - 0.4, 0.8),
            facecolor=style.BLUE,
            alpha=_FAINT + (1 - _FAINT) * min(max(confidence, 0.0), 1.0),
            linewidth=0,
        )
    below.set(xlim=(0, panel.seconds), ylim=(max(1, len(names)) - 0.5, -0.5))
    shown = [style.plain(name, 22) for name in names]
    below.set_yticks(range(len(names)), shown, **style.PLAIN)
    below.set_xlabel(label)
    style.format_axes(below, grid=True)
    style.write(figure, 16, 13, style.plain(title, 110), style.TITLE, weight="bold")
    style.write(figure, 16, 36, style.plain(detail, 190), style.LABEL, color=style.SOFT)
    return figure
