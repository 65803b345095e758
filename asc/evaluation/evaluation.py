"""The result of an evaluation, in memory and in a folder."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc.errors import MissingInputError
from asc.evaluation.intervals import Interval, both_intervals
from asc.evaluation.metrics import Metrics
from asc.evaluation.sentences import accuracy_sentence
from asc.files import damaged, read_json, read_lines, write_csv, write_json
from asc.text import printable, scene_columns
from asc.training.run import MOST_METRICS_BYTES

#: Columns of predictions.csv before those of the scenes.
_COLUMNS = ("path", "recording", "scene", "predicted")


#: Most bytes of predictions.csv.
_MOST_PREDICTION_BYTES = 1 << 29


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
        file = folder / "metrics.json"
        advice = (
            f"Delete {printable(str(file))}, and asc-train --resume evaluates the run"
            " again."
        )
        try:
            values = read_json(file, limit=MOST_METRICS_BYTES, root=folder)
            metrics = Metrics.from_dict(values)
            file = folder / "predictions.csv"
            lines = read_lines(file, limit=_MOST_PREDICTION_BYTES, root=folder)
            return cls._of_rows(metrics, csv.reader(lines))
        except MissingInputError as error:
            raise MissingInputError(
                f"{folder} has no {file.name}: its evaluation is not finished. Resume"
                " it with asc-train --resume."
            ) from error
        except (csv.Error, LookupError, TypeError, ValueError) as error:
            raise damaged(file, error, advice) from error

    @classmethod
    def _of_rows(cls, metrics: Metrics, lines: Iterator[list[str]]) -> Evaluation:
        """Return an evaluation from the rows of predictions.csv, checked."""
        scenes = tuple(metrics.per_scene)
        columns = next(lines, [])[len(_COLUMNS) :]
        # Older files have scenes that are called like other columns as they are.
        if columns not in (list(scenes), scene_columns(scenes, _COLUMNS)):
            raise ValueError("it has other scenes than metrics.json")
        labels = {scene: label for label, scene in enumerate(scenes)}
        paths: list[str] = []
        recordings: list[str] = []
        truth, values = array("l"), array("f")
        for row in lines:
            path, recording, scene, _, *cells = row
            if len(cells) != len(scenes) or len(paths) == metrics.clips:
                raise ValueError(
                    f"row {len(paths) + 1:,} has too many or too few cells"
                )
            if scene not in labels:
                raise ValueError(f"{scene!r} is not a scene of metrics.json")
            paths.append(path)
            recordings.append(recording)
            truth.append(labels[scene])
            values.extend(map(float, cells))
        if metrics.clips != len(paths):
            raise ValueError(f"it has {len(paths):,} of {metrics.clips:,} clips")
        probabilities = np.array(values, np.float32).reshape(-1, len(scenes))
        # They are rounded when they are written.
        if not ((probabilities >= 0) & (probabilities <= 1 + 1e-6)).all():
            raise ValueError("a probability is not in [0, 1]")
        return cls(
            metrics, scenes, paths, recordings, np.array(truth, int), probabilities
        )


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
