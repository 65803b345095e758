"""Predicting files: their windows from threads, in batches for the model."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from asc.errors import InputError, MissingInputError
from asc.features import FrontEnd
from asc.kinds import RUNS, kind_of, not_a
from asc.prediction.ensemble import Ensemble
from asc.prediction.parts import compute_parts
from asc.prediction.prediction import Prediction, Predictions
from asc.prediction.reading import Reading, Windows
from asc.prediction.sources import find_sources
from asc.training.run import Run
from asc.validation import check_number, check_path, one_or_several

#: Windows in a batch of the model.
_BATCH = 16
#: Least step between windows (in seconds).
_LEAST_HOP = 0.01


def predict(
    run: Run | str | os.PathLike[str],
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    window: float | None = None,
    hop: float | None = None,
    accept_truncated: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict the scenes of audio files.

    Audio is read, resampled and transformed as for the run's store, so a clip of the
    nominal length gets the values of its row there. Longer audio is cut into windows
    of the clip length, one after the other and the last at the end, and their
    probabilities are averaged; audio shorter than one and a half clip lengths is one
    window. Of a run of all folds, the probabilities of its models are averaged.

    Parameters
    ----------
    run : Run or path
    sources : path, or iterable of paths
        Audio files, folders to search for audio, or ``-`` for standard input.
    window : float in (0, clip length], optional
        Length of a window (in seconds); the clip length of the run if not given. A
        shorter window is repeated, as a short clip is.
    hop : float >= 0.01, optional
        Step between windows (in seconds); `window` if not given.
    accept_truncated : bool
        Read what is there of files that may be truncated.
    progress : callable(done, total), optional
        Called with files.

    Returns
    -------
    Predictions
        An iterator over the `Prediction` of each file, in the order of the sources. A
        file that cannot be used has an error and does not stop the others.

    Raises
    ------
    InputError
        If the run cannot be used.
    UsageError
        If a source is not a path, or if window or hop are out of range.

    Examples
    --------
    >>> (found,) = asc.predict("run", "corpus/audio/s001_0_1.wav")
    >>> found.windows.shape, found.probabilities.shape
    ((1, 3), (3,))
    """
    paths = [check_path("audio", one) for one in one_or_several("audio", sources)]
    opened = run if isinstance(run, Run) else _open_run(run, paths)
    spec = opened.spec
    if window is not None:
        window = check_number("window", window, 0, spec.seconds, above=True)
    if hop is not None:
        hop = check_number("hop", hop, _LEAST_HOP)
    length = spec.samples if window is None else round(window * spec.sample_rate)
    step = length if hop is None else round(hop * spec.sample_rate)
    windows = Windows(spec, max(1, length), max(1, step), accept_truncated)
    files, notes = find_sources(paths)
    ensemble = Ensemble.load(opened)
    frontend = FrontEnd(spec, opened.recipe.feature)
    readings = [Reading(source, windows) for source in files]

    def feature(y: np.ndarray) -> np.ndarray:
        return frontend(y)[opened.recipe.feature]

    found = _predictions(ensemble, readings, feature, progress)
    notes = [*ensemble.notes, *notes]
    return Predictions(opened.scenes, len(files), tuple(notes), found)


def _open_run(path: str | os.PathLike[str], audio: list[Path]) -> Run:
    """Open a run; if it is among the audio, the arguments were swapped."""
    try:
        return Run(path)
    except MissingInputError as error:
        if any(kind_of(other) in RUNS for other in audio):
            order = "The run folder comes first: asc predict RUN AUDIO..."
            raise InputError(not_a("a run folder", path, order)) from error
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
        values = np.stack([features for _, _, features in batch]).astype(np.float32)
        for (reading, number, _), row in zip(batch, ensemble(values), strict=True):
            reading.take(number, row)

    def finished() -> Iterator[Prediction]:
        while unfinished and unfinished[0].finished:
            yield unfinished.popleft().result(len(ensemble.scenes))
            if progress:
                progress(len(readings) - len(unfinished), len(readings))

    with closing(compute_parts(readings, feature)) as parts:
        for reading, first, part in parts:
            queue.extend((reading, first + i, each) for i, each in enumerate(part))
            while len(queue) >= _BATCH:
                ask(_BATCH)
            yield from finished()
    if queue:
        ask(len(queue))
    yield from finished()
