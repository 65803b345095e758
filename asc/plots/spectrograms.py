"""Spectrograms as files: one clip, and one clip of each scene."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

#: Sizes in pixels: one picture, one panel of a sheet, and what is around them.
_PICTURE, _PANEL = (640, 480), (320, 240)
_LEFT, _GAP = 76, 36
_NO_CLIP: Any = {"ha": "center", "fontsize": style.LABEL, "color": style.SOFT}


@style.own_style
def spectrogram_figure(
    panels: Sequence[Sequence[Panel]], *, title: str = "", detail: str = ""
) -> Figure:
    """Draw the features of one clip.

    Parameters
    ----------
    panels : sequence of sequences of Panel
        A line of the picture for each feature, a column for each channel.
    title, detail : str, optional
        Such as the scene, and the name of the file.

    Returns
    -------
    matplotlib.figure.Figure
        640 x 480 pixels, higher for more than two features.

    Raises
    ------
    UsageError
        If there is nothing to draw, or the lines differ in length.
    """
    if not panels or len({len(line) for line in panels} - {0}) != 1:
        raise UsageError(
            "A picture needs one line of panels per feature, all of one length. Got"
            f" {[len(line) for line in panels]}."
        )
    limits = colour_limits(list(itertools.chain(*panels)))
    width, height = _PICTURE
    height += max(len(panels) - 2, 0) * height // 3
    figure = style.new_figure(width, height)
    lines = _divided(76, height - 48, len(panels), _GAP)
    columns = _divided(_LEFT, width - 92, len(panels[0]), 18)
    images: list[tuple[Panel, AxesImage]] = []
    for line, (top, tall) in enumerate(lines):
        for column, (left, wide) in enumerate(columns):
            panel = panels[line][column]
            axes = style.add_axes(figure, left, top, wide, tall)
            image = draw_panel(axes, panel, limits)
            axes.set_title(style.plain(panel.title, 40), **style.PANEL_TITLE)
            if column == 0:
                axes.set_ylabel(style.plain(panel.drawing.row_label, 40), **style.PLAIN)
                images.append((panel, image))
            label_outside(axes, column == 0, line == len(lines) - 1)
    figure.align_ylabels()
    colour_bars(figure, images, lines, width - 78)
    _heading(figure, style.plain(title, 44), style.plain(detail, 84))
    return figure


@dataclass(frozen=True)
class Tile:
    """One scene of a sheet: its name, its clip, and the panels of that clip."""

    title: str
    detail: str = ""
    panels: Sequence[Panel] = ()


@style.own_style
def spectrogram_sheet(
    tiles: Sequence[Tile], *, title: str = "", detail: str = ""
) -> Figure:
    """Draw one clip of each scene, panels of one value label in the same colours.

    Parameters
    ----------
    tiles : sequence of Tile
        A scene without panels is drawn as ``no clip``.
    title, detail : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        320 x 240 pixels for each panel: 1600 x 1440 for two features of 15 scenes.

    Raises
    ------
    UsageError
        If there is nothing to draw.
    """
    limits = colour_limits([panel for tile in tiles for panel in tile.panels])
    if not limits:
        raise UsageError("A sheet needs at least one clip. Got none.")
    high = max(len(tile.panels) for tile in tiles)
    shown: list[tuple[Panel, AxesImage]] = []
    lines, columns = _grid(len(tiles))
    width = max(_PICTURE[0], columns * _PANEL[0])
    height = max(_PICTURE[1], lines * high * _PANEL[1])
    figure = style.new_figure(width, height)
    downs = _divided(84, height - 50, lines, _GAP)
    acrosses = _divided(_LEFT, width - 100, columns, 18)
    for number, tile in enumerate(tiles):
        line, column = divmod(number, columns)
        (top, tall), (left, wide) = downs[line], acrosses[column]
        images: list[tuple[Panel, AxesImage]] = []
        for place, (down, part) in enumerate(_divided(top, top + tall, high, 8)):
            axes = style.add_axes(figure, left, down, wide, part)
            if place == 0:
                _name_tile(axes, tile)
            if place >= len(tile.panels):
                axes.text(0.5, 0.5, "no clip", **_NO_CLIP)
                axes.set(xticks=[], yticks=[])
                style.format_axes(axes)
                continue
            panel = tile.panels[place]
            images.append((panel, draw_panel(axes, panel, limits)))
            if column == 0:
                name = style.plain(panel.title, 24)
                rows = style.plain(panel.drawing.row_label, 24)
                axes.set_ylabel(f"{name}\n{rows}", **style.PLAIN)
            lowest = number + columns >= len(tiles) and place == high - 1
            label_outside(axes, column == 0, lowest)
        shown = images or shown
    bars = _divided(84, height - 50, len(shown), 24)
    colour_bars(figure, shown, bars, width - 84)
    _heading(figure, style.plain(title, 60), style.plain(detail, 120))
    return figure


def _grid(count: int) -> tuple[int, int]:
    """Return lines and columns for tiles: 3 x 5 for 15, 2 x 5 for 10."""
    lines = math.ceil(count / math.ceil(math.sqrt(count * 5 / 3)))
    return lines, math.ceil(count / lines)


def _divided(
    start: float, stop: float, count: int, gap: float
) -> list[tuple[float, float]]:
    """Return start and length of equal parts of a distance, with gaps between them."""
    length = (stop - start - (count - 1) * gap) / count
    return [(start + number * (length + gap), length) for number in range(count)]


def _name_tile(axes: Axes, tile: Tile) -> None:
    """Write scene and clip above axes, at their left and right end."""
    scene = style.plain(tile.title, 20)
    axes.set_title(scene, **style.PANEL_TITLE)
    if tile.detail:
        # The two share some 250 pixels, of 8 and 6 for a character.
        clip = style.plain(tile.detail, min((250 - 8 * len(scene)) // 6, 24))
        small = {"loc": "right", "fontsize": style.TICK - 1, "color": style.SOFT}
        axes.set_title(clip, **style.PANEL_TITLE | small)


def _heading(figure: Figure, title: str, detail: str) -> None:
    style.write(figure, _LEFT, 13, title, style.TITLE + 1.5, weight="bold")
    style.write(figure, _LEFT, 36, detail, style.LABEL, color=style.SOFT)
