"""Predicting files: windows of several at once in threads, batches for the model."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from asc import environment
from asc.errors import AscError, InputError, MissingInputError
from asc.features import FrontEnd, cut, stream_audio
from asc.kinds import RUNS, kind_of, not_a
from asc.models.outputs import are_probabilities
from asc.prediction.ensemble import Ensemble
from asc.prediction.prediction import Prediction, Predictions
from asc.prediction.sources import Source, explain, find_sources
from asc.prediction.windows import cut_windows
from asc.training.run import Run
from asc.validation import check_number, check_path, one_or_several

#: Windows in a batch of the model, and windows that a thread computes at a time.
_BATCH = 16
#: Least step between windows (in seconds).
_LEAST_HOP = 0.01
_NO_PROBABILITIES = "the model's output for it is NaN or not in [0, 1]."


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
    cutter = partial(cut_windows, length=max(1, length), hop=max(1, step))
    files, notes = find_sources(paths)
    ensemble = Ensemble.load(opened)
    frontend = FrontEnd(spec, opened.recipe.feature)
    readings = [
        _Reading(source, frontend, cutter, accept_truncated) for source in files
    ]
    found = _predictions(ensemble, readings, progress)
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


class _Reading:
    """A file that is read, and what the model has given for its windows."""

    def __init__(
        self,
        source: Source,
        frontend: FrontEnd,
        cutter: Callable[..., Iterator[tuple[int, np.ndarray]]],
        accept_truncated: bool,
    ) -> None:
        self.source = source
        self._cutter, self._accept = cutter, accept_truncated
        self.ended = False
        self.waiting = 0  # windows that the model has not seen yet
        self._frontend = frontend
        self._seconds = 0.0
        self._note = ""
        self._error = source.error
        self._start: list[float] = []
        self._end: list[float] = []
        self._rows: list[np.ndarray] = []

    def features(self) -> Iterator[np.ndarray]:
        """Yield the features of each window; an error of the file ends them."""
        if self._error:
            return
        (feature,) = self._frontend.features
        spec = self._frontend.spec
        try:
            with stream_audio(
                self.source.file, spec, accept_truncated=self._accept
            ) as stream:
                self._seconds, self._note = stream.seconds, stream.note
                for start, y in self._cutter(stream.blocks()):
                    self._start.append(start / spec.sample_rate)
                    self._end.append((start + y.shape[1]) / spec.sample_rate)
                    yield self._frontend(cut(y, 0, spec))[feature]
                if not self._start:
                    raise InputError("the file is too short.")
        except AscError as error:
            self._error = explain(self.source, str(error))
        except MemoryError:
            self._error = "there is not enough memory to read it."
        except Exception as error:  # noqa: BLE001 - one file must not stop the others
            self._error = f"it cannot be read ({type(error).__name__}: {error})."
        finally:
            self.source.close()

    def take(self, probabilities: np.ndarray) -> None:
        """Keep what the model gives for the next window."""
        self.waiting -= 1
        self._rows.append(probabilities)
        if not are_probabilities(probabilities[None])[0]:
            self._error = self._error or _NO_PROBABILITIES

    def result(self, scenes: int) -> Prediction:
        """Return the prediction, when all windows have been taken."""
        count = 0 if self._error else len(self._rows)
        rows = self._rows[:count] or [np.empty((0, scenes), np.float32)]
        return Prediction(
            self.source.path,
            np.vstack(rows),
            np.array(self._start[:count]),
            np.array(self._end[:count]),
            self._seconds,
            self._error,
            self._note,
        )


def _predictions(
    ensemble: Ensemble,
    readings: list[_Reading],
    progress: Callable[[int, int], None] | None,
) -> Iterator[Prediction]:
    """Yield predictions in the order of the files, as their last windows are done."""
    unfinished = deque(readings)
    queue: deque[tuple[_Reading, np.ndarray]] = deque()

    def ask(count: int) -> None:
        batch = [queue.popleft() for _ in range(count)]
        values = np.stack([features for _, features in batch]).astype(np.float32)
        for (reading, _), row in zip(batch, ensemble(values), strict=True):
            reading.take(row)

    def finished() -> Iterator[Prediction]:
        while unfinished and unfinished[0].ended and not unfinished[0].waiting:
            reading = unfinished.popleft()
            yield reading.result(len(ensemble.scenes))
            if progress:
                progress(len(readings) - len(unfinished), len(readings))

    for reading, part, ended in _in_threads(readings):
        reading.waiting += len(part)
        reading.ended = ended
        queue.extend((reading, features) for features in part)
        while len(queue) >= _BATCH:
            ask(_BATCH)
        yield from finished()
    if queue:
        ask(len(queue))
    yield from finished()


def _in_threads(
    readings: Iterable[_Reading],
) -> Iterator[tuple[_Reading, list[np.ndarray], bool]]:
    """Compute features in threads, those of several files at once.

    Yields
    ------
    reading : _Reading
        In order; a long file comes several times.
    part : list of np.ndarray
        Features of its next windows.
    ended : bool
        Whether it was the last part.
    """
    jobs = environment.usable_cores()
    ahead = jobs + _BATCH  # so that threads have work while the model computes
    upcoming = iter(readings)
    begun: deque[tuple[_Reading, Iterator[np.ndarray], Future[list[np.ndarray]]]]
    begun = deque()
    with ThreadPoolExecutor(jobs) as pool:

        def next_part(features: Iterator[np.ndarray]) -> Future[list[np.ndarray]]:
            return pool.submit(lambda: list(islice(features, _BATCH)))

        try:
            while True:
                for reading in islice(upcoming, ahead - len(begun)):
                    features = reading.features()
                    begun.append((reading, features, next_part(features)))
                if not begun:
                    return
                reading, features, future = begun.popleft()
                part = future.result()
                ended = len(part) < _BATCH
                if not ended:
                    begun.appendleft((reading, features, next_part(features)))
                yield reading, part, ended
        finally:
            pool.shutdown(cancel_futures=True)
