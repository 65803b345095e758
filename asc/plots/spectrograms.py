"""Spectrograms: one clip, one clip of each scene, and a clip on a page."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError
from asc.plots.spectrogram_axes import Limits, Panel, colour_limits, draw_panel
from asc.plots.style import (
    BLUE,
    INK,
    LABEL,
    PLAIN,
    SOFT,
    TICK,
    TITLE,
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

#: Sizes in pixels: one picture, one panel of a sheet, and of a page.
_PICTURE = (640, 480)
_PANEL = (320, 240)
_GAP = 36
_CARD, _CARD_PANEL, _CARD_WAVE = 330, 150, 40
_PANEL_TITLE: dict[str, Any] = {"loc": "left", "fontsize": 9.5, "color": INK, "pad": 5}
#: Pieces of a waveform, each drawn from its lowest to its highest sample.
_PIECES = 250


def spectrogram_figure(
    panels: Sequence[Sequence[Panel]], *, title: str = "", detail: str = ""
) -> Figure:
    """Draw the features of one clip: 640 x 480 pixels.

    Parameters
    ----------
    panels : sequence of sequences of Panel
        A line of the picture for each feature, a column for each channel.
    title, detail : str, optional
        Such as the scene, and the name of the file.

    Returns
    -------
    matplotlib.figure.Figure

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
    figure = new_figure(*_PICTURE)
    space = {"left": 76, "right": 92, "top": 76, "bottom": 48}
    grid = figure.subplots(
        len(panels),
        len(panels[0]),
        squeeze=False,
        gridspec_kw=margins(*_PICTURE, **space) | {"hspace": 0.24, "wspace": 0.08},
    )
    images: list[tuple[Panel, AxesImage]] = []
    for (line, column), axes in np.ndenumerate(grid):
        panel = panels[line][column]
        image = draw_panel(axes, panel, limits[panel.unit])
        axes.set_title(plain(panel.name, 40), **_PANEL_TITLE, **PLAIN)
        bottom = line == len(panels) - 1
        axes.tick_params(labelleft=column == 0, labelbottom=bottom)
        if column == 0:
            axes.set_ylabel(panel.y_label)
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
    """Draw one clip of each scene, panels of one unit in the same colours.

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
                axes.set_title(plain(tile.title, 20), **_PANEL_TITLE, **PLAIN)
            if place >= len(tile.panels):
                axes.text(0.5, 0.5, "no clip", ha="center", color=SOFT, fontsize=LABEL)
                axes.set(xticks=[], yticks=[])
                style_axes(axes)
                continue
            if place == 0:
                _beside_title(axes, plain(tile.detail, 24))
            panel = tile.panels[place]
            images.append((panel, draw_panel(axes, panel, limits[panel.unit])))
            bottom = lowest and place == high - 1
            axes.tick_params(labelleft=column == 0, labelbottom=bottom)
            if column == 0:
                label = panel.y_label[0].lower() + panel.y_label[1:]
                axes.set_ylabel(f"{plain(panel.name, 20)} {label}", **PLAIN)
            if bottom:
                axes.set_xlabel("Time (s)")
        if images:
            shown = images
    _colour_bars(figure, shown, gap=16, **space)
    _heading(figure, plain(title, 60), plain(detail, 120), left=space["left"])
    return figure


def clip_figure(
    panels: Sequence[Panel],
    limits: dict[str, Limits],
    *,
    samples: np.ndarray | None = None,
) -> Figure:
    """Draw the features of one clip below each other, narrow enough for a phone.

    Parameters
    ----------
    panels : sequence of Panel
        At least one.
    limits : dict
        As `colour_limits` returns them for all clips that are shown together.
    samples : np.ndarray [shape=(n,)], optional
        Audio of the clip, drawn above the features and scaled to its own peak.

    Returns
    -------
    matplotlib.figure.Figure
        330 pixels wide. `scale_figure` draws its colours.
    """
    wave = _CARD_WAVE if samples is not None else 0
    title, foot = 22, 24
    height = wave + len(panels) * (_CARD_PANEL + title) + foot
    figure = new_figure(_CARD, height)
    left, width = 40, _CARD - 40 - 12

    def place(top: float, tall: float) -> tuple[float, float, float, float]:
        return left / _CARD, 1 - (top + tall) / height, width / _CARD, tall / height

    if samples is not None:
        _draw_waveform(figure.add_axes(place(0, wave)), samples)
    for number, panel in enumerate(panels):
        top = wave + number * (_CARD_PANEL + title) + title
        axes = figure.add_axes(place(top, _CARD_PANEL))
        draw_panel(axes, panel, limits[panel.unit], pixels=True)
        text = plain(panel.name, 40)
        axes.set_title(text, **_PANEL_TITLE | {"fontsize": TICK, "pad": 3}, **PLAIN)
        axes.tick_params(labelbottom=panel is panels[-1])
        if panel is panels[-1]:
            _seconds(axes)
    return figure


def scale_figure(unit: str, limits: Limits) -> Figure:
    """Draw which colour is which value, as a line for a page.

    Parameters
    ----------
    unit : str
    limits : tuple of float
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    from asc.plots.spectrogram_axes import COLOURS

    size = (_CARD, 52)
    figure = new_figure(*size)
    shades = ScalarMappable(Normalize(*limits), colormaps[COLOURS].resampled(48))
    place = (40 / size[0], 36 / size[1], (size[0] - 52) / size[0], 10 / size[1])
    axes = figure.add_axes(place)
    axes.imshow(
        np.linspace(*limits, 48)[None],
        cmap=shades.cmap,
        extent=(*limits, 0, 1),
        aspect="auto",
        interpolation="none",
    )
    axes.set(yticks=[], xlabel=plain(unit, 60))
    style_axes(axes)
    return figure


def _draw_waveform(axes: Axes, samples: np.ndarray) -> None:
    """Draw audio as its lowest and highest samples, scaled to its own peak."""
    pieces = np.array_split(samples, max(min(_PIECES, len(samples)), 1))
    pieces = [piece for piece in pieces if len(piece)] or [np.zeros(1)]
    high = np.array([piece.max() for piece in pieces], float)
    low = np.array([piece.min() for piece in pieces], float)
    peak = max(np.abs(low).max(), np.abs(high).max(), 1e-9)
    time = np.linspace(0, 1, len(pieces))
    axes.fill(
        np.concatenate([time, time[::-1]]),
        np.concatenate([high, low[::-1]]) / peak,
        color=BLUE,
        linewidth=0.5,
    )
    axes.set(xlim=(0, 1), ylim=(-1.02, 1.02))
    axes.set_axis_off()


def _seconds(axes: Axes) -> None:
    """Write the unit of time at the end of its axis, in place of a label below."""
    axes.annotate(
        "s",
        (1, 0),
        (2, -3 - TICK),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=TICK,
        color=INK,
    )


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
    """Draw a colour bar for each unit in the right margin, beside its panels."""
    width, height = figure.bbox.size
    groups = [
        (unit, [image for _, image in found])
        for unit, found in itertools.groupby(images, lambda one: one[0].unit)
    ]
    inner, place = height - top - bottom, 0
    for unit, found in groups:
        tall = inner * len(found) / len(images)
        down = top + inner * place / len(images)
        place += len(found)
        if len(groups) > 1:
            tall, down = 0.86 * tall, down + 0.07 * tall
        box = (
            1 - (right - gap) / width,
            1 - (down + tall) / height,
            13 / width,
            tall / height,
        )
        bar = figure.colorbar(
            found[0], cax=figure.add_axes(box), extend="both", extendfrac=14 / tall
        )
        style_colour_bar(bar, plain(unit, 40))


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
