"""The prediction for a file, and those for several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction for one file.

    Attributes
    ----------
    path : Path
    windows : np.ndarray [shape=(windows, scenes)], float32
        Probabilities of each window; no window if the file cannot be used.
    start, end : np.ndarray [shape=(windows,)]
        Where each window begins and ends (in seconds).
    seconds : float
        Length of the file.
    error : str
        Why the file cannot be used; empty if it can.
    note : str
        What is to be known of a file that was used, such as that it is truncated.
    """

    path: Path
    windows: np.ndarray
    start: np.ndarray
    end: np.ndarray
    seconds: float = 0.0
    error: str = ""
    note: str = ""

    @property
    def probabilities(self) -> np.ndarray | None:
        """Mean over the windows [shape=(scenes,)]; None if the file cannot be used."""
        return None if self.error else self.windows.mean(axis=0)

    def top(
        self,
        scenes: Sequence[str],
        count: int,
        probabilities: np.ndarray | None = None,
    ) -> list[tuple[str, float]]:
        """Return the most probable scenes with their probabilities.

        Those of the file, or of the `probabilities` of one of its windows.
        """
        if probabilities is None:
            probabilities = self.probabilities
        if probabilities is None:
            return []
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [(scenes[index], float(probabilities[index])) for index in order]


class Predictions(Iterator[Prediction]):
    """The predictions for several files, each computed when it is asked for.

    Attributes
    ----------
    scenes : tuple of str
        Names of the columns of probabilities.
    total : int
        Number of files.
    notes : tuple of str
        Sentences for the user: files that were left out, models that are averaged.
    """

    def __init__(
        self,
        scenes: tuple[str, ...],
        total: int,
        notes: tuple[str, ...],
        found: Iterator[Prediction],
    ) -> None:
        self.scenes = scenes
        self.total = total
        self.notes = notes
        self._found = found

    def __next__(self) -> Prediction:
        return next(self._found)
