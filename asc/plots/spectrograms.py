"""What a store holds, as a person would draw it: Hz, seconds and decibels."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError
from asc.features import FeatureSpec, row_frequencies
from asc.plots.style import (
    INK,
    LABEL,
    PLAIN,
    SOFT,
    TICK,
    TITLE,
    dress,
    dress_bar,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from asc.store import FeatureStore

#: Features from top to bottom of a picture, and what they are called there.
_NAMES = {"stft": "STFT", "mel": "Mel"}
_CHANNELS = {"mono": ("",), "midside": (", mid", ", side")}
COLOURS = "magma"
#: Most decibels that the colours are spread over.
_RANGE = 100.0

#: Frequencies worth a tick on a Mel axis (in Hz), those to keep first.
_MEL_TICKS = (1000, 10000, 100, 500, 5000, 2000, 20000, 200, 20, 50)
#: Nearer to each other than this share of the axis, tick labels would touch.
_TICK_GAP = 0.085

#: Sizes in pixels: one picture, and one panel of a sheet.
_PICTURE = (640, 480)
_PANEL = (320, 240)
_GAP = 36
_PANEL_TITLE: dict[str, Any] = {"loc": "left", "fontsize": 9.5, "color": INK, "pad": 5}
#: A sheet of more scenes than this is no longer a picture.
_MOST_SCENES = 100


def spectrogram_figure(store: FeatureStore, row: int) -> Figure:
    """Draw the features of one clip: 640 x 480 pixels.

    Parameters
    ----------
    store : FeatureStore
    row : int
        Row of the clip.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for every feature and channel, under one scale of level.

    Raises
    ------
    UsageError
        If there is no such row, or it holds no data.
    """
    row = operator.index(row)
    if not 0 <= row < len(store):
        raise UsageError(
            f"Row {row} does not exist: {store.path} has the rows 0 to"
            f" {len(store) - 1}."
        )
    if not finished_rows(store)[row]:
        raise UsageError(f"Row {row} of {store.path} holds no data.")
    spec = store.spec
    names = [name for name in _NAMES if name in spec.features]
    levels = {
        name: store.to_decibels(name, store.features(name)[row]) for name in names
    }
    limits = colour_limits(list(levels.values()))

    figure = new_figure(*_PICTURE)
    margins = {"left": 76, "right": 92, "top": 76, "bottom": 48}
    channels = _CHANNELS[spec.channels]
    panels = figure.subplots(
        len(names),
        len(channels),
        squeeze=False,
        gridspec_kw=_placed(*_PICTURE, **margins) | {"hspace": 0.24, "wspace": 0.08},
    )
    for (line, column), axes in np.ndenumerate(panels):
        name, channel = names[line], channels[column]
        image = draw_level(axes, name, levels[name][..., column], spec, limits)
        axes.set_title(f"{_NAMES[name]}{channel}", **_PANEL_TITLE)
        bottom = line == len(names) - 1
        axes.tick_params(labelleft=column == 0, labelbottom=bottom)
        if column == 0:
            axes.set_ylabel("Frequency (Hz)")
        if bottom:
            axes.set_xlabel("Time (s)")
    figure.align_ylabels(list(panels[:, 0]))
    _colour_bar(figure, image, gap=14, **margins)

    detail = plain(PurePosixPath(store.paths()[row]).name, 52)
    if store.recordings_known:
        detail += f", recording {plain(store.recordings()[row], 24)}"
    scene = plain(store.scenes[store.labels()[row]], 44)
    _heading(figure, scene, detail, left=margins["left"])
    return figure


def spectrogram_sheet(store: FeatureStore, *, feature: str | None = None) -> Figure:
    """Draw the first clip of every scene, all under one scale of level.

    Parameters
    ----------
    store : FeatureStore
    feature : {'mel', 'stft'}, optional
        Draw this feature alone instead of all that the store has.

    Returns
    -------
    matplotlib.figure.Figure
        320 x 240 pixels for each feature of each scene: 1600 x 1440 for two
        features of 15 scenes. Of mid/side stores it shows the mid channel.
        Beyond 100 scenes it shows the first 100.

    Raises
    ------
    UsageError
        If the store has no such feature, or no data at all.
    """
    if feature is not None:
        store.features(feature)
    names = [n for n in _NAMES if n in store.spec.features and feature in (None, n)]
    scenes = store.scenes[:_MOST_SCENES]
    finished = np.flatnonzero(finished_rows(store))
    labels, first = np.unique(store.labels()[finished], return_index=True)
    rows = {
        int(label): int(finished[place])
        for label, place in zip(labels, first, strict=True)
        if label < len(scenes)
    }
    if not rows:
        raise UsageError(f"{store.path} holds no data that could be drawn.")
    levels = {
        (label, name): store.to_decibels(name, store.features(name)[row][..., 0])
        for label, row in rows.items()
        for name in names
    }
    limits = colour_limits(list(levels.values()))
    lines, columns = _grid(len(scenes))
    width = max(_PICTURE[0], columns * _PANEL[0])
    height = max(_PICTURE[1], lines * len(names) * _PANEL[1])
    margins = {"left": 76, "right": 100, "top": 84, "bottom": 50}
    # Between tiles as many pixels as a title needs, whatever their height.
    gap = lines * _GAP / (height - 134 - (lines - 1) * _GAP)

    figure = new_figure(width, height)
    tiles = figure.add_gridspec(
        lines, columns, **_placed(width, height, **margins), wspace=0.07, hspace=gap
    )
    paths = store.paths()
    for label, scene in enumerate(scenes):
        line, column = divmod(label, columns)
        panels = tiles[line, column].subgridspec(len(names), 1, hspace=0.06)
        # The leftmost tiles carry the frequencies, the lowest the time.
        lowest = label + columns >= len(scenes)
        for place, name in enumerate(names):
            axes = figure.add_subplot(panels[place])
            if name == names[0]:
                axes.set_title(plain(scene, 20), **_PANEL_TITLE, **PLAIN)
            if label not in rows:
                axes.text(0.5, 0.5, "no clip", ha="center", color=SOFT, fontsize=LABEL)
                axes.set(xticks=[], yticks=[])
                dress(axes)
                continue
            if name == names[0]:
                _beside_title(axes, plain(PurePosixPath(paths[rows[label]]).name, 24))
            image = draw_level(axes, name, levels[label, name], store.spec, limits)
            bottom = lowest and name == names[-1]
            axes.tick_params(labelleft=column == 0, labelbottom=bottom)
            if column == 0:
                axes.set_ylabel(f"{_NAMES[name]} frequency (Hz)")
            if bottom:
                axes.set_xlabel("Time (s)")
    _colour_bar(figure, image, gap=16, **margins)
    shown = f"the first clip of each of {len(store.scenes)} scenes"
    if len(scenes) < len(store.scenes):
        shown += f", of which the first {len(scenes)} are shown"
    if store.spec.channels == "midside":
        shown += ", mid channel"
    _heading(figure, plain(store.path.name, 40), shown, left=margins["left"])
    return figure


def finished_rows(store: FeatureStore) -> np.ndarray:
    """Return which rows hold data [shape=(clips,)], bool."""
    from asc.store.schema import DONE

    return store.status() == DONE


def colour_limits(levels: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the lowest and highest level of a colour scale (in dB).

    What lies outside is drawn in the outermost colours. Above, that is a cell in
    a thousand, since a few at the lowest frequencies are much louder than the
    rest. Below, it is the quietest percent and whatever is 100 dB quieter than
    the top: digital silence and the gap above a codec's bandwidth would take
    half of the colours.
    """
    values = np.concatenate([level.ravel() for level in levels])
    values = values[np.isfinite(values)]
    if not len(values):
        return -100.0, 0.0
    low, high = np.percentile(values, [1, 99.9])
    low = max(low, high - _RANGE)
    low, high = 5 * math.floor(low / 5), 5 * math.ceil(high / 5)
    return float(low), float(max(high, low + 5))


def _grid(count: int) -> tuple[int, int]:
    """Return lines and columns for tiles: 3 x 5 for 15, 2 x 5 for 10."""
    lines = math.ceil(count / math.ceil(math.sqrt(count * 5 / 3)))
    return lines, math.ceil(count / lines)


def draw_level(
    axes: Axes,
    feature: str,
    level: np.ndarray,
    spec: FeatureSpec,
    limits: tuple[float, float],
) -> AxesImage:
    """Draw the level [shape=(rows, columns)] of one feature and channel."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    # The rows of STFT are equally wide in Hz, so its axis is in Hz. Those of Mel
    # are not; its axis counts rows and the ticks say which frequency is where.
    if feature == "stft":
        bottom, top = spec.fmin, spec.fmax
    else:
        bottom, top = -0.5, spec.rows - 0.5
    image = axes.imshow(
        level,
        cmap=COLOURS,
        vmin=limits[0],
        vmax=limits[1],
        extent=(0, spec.seconds, bottom, top),
        origin="lower",
        aspect="auto",
        interpolation="auto",
    )
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if feature == "stft":
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    else:
        places = mel_ticks(spec)
        axes.set_yticks(
            list(places.values()), [f"{frequency:,.6g}" for frequency in places]
        )
    dress(axes)
    return image


def mel_ticks(spec: FeatureSpec) -> dict[float, float]:
    """Return frequencies worth a tick and their place on an axis of Mel rows.

    Returns
    -------
    dict of float to float
        Frequency (in Hz) to row; the centre of row 0 is at 0.
    """
    # The edges of the filter bank lie one row beyond the outermost centres.
    known = np.concatenate([[spec.fmin], row_frequencies("mel", spec), [spec.fmax]])
    rows = np.arange(-1, spec.rows + 1)

    def spread(wanted: Iterable[float]) -> dict[float, float]:
        chosen: dict[float, float] = {}
        for frequency in wanted:
            if spec.fmin <= frequency <= spec.fmax:
                row = float(np.interp(frequency, known, rows))
                row = min(max(row, -0.5), spec.rows - 0.5)
                gap = min((abs(row - o) for o in chosen.values()), default=math.inf)
                if gap >= _TICK_GAP * spec.rows:
                    chosen[frequency] = row
        return dict(sorted(chosen.items()))

    chosen = spread(_MEL_TICKS)
    if len(chosen) >= 3:
        return chosen
    from matplotlib.ticker import MaxNLocator

    return spread(MaxNLocator(5).tick_values(spec.fmin, spec.fmax))


def _placed(
    width: int, height: int, *, left: int, right: int, top: int, bottom: int
) -> dict[str, float]:
    """Return margins in pixels as the shares that matplotlib wants."""
    return {
        "left": left / width,
        "right": 1 - right / width,
        "bottom": bottom / height,
        "top": 1 - top / height,
    }


def _colour_bar(
    figure: Figure,
    image: AxesImage,
    *,
    gap: int,
    left: int,
    right: int,
    top: int,
    bottom: int,
) -> None:
    """Draw the scale of level in the right margin, as high as the panels."""
    width, height = figure.bbox.size
    place = (
        1 - (right - gap) / width,
        bottom / height,
        13 / width,
        1 - (top + bottom) / height,
    )
    bar = figure.colorbar(
        image,
        cax=figure.add_axes(place),
        extend="both",
        extendfrac=14 / (height - top - bottom),
    )
    dress_bar(bar, "Level (dB re full scale)")


def _heading(figure: Figure, title: str, detail: str, *, left: int) -> None:
    """Write two lines above all panels."""
    width, height = figure.bbox.size
    for text, down, size, weight, colour in (
        (title, 26, TITLE + 1.5, "bold", INK),
        (detail, 45, LABEL, "normal", SOFT),
    ):
        figure.text(
            left / width,
            1 - down / height,
            text,
            fontsize=size,
            fontweight=weight,
            color=colour,
            **PLAIN,
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
