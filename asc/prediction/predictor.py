"""Predicting files: their windows from threads, in batches for the model."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from asc.errors import InputError, MissingInputError
from asc.features import FrontEnd
from asc.kinds import WITH_MODELS, kind_of, not_a
from asc.prediction.ensemble import Ensemble
from asc.prediction.heading import heading
from asc.prediction.parts import compute_parts
from asc.prediction.prediction import Prediction, Predictions
from asc.prediction.reading import Reading, Windows
from asc.prediction.smoothing import Smoothing
from asc.prediction.sources import Source, check_samples, find_sources
from asc.training.bundle import load_run
from asc.training.run import Run
from asc.validation import (
    check_flag,
    check_number,
    check_path,
    check_whole,
    one_or_several,
)

#: Audio in files, or in memory.
Audio = str | os.PathLike[str] | np.ndarray

#: Windows in a batch of the model.
_BATCH = 16
#: Least step between windows (in seconds).
_LEAST_HOP = 0.01


def predict(
    run: Run | str | os.PathLike[str],
    sources: Audio | Iterable[Audio],
    *,
    sample_rate: int | None = None,
    window: float | None = None,
    hop: float | None = None,
    smooth: str = "none",
    smooth_windows: int = 5,
    switch_cost: float = 3.0,
    tta: int = 1,
    calibrated: bool = False,
    accept_truncated: bool = False,
    keep: Callable[[Source], bool] | None = None,
    spectra: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict the scenes of audio.

    Audio is read, resampled and transformed as for the run's store, so a clip of the
    nominal length gets the values of its row there. Longer audio is cut into windows
    of the clip length, one after the other and the last at the end, and their
    probabilities are averaged; audio shorter than one and a half clip lengths is one
    window. Of a run of all folds, the probabilities of its models are averaged.

    Parameters
    ----------
    run : Run or path
        A run folder or a bundle.
    sources : path or np.ndarray, or iterable of these
        Audio files, folders to search for audio, patterns such as ``day/*.wav``, ``-``
        for standard input, or samples [shape=(n,) or (channels, n)] as librosa has
        them. What libsndfile does not read, such as M4A, ffmpeg decodes if it is
        installed.
    sample_rate : int, optional
        Of all arrays (in Hz).
    window : float in (0, clip length], optional
        Length of a window (in seconds); the clip length of the run if not given. A
        shorter window is repeated, as a short clip is.
    hop : float >= 0.01, optional
        Step between windows (in seconds); `window` if not given.
    smooth : {'none', 'median', 'viterbi'}
        How the timeline of a file is smoothed: the median of each scene over
        `smooth_windows` windows, or the path of scenes that costs least.
    smooth_windows : odd int > 0
    switch_cost : float >= 0
        What a change of scene costs the path: staying is ``exp(switch_cost)`` times as
        probable.
    tta : int > 0
        Average the probabilities of so many circular shifts along time of each window.
    calibrated : bool
        Return probabilities at the temperature that was fitted on the validation part
        (`asc.evaluation.temperature`), so that they are as sure as the model is right.
        The most probable scene of a window stays the same. That of a file may change,
        because it is the mean of its windows. The temperature is of clips as they are,
        without time shifts.
    accept_truncated : bool
        Read what is there of files that may be truncated.
    keep : callable(Source), optional
        Called with each file that was found; those for which it returns False are left
        out.
    spectra : bool
        Keep what a picture of the features needs.
    progress : callable(done, total), optional
        Called with files; with whole seconds if there is one file.

    Returns
    -------
    Predictions
        An iterator over the `Prediction` of each file, in the order of the sources. A
        file that cannot be used has an error and does not stop the others.

    Raises
    ------
    InputError
        If the run cannot be used, or has no temperature.
    UsageError
        If a source is not a path or audio, or if an option is out of range.

    Examples
    --------
    >>> (found,) = asc.predict("run", "corpus/audio/s001_0_1.wav")
    >>> found.windows.shape, found.probabilities.shape
    ((1, 3), (3,))
    >>> import numpy as np
    >>> y = np.random.default_rng(0).normal(0, 0.1, 88_200)
    >>> (found,) = asc.predict("run", y, sample_rate=44100, hop=0.5)
    >>> found.start, found.end
    (array([0. , 0.5, 1. ]), array([1. , 1.5, 2. ]))
    """
    given = [
        (
            check_samples("audio", one, sample_rate)
            if isinstance(one, np.ndarray)
            else check_path("audio", one)
        )
        for one in one_or_several("audio", sources, np.ndarray)
    ]
    smoothing = Smoothing(smooth, smooth_windows, switch_cost)
    check_whole("tta", tta, 1)
    check_flag("calibrated", calibrated)
    opened = _open_run(run, given)
    spec = opened.spec
    if window is not None:
        window = check_number("window", window, 0, spec.seconds, above=True)
    if hop is not None:
        hop = check_number("hop", hop, _LEAST_HOP)
    length = spec.samples if window is None else round(window * spec.sample_rate)
    step = length if hop is None else round(hop * spec.sample_rate)
    windows = Windows(
        spec, max(1, length), max(1, step), accept_truncated, smoothing, spectra
    )
    files, notes = find_sources(given, sample_rate)
    if keep is not None:
        files = [source for source in files if keep(source)]
    ensemble = Ensemble.load(opened, tta=tta, calibrated=calibrated)
    frontend = FrontEnd(spec, opened.recipe.feature)
    readings = [Reading(source, windows) for source in files]

    def feature(y: np.ndarray) -> np.ndarray:
        return frontend(y)[opened.recipe.feature]

    return Predictions(
        opened.scenes,
        len(files),
        (*ensemble.notes, *notes),
        heading(opened),
        frontend,
        _predictions(ensemble, readings, feature, progress),
    )


def _open_run(
    run: Run | str | os.PathLike[str], audio: Sequence[Path | np.ndarray]
) -> Run:
    """Open a run or bundle; if one is among the audio, the arguments were swapped."""
    try:
        return load_run(run)
    except MissingInputError as error:
        paths = [one for one in audio if isinstance(one, Path)]
        if any(kind_of(other) in WITH_MODELS for other in paths):
            order = "The run folder comes first: asc predict RUN AUDIO..."
            raise InputError(not_a("a run folder", run, order)) from error
        raise


def _predictions(
    ensemble: Ensemble,
    readings: list[Reading],
    feature: Callable[[np.ndarray], np.ndarray],
    progress: Callable[[int, int], None] | None,
) -> Iterator[Prediction]:
    """Yield predictions in the order of the files, as their last windows are done."""
    unfinished = deque(readings)
    queue: deque[tuple[Reading, int, np.ndarray]] = deque()

    def ask(count: int) -> None:
        batch = [queue.popleft() for _ in range(count)]
        values = np.stack([each for _, _, each in batch], dtype=np.float32)
        for (reading, number, _), row in zip(batch, ensemble(values), strict=True):
            reading.take(number, row)

    def finished() -> Iterator[Prediction]:
        while unfinished and unfinished[0].finished:
            yield unfinished.popleft().result(len(ensemble.scenes))
            tell(len(readings) - len(unfinished))

    def tell(done: int) -> None:
        if progress is None:
            return
        if len(readings) > 1:
            progress(done, len(readings))
        elif total := math.ceil(readings[0].seconds):
            progress(total if done else int(readings[0].done), total)

    with closing(compute_parts(readings, feature)) as parts:
        for reading, first, part in parts:
            queue.extend((reading, first + i, each) for i, each in enumerate(part))
            while len(queue) >= _BATCH:
                ask(_BATCH)
                if len(readings) == 1:
                    tell(0)
            yield from finished()
    if queue:
        ask(len(queue))
    yield from finished()
