"""Spectrograms and waveforms as elements: small PNG data under drawn axes."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from asc.features import FeatureSpec, row_frequencies
from asc.plots.spectrogram_axes import COLOURS, row_ticks
from asc.reporting.charts import picture
from asc.reporting.html import Element, tag

#: Colours of a spectrogram. More could not be told apart, and would take more bytes.
_SHADES = 48
_WIDTH, _LEFT, _RIGHT = 320, 36, 6
_TOP, _BOTTOM, _PLOT = 5, 17, 150
_WAVE = 44
#: Pieces of a waveform, each drawn from its lowest to its highest sample.
_PIECES = 280
#: Least distance between two names on an upright axis.
_APART = 15


def spectrogram(
    level: np.ndarray,
    feature: str,
    spec: FeatureSpec,
    limits: tuple[float, float],
    *,
    title: str,
    name: str = "",
    coarse: bool = False,
) -> Element:
    """Draw the level of one feature and channel.

    Parameters
    ----------
    level : np.ndarray [shape=(rows, columns)]
        In dB.
    feature : {'mel', 'stft'}
    spec : FeatureSpec
    limits : tuple of float
        Level of the darkest and the brightest colour (in dB).
    title : str
    name : str
        Written into the picture.
    coarse : bool
        Average two cells in either direction, for a quarter of the bytes.
    """
    drawn = [
        tag(
            "image",
            href=_data_uri(level, limits, coarse),
            x=_LEFT,
            y=_TOP,
            width=_WIDTH - _LEFT - _RIGHT,
            height=_PLOT,
            preserveAspectRatio="none",
        )
    ]
    last = float("inf")
    for frequency, share in _frequencies(feature, spec):
        place = _TOP + _PLOT * (1 - share)
        if last - place >= _APART:
            last = place
            drawn.append(_tick(_LEFT - 4, place + 3.5, _short(frequency), "end"))
    drawn += _seconds(spec, _TOP + _PLOT + 13)
    if name:
        corner = {"x": _WIDTH - _RIGHT - 6, "y": _TOP + 16}
        drawn.append(tag("text", name, text_anchor="end", class_="inside", **corner))
    return picture(title, _WIDTH, _TOP + _PLOT + _BOTTOM, drawn)


def waveform(samples: np.ndarray, title: str) -> Element:
    """Draw audio [shape=(n,)] as its lowest and highest samples, to its own peak."""
    pieces = np.array_split(samples, min(_PIECES, len(samples)))
    high = np.array([piece.max() for piece in pieces], float)
    low = np.array([piece.min() for piece in pieces], float)
    peak = max(abs(low).max(), abs(high).max(), 1e-9)
    x = np.linspace(_LEFT, _WIDTH - _RIGHT, len(pieces))
    middle = _WAVE / 2
    edge = [
        f"{across:.1f} {middle - (middle - 1) * value / peak:.1f}"
        for across, value in zip(
            np.concatenate([x, x[::-1]]), np.concatenate([high, low[::-1]])
        )
    ]
    return picture(
        title, _WIDTH, _WAVE, [tag("path", class_="wave", d=f"M{'L'.join(edge)}Z")]
    )


def scale(limits: tuple[float, float]) -> Element:
    """Draw which colour stands for which level."""
    ramp = np.linspace(*limits, 256)[None, :]
    low, high = limits
    return tag(
        "p",
        f"{low:.0f} dB",
        tag("img", src=_data_uri(ramp, limits, False), alt="from dark to bright"),
        f"{high:.0f} dB re full scale",
        class_="scale",
    )


def _data_uri(level: np.ndarray, limits: tuple[float, float], coarse: bool) -> str:
    from PIL import Image

    if coarse:
        rows, columns = (length // 2 * 2 for length in level.shape)
        level = level[:rows, :columns]
        level = level.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    low, high = limits
    share = np.nan_to_num((level - low) / max(high - low, 1e-9))
    shades = np.round(np.clip(share, 0, 1) * (_SHADES - 1)).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shades[::-1]))
    image.putpalette(_palette())
    data = io.BytesIO()
    image.save(data, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


@lru_cache(maxsize=1)
def _palette() -> bytes:
    from matplotlib import colormaps

    shades = colormaps[COLOURS](np.linspace(0, 1, _SHADES))[:, :3]
    return np.round(255 * shades).astype(np.uint8).tobytes()


def _frequencies(feature: str, spec: FeatureSpec) -> list[tuple[float, float]]:
    """Return frequencies to mark (in Hz), and their height as a share."""
    if feature == "mel":
        places = row_ticks(row_frequencies("mel", spec))
        return [(hertz, (row + 0.5) / spec.rows) for hertz, row in places.items()]
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(spec.fmin, spec.fmax)
    return [
        (hertz, (hertz - spec.fmin) / (spec.fmax - spec.fmin))
        for hertz in ticks
        if spec.fmin <= hertz <= spec.fmax
    ]


def _seconds(spec: FeatureSpec, down: float) -> list[Element]:
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(0, spec.seconds)
    kept = [value for value in ticks if 0 <= value <= spec.seconds]
    width = _WIDTH - _LEFT - _RIGHT
    return [
        _tick(
            _LEFT + width * value / spec.seconds,
            down,
            f"{value:g} s" if value == kept[-1] else f"{value:g}",
            "end" if value > 0.97 * spec.seconds else "middle",
        )
        for value in kept
    ]


def _short(hertz: float) -> str:
    return f"{hertz / 1000:g}k" if hertz >= 1000 else f"{hertz:g}"


def _tick(x: float, y: float, text: str, anchor: str) -> Element:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


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
    low = max(low, high - 100.0)
    low, high = 5 * math.floor(low / 5), 5 * math.ceil(high / 5)
    return float(low), float(max(high, low + 5))
