"""The result of an evaluation, in memory and in a folder."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from asc.corpus.groups import count_values
from asc.corpus.leakage import Origins
from asc.display import Displayed, data_frame
from asc.errors import MissingInputError
from asc.evaluation.groups import GroupMetrics
from asc.evaluation.intervals import Interval, both_intervals
from asc.evaluation.measure import GroupColumn, measure_groups, recording_counts
from asc.evaluation.metrics import Metrics
from asc.evaluation.sentences import accuracy_sentence
from asc.files import damaged, read_json, read_lines, write_csv, write_json
from asc.models.outputs import are_probabilities
from asc.store.schema import is_name
from asc.text import percent, printable, scene_columns
from asc.training.run import MOST_METRICS_BYTES

#: Columns of predictions.csv before those of the scenes.
_COLUMNS = ("path", "recording", "scene", "predicted")


#: Most bytes of predictions.csv.
_MOST_PREDICTION_BYTES = 1 << 29


@dataclass(frozen=True, repr=False)
class Evaluation(Displayed):
    """The result of an evaluation.

    Attributes
    ----------
    metrics : Metrics
    scenes : tuple of str
    paths, recordings : list of str [length=clips]
        The recording of a clip is its path if it is not known.
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    probabilities : np.ndarray [shape=(clips, scenes)], float32
    averaged : Evaluation or None
        The same clips with the probabilities of several time shifts averaged, if that
        was asked for.
    groups : dict of str to sequence of str [length=clips]
        The value of each clip in each group of ``metrics.per_group``, such as the
        device; empty if it is not known.
    """

    metrics: Metrics
    scenes: tuple[str, ...]
    paths: list[str]
    recordings: list[str]
    truth: np.ndarray
    probabilities: np.ndarray
    averaged: Evaluation | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Evaluation({self.title()})"

    def _facts(self) -> Mapping[str, Any]:
        metrics = self.metrics
        return {
            "result": self.title(),
            "balanced accuracy": percent(metrics.class_accuracy),
            "macro F1": percent(metrics.macro_f1),
            "log loss": f"{metrics.log_loss:.3f}",
            "training": f"{metrics.model} on {metrics.feature}, {metrics.augment}",
        } | {
            f"recall of {name}": percent(scene.recall)
            for name, scene in metrics.per_scene.items()
        }

    def to_frame(self) -> Any:
        """Return the predictions as a `pandas.DataFrame` with a row for each clip.

        Its columns are those of ``predictions.csv``: path, recording, true scene,
        predicted scene, the probability of each scene, and groups.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        names = np.array(self.scenes, dtype=object)
        columns = self.paths, self.recordings, names[self.truth], names[self.predicted]
        values = (*columns, *self.probabilities.T, *self.groups.values())
        header = _header(self.scenes, self.groups)
        return data_frame(dict(zip(header, values, strict=True)))

    @property
    def columns(self) -> dict[str, GroupColumn]:
        """The groups with what is known of their values in training."""
        measured = self.metrics.per_group or {}
        return {
            name: GroupColumn(self.groups[name], figures.seen_of(self.groups[name]))
            for name, figures in measured.items()
        }

    @property
    def named(self) -> np.ndarray:
        """Whether the recording of each clip is known [shape=(clips,)], bool."""
        return Origins(self.recordings, self.paths).named

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
        groups = zip(*self.groups.values()) if self.groups else repeat(())
        write_csv(
            folder / "predictions.csv",
            _header(self.scenes, self.groups),
            (
                [*row, *values, *group]
                for (*row, values), group in zip(
                    zip(*columns, names[self.predicted], digits, strict=True), groups
                )
            ),
        )
        write_csv(
            folder / "confusion.csv",
            ["truth", *scene_columns(self.scenes, ["truth"])],
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
            If they are damaged, or not of the same evaluation.
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
        scenes, groups = tuple(metrics.per_scene), tuple(metrics.per_group or ())
        header = next(lines, [])
        # Older files have scenes that are called like other columns as they are.
        if header not in ([*_COLUMNS, *scenes], _header(scenes, groups)):
            raise ValueError("it has other scenes or groups than metrics.json")
        labels = {scene: label for label, scene in enumerate(scenes)}
        paths: list[str] = []
        recordings: list[str] = []
        truth, predicted, values = array("l"), array("l"), array("f")
        columns: dict[str, list[str]] = {name: [] for name in groups}
        for row in lines:
            path, recording, scene, chosen, *cells = row
            if len(cells) != len(header) - len(_COLUMNS) or len(paths) == metrics.clips:
                raise ValueError(
                    f"row {len(paths) + 1:,} has too many or too few cells"
                )
            for name in (scene, chosen):
                if name not in labels:
                    raise ValueError(f"{name!r} is not a scene of metrics.json")
            if not (is_name(path) and is_name(recording)):
                raise ValueError(f"{path!a} of {recording!a} is not the name of a clip")
            paths.append(path)
            recordings.append(recording)
            truth.append(labels[scene])
            predicted.append(labels[chosen])
            values.extend(map(float, cells[: len(scenes)]))
            for name, value in zip(groups, cells[len(scenes) :], strict=True):
                columns[name].append(value)
        if metrics.clips != len(paths):
            raise ValueError(f"it has {len(paths):,} of {metrics.clips:,} clips")
        probabilities = np.array(values, np.float32).reshape(-1, len(scenes))
        if not are_probabilities(probabilities).all():
            raise ValueError("a probability is not in [0, 1]")
        found = cls(
            metrics,
            scenes,
            paths,
            recordings,
            np.array(truth, int),
            probabilities,
            groups=columns,
        )
        for name, figures in (metrics.per_group or {}).items():
            if not _agrees(figures, columns[name], found.correct):
                raise ValueError(f"metrics.json has other figures of group {name!a}")
        if predicted.tolist() != found.predicted.tolist():
            raise ValueError("a scene that is predicted is not the most probable one")
        counts = np.zeros((len(scenes), len(scenes)), dtype=int)
        np.add.at(counts, (found.truth, found.predicted), 1)
        if counts.tolist() != [list(row) for row in metrics.confusion]:
            raise ValueError("metrics.json has the figures of other predictions")
        return replace(found, metrics=_counted(found))


def _header(scenes: Sequence[str], groups: Iterable[str]) -> list[str]:
    others = [*_COLUMNS, *groups]
    return [*_COLUMNS, *scene_columns(scenes, others), *groups]


def _agrees(figures: GroupMetrics, values: Sequence[str], correct: np.ndarray) -> bool:
    """Return whether clips and accuracies of a group are those of its values."""
    column = np.asarray(values, dtype=str)
    return count_values(values) == figures.counts and all(
        np.isclose(each.accuracy, correct[column == value].mean())
        for value, each in figures.values.items()
    )


def _counted(found: Evaluation) -> Metrics:
    """Return the metrics, which must have the number of recordings.

    Earlier versions counted a clip that names no recording as one of its own.
    """
    metrics, counts = found.metrics, recording_counts(found.recordings, found.named)
    unknown = counts["without_recording"]
    if counts == {name: getattr(metrics, name) for name in counts}:
        return metrics
    if not unknown or (metrics.recordings, metrics.without_recording) != (
        len(set(found.recordings)),
        None,
    ):
        raise ValueError("metrics.json has another number of recordings")
    if metrics.leakage != 1:
        at_least = metrics.known_leakage.at_least
        metrics = replace(metrics, leakage=None, leakage_at_least=at_least)
    return replace(metrics, **counts)


def pooled_groups(results: Sequence[Evaluation]) -> dict[str, GroupMetrics]:
    """Return accuracy by group over seeds, as `Metrics.per_group` has it.

    A recording is drawn with its clips in all evaluations. Clips are those of one
    evaluation, on average.
    """
    first = results[0]
    if len(results) == 1 or not first.columns:
        return dict(first.metrics.per_group or {})
    columns = [one.columns for one in results]
    joined = {
        name: GroupColumn(
            [value for each in columns for value in each[name].values],
            np.concatenate([each[name].seen for each in columns]),
        )
        for name in first.columns
        if all(name in each for each in columns)
    }
    found = measure_groups(
        np.concatenate([one.correct for one in results]),
        [name for one in results for name in one.recordings],
        np.concatenate([one.named for one in results]),
        joined,
    )
    return {name: group.of_one(len(results)) for name, group in (found or {}).items()}


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
