"""One feature of a clip between its axes: frequency, time and level."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.features import Drawing
from asc.plots.style import (
    INK,
    LABEL,
    ORANGE,
    PLAIN,
    SOFT,
    add_axes,
    format_axes,
    format_ticks,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

COLOURS = "magma"
#: Most decibels that the colours are spread over.
_MOST_DECIBELS = 100.0
#: Values worth a tick where the rows are not equally wide, those to keep first: the
#: frequencies that are on most drawings of a spectrum (in Hz).
_TICKS = (1000, 10000, 100, 500, 5000, 2000, 20000, 200, 20, 50)
#: Nearer to each other than this fraction of the axis, tick labels would touch.
_TICK_GAP = 0.085

Limits = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One feature and channel of a clip.

    Attributes
    ----------
    values : np.ndarray [shape=(rows, columns)]
        Lowest row first, as `FeatureStore.decode` returns them.
    drawing : Drawing
        What the axes say. Panels of one value label share their colours.
    seconds : float
        Length of the clip.
    channel : str
        Added to the title, such as ``side``.

    Raises
    ------
    UsageError
        If the values are not a matrix, or do not fit the centres of the rows.
    """

    values: np.ndarray
    drawing: Drawing
    seconds: float
    channel: str = ""

    def __post_init__(self) -> None:
        shape, centres = self.values.shape, self.drawing.row_centres
        if len(shape) != 2 or not shape[0]:
            raise UsageError(
                f"The values of {self.title} must have the shape (rows, columns). Got"
                f" {shape}."
            )
        if centres is not None and len(centres) != shape[0]:
            raise UsageError(
                f"{self.title} must have one row centre for each of {shape[0]} rows."
                f" Got {len(centres)}."
            )

    @property
    def title(self) -> str:
        """Such as ``Mel`` or ``STFT, side``."""
        title = self.drawing.title
        return f"{title}, {self.channel}" if self.channel else title


def colour_limits(panels: Sequence[Panel]) -> dict[str, Limits]:
    """Return the lowest and the highest value of the colours of each value label.

    Values outside are drawn in the outermost colours. Above, that is a cell in a
    thousand, since a few at the lowest frequencies are much louder than the rest.
    Below, it is the quietest percent and, in decibels, whatever is 100 dB below the
    top: digital silence and the gap above a codec's bandwidth would take half of the
    colours.
    """
    values: dict[str, list[np.ndarray]] = {}
    for panel in panels:
        values.setdefault(panel.drawing.value_label, []).append(panel.values.ravel())
    return {
        label: _limits(np.concatenate(found), "dB" in label)
        for label, found in values.items()
    }


def _limits(values: np.ndarray, decibels: bool) -> Limits:
    values = values[np.isfinite(values)]
    if not len(values):
        return (-100.0, 0.0) if decibels else (0.0, 1.0)
    low, high = (float(limit) for limit in np.percentile(values, [1, 99.9]))
    if decibels:
        low = max(low, high - _MOST_DECIBELS)
    spread = max(high - low, 1e-6 * max(abs(high), 1))
    step = 5 if decibels else 10 ** math.floor(math.log10(spread / 5))
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    return float(low), float(max(high, low + step))


def draw_panel(
    axes: Axes,
    panel: Panel,
    limits: Mapping[str, Limits],
    *,
    pixels: bool = False,
    heat: np.ndarray | None = None,
) -> AxesImage:
    """Draw the values of a panel, with ticks for rows and time.

    Parameters
    ----------
    axes : Axes
    panel : Panel
    limits : mapping of str to (float, float)
        Of every value label, as `colour_limits` returns them.
    pixels : bool
        Leave it to the page to scale the cells, instead of averaging them to the
        pixels of a file.
    heat : np.ndarray [shape=(map rows, map columns)], optional
        From 0 to 1, stretched over the panel: orange over values in greys.
    """
    from matplotlib.ticker import MaxNLocator

    rows = len(panel.values)
    low, high = limits[panel.drawing.value_label]
    image = axes.imshow(
        panel.values if heat is None else _overlaid(panel.values, (low, high), heat),
        cmap=shades(pixels=pixels),
        vmin=low,
        vmax=high,
        extent=(0, panel.seconds, -0.5, rows - 0.5),
        origin="lower",
        aspect="auto",
        interpolation="none" if pixels else "auto",
    )
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter("{x:g}")
    if panel.drawing.row_centres is None:
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    else:
        places = row_ticks(panel.drawing.row_centres)
        axes.set_yticks(list(places.values()), list(map(_short, places)))
    format_axes(axes)
    return image


def _overlaid(values: np.ndarray, limits: Limits, heat: np.ndarray) -> np.ndarray:
    """Return pixels: values as greys, and over them an orange as strong as the heat."""
    from matplotlib.colors import to_rgb
    from PIL import Image

    low, high = limits
    grey = np.nan_to_num(np.clip((values - low) / (high - low), 0, 1))
    size = values.shape[1], values.shape[0]
    small = Image.fromarray(np.asarray(heat, np.float32))
    stretched = np.asarray(small.resize(size, Image.Resampling.BILINEAR))
    # Few levels of each, which a page stores in few bytes.
    grey, stretched = (
        np.round(each * levels) / levels
        for each, levels in ((grey, 15), (stretched, 7))
    )
    opacity = 0.75 * np.clip(stretched, 0, 1)[..., None]
    return grey[..., None] * (1 - opacity) + np.array(to_rgb(ORANGE)) * opacity


def label_outside(axes: Axes, leftmost: bool, lowest: bool) -> None:
    """Label the rows of the leftmost panels, and the time of the lowest."""
    axes.tick_params(labelleft=leftmost, labelbottom=lowest)
    if lowest:
        axes.set_xlabel("Time (s)")


def colour_bars(
    figure: Figure,
    images: Sequence[tuple[Panel, AxesImage]],
    places: Sequence[tuple[float, float]],
    left: float,
) -> None:
    """Draw a colour bar for each value label, at the places of its images."""
    for label, group in itertools.groupby(
        zip(images, places, strict=True), lambda one: one[0][0].drawing.value_label
    ):
        found = list(group)
        (_, image), (top, _) = found[0]
        height = sum(found[-1][1]) - top
        axes = add_axes(figure, left, top, 13, height)
        bar = figure.colorbar(image, cax=axes, extend="both", extendfrac=14 / height)
        bar.set_label(plain(label, 40), size=LABEL, color=INK, **PLAIN)
        bar.outline.set(edgecolor=SOFT, linewidth=0.7)
        format_ticks(axes)


def shades(*, pixels: bool) -> Colormap:
    """Return the colours of values; `pixels` is that of `draw_panel`."""
    from matplotlib import colormaps

    # On a page each shade costs bytes, and more could not be distinguished.
    return colormaps[COLOURS].resampled(48 if pixels else 256)


def row_ticks(centres: np.ndarray) -> dict[float, float]:
    """Return values worth a tick and their place on an axis of rows.

    Parameters
    ----------
    centres : np.ndarray [shape=(rows,)]
        What each row stands for, ascending, such as its centre frequency (in Hz).

    Returns
    -------
    dict of float to float
        Value to row; the centre of row 0 is at 0.
    """
    from matplotlib.ticker import MaxNLocator

    if len(centres) == 1:
        return {float(centres[0]): 0.0}
    # Rows reach about as far as the centres of their neighbours would be.
    lowest = max(2 * centres[0] - centres[1], min(centres[0], 0))
    highest = max(2 * centres[-1] - centres[-2], centres[-1] ** 2 / centres[-2])
    known = np.concatenate([[lowest], centres, [highest]])
    nice = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(lowest, highest)
    widths = np.diff(centres)
    if np.allclose(widths, widths[0], rtol=0.01):
        return _spread(nice, known)
    chosen = _spread(_TICKS, known)
    return chosen if len(chosen) >= 3 else _spread(nice, known)


def _spread(wanted: Iterable[float], known: np.ndarray) -> dict[float, float]:
    """Return those of the wanted values that leave room for their labels."""
    rows = len(known) - 2
    chosen: dict[float, float] = {}
    for value in wanted:
        if known[0] - 1e-6 <= value <= known[-1] + 1e-6:
            row = float(np.interp(value, known, np.arange(-1, rows + 1)))
            row = min(max(row, -0.5), rows - 0.5)
            gap = min((abs(row - other) for other in chosen.values()), default=rows)
            if gap >= _TICK_GAP * rows:
                chosen[float(value)] = row
    return dict(sorted(chosen.items()))


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
