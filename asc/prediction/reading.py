"""Reading the files to predict: their windows, and what the model gives for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np

from asc.errors import AscError, InputError
from asc.features import FeatureSpec, cut
from asc.models.outputs import are_probabilities
from asc.prediction.prediction import Prediction
from asc.prediction.smoothing import Smoothing
from asc.prediction.sources import Source, explain
from asc.prediction.windows import cut_windows

#: Columns of a picture of a file.
_COLUMNS = 1200
_NO_PROBABILITIES = "the model's output for it is NaN or not in [0, 1]."


@dataclass(frozen=True)
class Windows:
    """How files are read, and how they are cut into windows.

    Attributes
    ----------
    spec : FeatureSpec
    length, hop : int > 0
        Length of a window and step between windows (in samples of the spec's rate).
    accept_truncated : bool
    smoothing : Smoothing
        What is made of the windows of a file at the end.
    spectra : bool
        Keep the features of each window, averaged to a few columns.
    """

    spec: FeatureSpec
    length: int
    hop: int
    accept_truncated: bool = False
    smoothing: Smoothing = Smoothing()
    spectra: bool = False

    def columns(self, seconds: float) -> int:
        """Return to how many columns the feature of a window is averaged."""
        count = max(1.0, seconds * self.spec.sample_rate / self.hop)
        return min(self.spec.columns, math.ceil(_COLUMNS / count))


class Reading:
    """A file that is read window by window, and what the model gives for them.

    One thread at a time reads; another may take probabilities meanwhile.

    Attributes
    ----------
    source : Source
    seconds : float
        Length of the file, once it is open.
    ended : bool
        Whether all windows are read, or reading them failed.
    taken : int
        Windows that the model has given probabilities for.
    """

    def __init__(self, source: Source, windows: Windows) -> None:
        self.source = source
        self.seconds = 0.0
        self.ended = False
        self.taken = 0
        self._note = ""
        self._error = source.error
        self._start: list[int] = []
        self._end: list[int] = []
        self._rows: dict[int, np.ndarray] = {}
        self._spectra: dict[int, np.ndarray] = {}
        self._failed: list[int] = []
        self._options = windows
        self._windows = self._cut()

    @property
    def finished(self) -> bool:
        """Whether the model has seen all windows."""
        return self.ended and self.taken + sum(self._failed) == len(self._start)

    @property
    def done(self) -> float:
        """Seconds that the model has seen."""
        seen = self._end[self.taken - 1] if self.taken else 0
        return seen / self._options.spec.sample_rate

    def read(self, count: int) -> tuple[int, list[np.ndarray]]:
        """Return the next windows up to a count, and the number of the first.

        An error of the file ends it.
        """
        first = len(self._start)
        windows: list[np.ndarray] = []
        with self._errors_kept():
            windows = list(islice(self._windows, count))
        del self._start[first + len(windows) :]  # those that an error has lost
        if len(windows) < count:
            self.source.close()
            self.ended = True
        return first, windows

    def compute(
        self,
        feature: Callable[[np.ndarray], np.ndarray],
        first: int,
        windows: list[np.ndarray],
    ) -> list[np.ndarray]:
        """Return the features of windows; none if they fail, which is an error.

        Parameters
        ----------
        feature : callable
            Returns the feature of a window.
        first : int
            Number of the first window.
        windows : list of np.ndarray
        """
        with self._errors_kept():
            features = [feature(y) for y in windows]
            if self._options.spectra:
                columns = self._options.columns(self.seconds)
                for number, values in enumerate(features, start=first):
                    self._spectra[number] = _averaged(values[..., 0], columns)
            return features
        self._failed.append(len(windows))
        return []

    def take(self, number: int, probabilities: np.ndarray) -> None:
        """Keep what the model gives for a window."""
        self.taken += 1
        self._rows[number] = probabilities
        if not are_probabilities(probabilities[None])[0]:
            self._error = self._error or _NO_PROBABILITIES

    def result(self, scenes: int) -> Prediction:
        """Return the prediction, once it is finished."""
        count = 0 if self._error else len(self._start)
        rows = [self._rows[number] for number in range(count)]
        rate = self._options.spec.sample_rate
        windows = np.vstack(rows) if rows else np.empty((0, scenes), np.float32)
        windows, labels = self._options.smoothing(windows)
        spectra = [self._spectra[number] for number in sorted(self._spectra)]
        return Prediction(
            self.source.path,
            windows,
            np.array(self._start[:count]) / rate,
            np.array(self._end[:count]) / rate,
            self.seconds,
            self._error,
            self._note,
            labels,
            self.source.name,
            np.stack(spectra) if spectra and not self._error else None,
        )

    def _cut(self) -> Iterator[np.ndarray]:
        if self._error:
            return
        spec, options = self._options.spec, self._options
        truncated = options.accept_truncated
        with self.source.stream(spec, truncated=truncated) as stream:
            self.seconds = stream.seconds
            blocks = stream.blocks()
            for start, y in cut_windows(blocks, options.length, options.hop):
                self._start.append(start)
                self._end.append(start + y.shape[1])
                yield cut(y, 0, spec)
            self.seconds, self._note = stream.seconds, stream.note
            if not self._start:
                fault = "is too short" if self.seconds else "has no samples"
                raise InputError(f"the file {fault}.")

    @contextmanager
    def _errors_kept(self) -> Iterator[None]:
        """Keep an error as a sentence on the file: one must not stop the others."""
        try:
            yield
        except AscError as error:
            self._error = explain(self.source, str(error))
        except MemoryError:
            self._error = "there is not enough memory to read it."
        except Exception as error:  # noqa: BLE001 - see above
            self._error = f"it cannot be read ({type(error).__name__}: {error})."


def _averaged(values: np.ndarray, columns: int) -> np.ndarray:
    """Return stored numbers [shape=(rows, n)] averaged to fewer columns, in float16."""
    first = np.arange(columns) * values.shape[1] // columns
    widths = np.diff(first, append=values.shape[1])
    return (np.add.reduceat(values, first, axis=1, dtype=np.float32) / widths).astype(
        np.float16
    )
