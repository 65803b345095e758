"""The picture of a prediction: spectrogram and timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.features import FrontEnd, drawing_of
from asc.plots import Panel, timeline_figure
from asc.prediction.prediction import Prediction
from asc.prediction.segments import segments, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

#: Most columns of the spectrogram.
_COLUMNS = 1200


def draw(
    found: Prediction,
    scenes: Sequence[str],
    frontend: FrontEnd,
    *,
    min_confidence: float = 0.0,
    detail: str = "",
) -> Figure:
    """Draw the spectrogram of a file, and its segments below it.

    Parameters
    ----------
    found : Prediction
        Made with ``spectra=True``.
    scenes : sequence of str
    frontend : FrontEnd
        As in `Predictions`.
    min_confidence : float
        Windows whose scene has a lower probability get no bar.
    detail : str
        Written below the name of the file.

    Raises
    ------
    UsageError
        If the predictions were made without spectra.
    """
    if found.spectra is None:
        raise UsageError(
            "A picture needs predictions that were made with spectra=True."
        )
    ((name, feature),) = frontend.features.items()
    codes = spectrogram(found, found.spectra, frontend.spec.seconds)
    values = feature.encoding.decode(codes)
    drawing = drawing_of(name, frontend.spec, feature.encoding.unit)
    bars = [
        (start, end, scenes[label], confidence)
        for start, end, label, confidence in segments(found, min_confidence)
    ]
    panel = Panel(values, drawing, max(found.seconds, 1e-3))
    return timeline_figure(panel, bars, title=found.path.name, detail=detail)


def spectrogram(found: Prediction, spectra: np.ndarray, seconds: float) -> np.ndarray:
    """Return the feature of a whole file [shape=(rows, n)], as stored.

    Parameters
    ----------
    found : Prediction
    spectra : np.ndarray [shape=(windows, rows, columns)]
    seconds : float
        Length of a clip, over which the feature of a window reaches. That of a shorter
        window, which is repeated, is used up to the end of the window.
    """
    count = spectra.shape[2]
    starts, ends = spans(found)
    times = found.start[:, None] + (np.arange(count) + 0.5) * seconds / count
    inside = (times >= starts[:, None]) & (times < ends[:, None])
    inside[np.arange(len(times)), inside.argmax(axis=1)] = True  # at least one of each
    columns = np.moveaxis(spectra, 1, 0)[:, inside].astype(np.float32)
    times = times[inside]
    order = np.argsort(times, kind="stable")
    times, columns = times[order], columns[:, order]
    edges = np.linspace(0, found.seconds, min(_COLUMNS, len(times)) + 1)
    first = np.minimum(np.searchsorted(times, edges[:-1]), len(times) - 1)
    after = np.maximum(np.searchsorted(times, edges[1:]), first + 1)
    sums = np.concatenate(
        [np.zeros((len(columns), 1)), np.cumsum(columns, axis=1, dtype=np.float64)], 1
    )
    return ((sums[:, after] - sums[:, first]) / (after - first)).astype(np.float32)
