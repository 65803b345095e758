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
from asc.evaluation.sentences import accuracy_sentence
from asc.files import write_csv, write_json
from asc.text import scene_columns

#: Columns of predictions.csv before those of the scenes.
_COLUMNS = ("path", "recording", "scene", "predicted")


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
        return accuracy_sentence(self.metrics)

    def save(self, folder: Path) -> None:
        """Write ``metrics.json``, ``predictions.csv`` and ``confusion.csv``."""
        names = np.array(self.scenes, dtype=object)
        # Nine digits distinguish all float32 values.
        digits = ([f"{value:.9g}" for value in row] for row in self.probabilities)
        columns = (self.paths, self.recordings, names[self.truth])
        write_csv(
            folder / "predictions.csv",
            [*_COLUMNS, *scene_columns(self.scenes, _COLUMNS)],
            (
                [*row, *values]
                for *row, values in zip(
                    *columns, names[self.predicted], digits, strict=True
                )
            ),
        )
        write_csv(
            folder / "confusion.csv",
            ["truth", *scene_columns(self.scenes, ("truth",))],
            map(lambda name, row: [name, *row], names, self.metrics.confusion),
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
            with (folder / "predictions.csv").open(
                newline="", encoding="utf-8"
            ) as file:
                header, *rows = csv.reader(file)
            return cls._of_rows(metrics, header[len(_COLUMNS) :], rows)
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
        cls, metrics: Metrics, columns: list[str], rows: list[list[str]]
    ) -> Evaluation:
        """Return an evaluation from the lines of predictions.csv, checked."""
        scenes = tuple(metrics.per_scene)
        # Older files have scenes that are called like other columns as they are.
        if columns not in (list(scenes), scene_columns(scenes, _COLUMNS)):
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


def pooled_intervals(results: Sequence[Evaluation]) -> tuple[Interval, Interval]:
    """Return the 95 % CI of a mean accuracy over seeds, and the conservative one.

    A recording is drawn with its clips in all evaluations. A single evaluation has the
    intervals that it was saved with.
    """
    if len(results) == 1:
        metrics = results[0].metrics
        return metrics.ci95, metrics.ci95_cautious or metrics.ci95
    recordings = [name for one in results for name in one.recordings]
    return both_intervals(np.concatenate([one.correct for one in results]), recordings)
