"""Spectrograms as files: one clip, and one clip of each scene."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.plots.spectrogram_axes import Panel, colour_limits, draw_panel
from asc.plots.style import (
    INK,
    LABEL,
    PANEL_TITLE,
    PLAIN,
    SOFT,
    TICK,
    TITLE,
    add_axes,
    margins,
    new_figure,
    plain,
    style_axes,
    style_colour_bar,
    write_lines,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

#: Sizes in pixels: one picture, one panel of a sheet, and between its lines.
_PICTURE = (640, 480)
_PANEL = (320, 240)
_GAP = 36


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
    figure = new_figure(width, height)
    space = {"left": 76, "right": 92, "top": 76, "bottom": 48}
    grid = figure.subplots(
        len(panels),
        len(panels[0]),
        squeeze=False,
        gridspec_kw=margins(width, height, **space) | {"hspace": 0.24, "wspace": 0.08},
    )
    images: list[tuple[Panel, AxesImage]] = []
    for (line, column), axes in np.ndenumerate(grid):
        panel = panels[line][column]
        image = draw_panel(axes, panel, limits[panel.value_label])
        axes.set_title(plain(panel.name, 40), **PANEL_TITLE, **PLAIN)
        bottom = line == len(panels) - 1
        axes.tick_params(labelleft=column == 0, labelbottom=bottom)
        if column == 0:
            axes.set_ylabel(plain(panel.row_label, 40), **PLAIN)
            images.append((panel, image))
        if bottom:
            axes.set_xlabel("Time (s)")
    figure.align_ylabels(list(grid[:, 0]))
    _colour_bars(figure, images, gap=14, **space)
    _heading(figure, plain(title, 44), plain(detail, 84), left=space["left"])
    return figure


@dataclass(frozen=True)
class Tile:
    """One scene of a sheet: its name, its clip, and the panels of that clip."""

    title: str
    detail: str = ""
    panels: Sequence[Panel] = ()


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
    lines, columns = _grid(len(tiles))
    width = max(_PICTURE[0], columns * _PANEL[0])
    height = max(_PICTURE[1], lines * high * _PANEL[1])
    space = {"left": 76, "right": 100, "top": 84, "bottom": 50}
    # Between tiles as many pixels as a title needs, whatever their height.
    gap = lines * _GAP / (height - 134 - (lines - 1) * _GAP)

    figure = new_figure(width, height)
    places = figure.add_gridspec(
        lines, columns, **margins(width, height, **space), wspace=0.07, hspace=gap
    )
    for number, tile in enumerate(tiles):
        line, column = divmod(number, columns)
        parts = places[line, column].subgridspec(high, 1, hspace=0.06)
        # The leftmost tiles carry the frequencies, the lowest the time.
        lowest = number + columns >= len(tiles)
        images: list[tuple[Panel, AxesImage]] = []
        for place in range(high):
            axes = figure.add_subplot(parts[place])
            if place == 0:
                scene = plain(tile.title, 20)
                axes.set_title(scene, **PANEL_TITLE, **PLAIN)
            if place >= len(tile.panels):
                axes.text(0.5, 0.5, "no clip", ha="center", color=SOFT, fontsize=LABEL)
                axes.set(xticks=[], yticks=[])
                style_axes(axes)
                continue
            if place == 0:
                # The two share some 250 pixels, of 8 and 6 for a character.
                room = (250 - 8 * len(scene)) // 6
                _beside_title(axes, plain(tile.detail, min(room, 24)))
            panel = tile.panels[place]
            images.append((panel, draw_panel(axes, panel, limits[panel.value_label])))
            bottom = lowest and place == high - 1
            axes.tick_params(labelleft=column == 0, labelbottom=bottom)
            if column == 0:
                name = plain(panel.name, 24)
                axes.set_ylabel(f"{name}\n{plain(panel.row_label, 24)}", **PLAIN)
            if bottom:
                axes.set_xlabel("Time (s)")
        if images:
            shown = images
    _colour_bars(figure, shown, gap=16, **space)
    _heading(figure, plain(title, 60), plain(detail, 120), left=space["left"])
    return figure


def _grid(count: int) -> tuple[int, int]:
    """Return lines and columns for tiles: 3 x 5 for 15, 2 x 5 for 10."""
    lines = math.ceil(count / math.ceil(math.sqrt(count * 5 / 3)))
    return lines, math.ceil(count / lines)


def _colour_bars(
    figure: Figure,
    images: Sequence[tuple[Panel, AxesImage]],
    *,
    gap: int,
    left: int,
    right: int,
    top: int,
    bottom: int,
) -> None:
    """Draw a colour bar for each value label in the right margin, beside its panels."""
    width, height = figure.bbox.size
    groups = [
        (label, [image for _, image in found])
        for label, found in itertools.groupby(images, lambda one: one[0].value_label)
    ]
    line = (height - top - bottom) / len(images)
    inset = 0.07 if len(groups) > 1 else 0  # so that two bars do not touch
    place = 0
    for label, found in groups:
        tall = line * len(found) * (1 - 2 * inset)
        down = top + line * (place + inset * len(found))
        place += len(found)
        bar = figure.colorbar(
            found[0],
            cax=add_axes(figure, width - right + gap, down, 13, tall),
            extend="both",
            extendfrac=14 / tall,
        )
        style_colour_bar(bar, plain(label, 40))


def _heading(figure: Figure, title: str, detail: str, *, left: int) -> None:
    write_lines(
        figure,
        left,
        (title, 26, TITLE + 1.5, "bold", INK),
        (detail, 45, LABEL, "normal", SOFT),
    )


def _beside_title(axes: Axes, text: str) -> None:
    """Write small text above axes, at their right end."""
    axes.annotate(
        text,
        (1, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        fontsize=TICK - 1,
        color=SOFT,
        **PLAIN,
    )
