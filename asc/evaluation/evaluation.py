"""The result of an evaluation, in memory and in a folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc.errors import AscError, InputError, MissingInputError
from asc.evaluation.intervals import Interval, both_intervals
from asc.evaluation.metrics import Metrics
from asc.files import write_csv, write_json


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes
    ----------
    metrics : Metrics
    scenes : tuple of str
    paths, recordings : list of str [length=clips]
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    probabilities : np.ndarray [shape=(clips, scenes)], float32
    """

    metrics: Metrics
    scenes: tuple[str, ...]
    paths: list[str]
    recordings: list[str]
    truth: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Index of the predicted scene [shape=(clips,)]."""
        return self.probabilities.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether each clip is right [shape=(clips,)], bool."""
        return self.predicted == self.truth

    def title(self) -> str:
        """Return accuracy with its intervals, split and leakage, in one line."""
        return self.metrics.summary()

    def save(self, folder: Path) -> None:
        """Write ``metrics.json``, ``predictions.csv`` and ``confusion.csv``."""
        names = list(self.scenes)
        predicted = self.predicted
        write_csv(
            folder / "predictions.csv",
            ["path", "recording", "scene", "predicted", *names],
            (
                [
                    self.paths[row],
                    self.recordings[row],
                    names[self.truth[row]],
                    names[predicted[row]],
                    # As many digits as tell every float32 from the next.
                    *(f"{value:.9g}" for value in self.probabilities[row]),
                ]
                for row in range(len(self.paths))
            ),
        )
        write_csv(
            folder / "confusion.csv",
            ["truth", *names],
            (
                [name, *row]
                for name, row in zip(names, self.metrics.confusion, strict=True)
            ),
        )
        # Last, because a run with this file is finished.
        write_json(folder / "metrics.json", self.metrics.to_dict())

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read back what `save` wrote, such as that of a finished run.

        Raises
        ------
        MissingInputError
            If metrics.json or predictions.csv are not there.
        InputError
            If they are damaged.
        """
        try:
            metrics = Metrics.from_dict(
                json.loads((folder / "metrics.json").read_text("utf-8"))
            )
            return cls._of_rows(metrics, *_read_rows(folder / "predictions.csv"))
        except FileNotFoundError as error:
            raise MissingInputError(
                f"{folder} has no {Path(error.filename).name}: its evaluation is not"
                " finished. Resume it with asc-train --resume."
            ) from error
        except (OSError, LookupError, TypeError, ValueError, RecursionError) as error:
            kind = "" if isinstance(error, AscError) else f"{type(error).__name__}: "
            raise InputError(
                f"The evaluation in {folder} is damaged. {kind}{error}".rstrip(".")
                + ". Delete its metrics.json, and asc-train --resume evaluates the run"
                " again."
            ) from error

    @classmethod
    def _of_rows(
        cls, metrics: Metrics, scenes: tuple[str, ...], rows: list[list[str]]
    ) -> Evaluation:
        """Return an evaluation from the lines of predictions.csv, checked."""
        if scenes != tuple(metrics.per_scene):
            raise ValueError("metrics.json and predictions.csv have different scenes")
        if metrics.clips != len(rows):
            raise ValueError(f"{len(rows)} predictions of {metrics.clips} clips")
        paths, recordings, truth = map(list, zip(*(row[:3] for row in rows)))
        probabilities = np.array([row[4:] for row in rows], dtype=np.float32)
        probabilities = probabilities.reshape(len(rows), len(scenes))
        # They are rounded when they are written.
        if not ((probabilities >= 0) & (probabilities <= 1 + 1e-6)).all():
            raise ValueError("a probability is not in [0, 1]")
        labels = np.array([scenes.index(scene) for scene in truth])
        return cls(metrics, scenes, paths, recordings, labels, probabilities)


def _read_rows(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the scenes of predictions.csv, and its lines."""
    with path.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    return tuple(header[4:]), rows


def pooled_intervals(results: Sequence[Evaluation]) -> tuple[Interval, Interval]:
    """Return both intervals of a mean accuracy, such as that of several seeds.

    A drawn recording brings its clips of all evaluations.
    """
    recordings = [name for one in results for name in one.recordings]
    return both_intervals(np.concatenate([one.correct for one in results]), recordings)
