"""The prediction for a file, and those for several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc.display import data_frame
from asc.features import FrontEnd
from asc.text import counted, scene_columns


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
    labels : np.ndarray [shape=(windows,)], int
        Index of the scene of each window: the most probable one, unless smoothing has
        chosen another.
    name : str
        Path of the file below the folder that was searched; its name if none was.
    spectra : np.ndarray [shape=(windows, rows, columns)], optional
        On request, the stored feature of each window, averaged to a few columns.
    """

    path: Path
    windows: np.ndarray
    start: np.ndarray
    end: np.ndarray
    seconds: float = 0.0
    error: str = ""
    note: str = ""
    labels: np.ndarray = None  # type: ignore[assignment]
    name: str = ""
    spectra: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.labels is None:
            object.__setattr__(self, "labels", self.windows.argmax(axis=1))

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the scene of each window [shape=(windows,)]."""
        return np.take_along_axis(self.windows, self.labels[:, None], axis=1)[:, 0]

    @property
    def probabilities(self) -> np.ndarray | None:
        """Mean over the windows [shape=(scenes,)]; None if the file cannot be used."""
        return None if self.error else self.windows.mean(axis=0)

    def top(
        self,
        scenes: Sequence[str],
        count: int,
        window: int | None = None,
    ) -> list[tuple[str, float]]:
        """Return the most probable scenes with their probabilities.

        Those of the file, or of one of its windows, whose own scene comes first.
        """
        probabilities = self.probabilities if window is None else self.windows[window]
        if probabilities is None:
            return []
        order = np.argsort(-probabilities, kind="stable")
        if window is not None:
            label = self.labels[window]
            order = np.concatenate([[label], order[order != label]])
        return [(scenes[index], float(probabilities[index])) for index in order[:count]]


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
    heading : str
        One line on the run: its scenes, and its accuracy with leakage and confidence.
    frontend : FrontEnd
        What the features are computed by.
    """

    def __init__(
        self,
        scenes: tuple[str, ...],
        total: int,
        notes: tuple[str, ...],
        heading: str,
        frontend: FrontEnd,
        found: Iterator[Prediction],
    ) -> None:
        self.scenes = scenes
        self.total = total
        self.notes = notes
        self.heading = heading
        self.frontend = frontend
        self._found = found

    def __repr__(self) -> str:
        return f"Predictions({counted(self.total, 'file', 'files')})"

    def to_frame(self) -> Any:
        """Compute what is left; return a `pandas.DataFrame` with a row for each file.

        Its columns are path, scene (the most probable one; None if the file cannot
        be used), seconds, error, note, and the probability of each scene.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        columns = ("path", "scene", "seconds", "error", "note")
        names = [*columns, *scene_columns(self.scenes, columns)]
        none = [None] * len(self.scenes)
        rows = []
        for each in self:
            scene = next((name for name, _ in each.top(self.scenes, 1)), None)
            shares = each.probabilities
            facts = (str(each.path), scene, each.seconds, each.error, each.note)
            values = [*facts, *(none if shares is None else shares.tolist())]
            rows.append(dict(zip(names, values, strict=True)))
        return data_frame(rows)

    def __next__(self) -> Prediction:
        return next(self._found)
