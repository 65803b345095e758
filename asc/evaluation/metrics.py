"""The figures of an evaluation, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.corpus.leakage import Leakage
from asc.errors import UsageError
from asc.evaluation.figures import (
    CHECKS,
    Amount,
    Confusion,
    Count,
    Figures,
    Interval,
    Loss,
    Positive,
    Share,
    built,
    check_by_name,
    plain,
    texts,
)
from asc.evaluation.groups import Groups, check_groups
from asc.evaluation.inference_metrics import (
    Calibrated,
    Ensemble,
    Shifts,
    Temperature,
)
from asc.evaluation.intervals import few_units, mean_and_deviation
from asc.files import damaged
from asc.text import has_control_characters
from asc.validation import check_whole

if TYPE_CHECKING:
    from asc.training.run import Run

Scenes = Mapping[str, "SceneMetrics"]
Folds = Mapping[str, "FoldMetrics"]

_OF_FOLDS = (
    "folds",
    "accuracy_mean",
    "accuracy_deviation",
    "tested_again",
    "never_tested",
)
#: How far a figure may be from the same one computed from counts.
_ROUNDING = 1e-6
#: How far accuracy may be outside of its interval.
_SLACK = 0.05


@dataclass(frozen=True, kw_only=True)
class SceneMetrics(Figures):
    """The figures of one scene; ``recall`` is None if it does not occur."""

    recall: Share | None
    precision: Share
    f1: Share
    clips: Count


@dataclass(frozen=True, kw_only=True)
class FoldMetrics(Figures):
    """The figures of one fold of several, as in `Metrics`."""

    accuracy: Share
    class_accuracy: Share
    clips: Positive
    leakage: Share | None
    leakage_at_least: Share | None = None
    epochs: Count
    seconds: Amount
    temperature: Temperature | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_leakage(self)

    @property
    def known_leakage(self) -> Leakage:
        """Leakage with its bound."""
        return _known_leakage(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Metrics(Figures, Mapping[str, Any]):
    """The figures of an evaluation.

    They are also a mapping with the keys of ``metrics.json``, in its plain types:
    ``metrics["per_scene"]["bus"]["recall"]``.

    Attributes
    ----------
    accuracy : float
        Share of clips that are right (the DCASE 2017 metric).
    class_accuracy : float
        Balanced accuracy: the mean of the recalls of scenes that occur.
    macro_f1, log_loss : float
    calibration_error : float or None
        Expected calibration error (`asc.evaluation.calibration`).
    ci95 : (float, float)
        95 % CI of accuracy, a bootstrap over recordings
        (`asc.evaluation.intervals.recording_interval`).
    ci95_cautious : (float, float) or None
        The conservative one, for few recordings
        (`asc.evaluation.intervals.korn_graubard_interval`).
    ci95_class_accuracy : (float, float) or None
        95 % CI of balanced accuracy, a bootstrap over recordings.
    ci95_clips : (float, float) or None
        Naive 95 % CI of accuracy that ignores recordings: too narrow. Never show it
        without ``ci95``.
    clips : int
    recordings : int or None
        Recordings that are known; None if none are. A clip without one is taken as
        independent of all others.
    without_recording : int or None
        Clips whose recording is not known, where only some are.
    per_scene : dict of str to SceneMetrics
    confusion : tuple of tuples [shape=(scenes, scenes)], int
        Clips; rows are the truth.
    per_group : dict of str to GroupMetrics, optional
        Of each group of the store, such as ``device``
        (`asc.evaluation.groups.GroupMetrics`).
    split, part : str
    leakage : float or None
        Share of clips whose recording the model was trained on; None if unknown.
    leakage_at_least : float or None
        Where it is unknown: the share of which it is known.
    store : str or None
        File name of the store.
    model, feature, augment : str
    parameters, epochs, seed : int
    seconds : float
        Time of the training.
    folds : dict of str to FoldMetrics, optional
        Of a training of all folds. The other figures are of all their clips.
    accuracy_mean, accuracy_deviation : float, optional
        Mean and standard deviation (n - 1) of accuracy over folds. The deviation of
        a single fold is None.
    tested_again, never_tested : int, optional
        Clips that more than one fold tests, and that none does.
    tta : ShiftMetrics, optional
        With test-time averaging over time shifts.
    temperature : TemperatureMetrics, optional
        With probabilities that were calibrated on the validation part.
    ensemble : EnsembleMetrics, optional
        Of an ensemble, whose figures the others are.

    Raises
    ------
    UsageError
        If a figure has the wrong type or is impossible, or if two of them
        contradict each other.
    """

    accuracy: Share
    class_accuracy: Share
    macro_f1: Share
    log_loss: Loss
    calibration_error: Share | None = None
    ci95: Interval
    ci95_cautious: Interval | None = None
    ci95_class_accuracy: Interval | None = None
    ci95_clips: Interval | None = None
    clips: Positive
    recordings: Positive | None
    without_recording: Positive | None = None
    per_scene: Scenes
    confusion: Confusion
    per_group: Groups | None = None
    split: str
    part: str
    leakage: Share | None
    leakage_at_least: Share | None = None
    store: str | None = None
    model: str
    feature: str
    augment: str
    parameters: Count
    epochs: Count
    seconds: Amount
    seed: Count
    folds: Folds | None = None
    accuracy_mean: Share | None = None
    accuracy_deviation: Share | None = None
    tested_again: Count | None = None
    never_tested: Count | None = None
    tta: Shifts | None = None
    temperature: Calibrated | None = None
    ensemble: Ensemble | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recordings is not None:
            most = self.clips - (self.without_recording or 0)
            check_whole("recordings", self.recordings, 1, most)
        _check_leakage(self)
        self._check_confusion()
        if self.per_group is not None:
            right = int(np.trace(np.array(self.confusion)))
            check_groups(self.per_group, self.clips, right)
        self._check_folds()
        self._check_differences()

    def _check_confusion(self) -> None:
        """Check that the other figures agree with the confusion matrix."""
        cells, scenes = np.array(self.confusion), self.per_scene
        support = [scene.clips for scene in scenes.values()]
        if len(cells) != len(scenes) or cells.sum(axis=1).tolist() != support:
            raise UsageError("confusion and per_scene do not have the same clips.")
        if sum(support) != self.clips:
            raise UsageError(f"clips must be {sum(support)}. Got {self.clips}.")
        right, occurs, predicted = cells.diagonal(), cells.any(axis=1), cells.sum(0)
        recalls = np.where(occurs, right / np.maximum(support, 1), np.nan)
        precisions = right / np.maximum(predicted, 1)
        f1 = 2 * right / np.maximum(predicted + support, 1)
        expected = {
            "accuracy": (self.accuracy, right.sum() / self.clips),
            "class_accuracy": (self.class_accuracy, recalls[occurs].mean()),
            "macro_f1": (self.macro_f1, f1[occurs].mean()),
        }
        counted = zip(scenes.items(), recalls, precisions, f1, strict=True)
        for (name, scene), *figures in counted:
            given = np.nan if scene.recall is None else scene.recall, scene.precision
            for kind, one, other in zip(
                ("recall", "precision", "f1"), (*given, scene.f1), figures, strict=True
            ):
                expected[f"{kind} of {name!r}"] = one, other
        self._check_equal(expected)
        for name in ("ci95", "ci95_cautious", "ci95_clips"):
            low, high = getattr(self, name) or (0, 1)
            if not low - _SLACK <= self.accuracy <= high + _SLACK:
                raise UsageError(
                    f"{name} must contain accuracy, {self.accuracy:g}. Got"
                    f" {low:g} to {high:g}."
                )

    def _check_equal(self, expected: Mapping[str, tuple[float, float]]) -> None:
        for name, (given, counted) in expected.items():
            if not np.isclose(given, counted, 0, _ROUNDING, equal_nan=True):
                raise UsageError(
                    f"{name} must be {counted:.6g}, from the other figures. Got"
                    f" {given:.6g}."
                )

    def _check_folds(self) -> None:
        given = [name for name in _OF_FOLDS if getattr(self, name) is not None]
        if self.folds is None:
            if given:
                raise UsageError(f"{given[0]} is given, but folds are not.")
            return
        for name in _OF_FOLDS:
            if name not in given and name != "accuracy_deviation":
                raise UsageError(f"{name} of the folds is missing.")
        tested = sum(fold.clips for fold in self.folds.values())
        if tested != self.clips:
            raise UsageError(
                f"clips of all folds must be {self.clips} together. Got {tested}."
            )
        right = sum(fold.accuracy * fold.clips for fold in self.folds.values())
        mean, deviation = mean_and_deviation(
            fold.accuracy for fold in self.folds.values()
        )
        spread = np.nan if self.accuracy_deviation is None else self.accuracy_deviation
        self._check_equal(
            {
                "accuracy of the folds": (right / tested, self.accuracy),
                "accuracy_mean": (self.accuracy_mean or 0.0, mean),
                "accuracy_deviation": (
                    spread,
                    np.nan if deviation is None else deviation,
                ),
            }
        )

    def _check_differences(self) -> None:
        """Check that paired differences are those of the accuracies."""
        expected = {}
        if self.tta is not None:
            difference = self.tta.accuracy - self.accuracy
            expected["difference of tta"] = (self.tta.paired.difference, difference)
        members = self.ensemble.members if self.ensemble is not None else {}
        for name, member in members.items():
            difference = self.accuracy - member.accuracy
            expected[f"difference from {name!r}"] = member.paired.difference, difference
        self._check_equal(expected)

    # A mapping with the keys of metrics.json

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for JSON.

        Optional ones that are None are left out, as in files of earlier versions.
        """
        return {
            each.name: plain(getattr(self, each.name))
            for each in fields(self)
            if each.default is MISSING
            or getattr(self, each.name) is not None
            or (each.name in _OF_FOLDS and self.folds is not None)
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Metrics:
        """Return the figures that `to_dict` gave.

        Keys of later versions are ignored.

        Raises
        ------
        UsageError
            If a figure is missing or impossible, or a text has control characters.
        """
        for text in texts(values):
            if has_control_characters(text):
                raise UsageError(
                    f"metrics must be without control characters. Got {text[:80]!a}."
                )
        return built(cls, "metrics", values)

    @classmethod
    def of_run(cls, run: Run) -> Metrics:
        """Return the figures of a finished run.

        Raises
        ------
        InputError
            If the run was not evaluated, or if its figures are damaged.
        """
        values = run.metrics()
        try:
            return cls.from_dict(values)
        except UsageError as error:
            advice = f"Use asc evaluate {run.path} to compute the metrics again."
            raise damaged(run.path / "metrics.json", error, advice) from error

    @property
    def few_recordings(self) -> bool:
        """Whether ``ci95_cautious`` is the interval to report."""
        return self.ci95_cautious is not None and few_units(self)

    @property
    def chance(self) -> float:
        """Accuracy of the best constant answer: the share of the most frequent scene.

        With equally many clips of every scene it is one divided by their number.
        """
        return max(map(sum, self.confusion)) / self.clips

    @property
    def known_leakage(self) -> Leakage:
        """Leakage with its bound."""
        return _known_leakage(self)

    def tested_on(self) -> str:
        """Return the split, with the part if that is not test."""
        return self.split if self.part == "test" else f"{self.split}, part {self.part}"


def _known_leakage(figures: Metrics | FoldMetrics) -> Leakage:
    if figures.leakage is not None:
        return Leakage(figures.leakage, figures.leakage)
    return Leakage(None, figures.leakage_at_least or 0.0)


def _check_leakage(figures: Metrics | FoldMetrics) -> None:
    given, at_least = figures.leakage, figures.leakage_at_least
    if None not in (given, at_least) and given != at_least:
        raise UsageError(
            f"leakage_at_least must be {given}, as leakage is known. Got {at_least}."
        )


CHECKS["Scenes"] = partial(check_by_name, kind=SceneMetrics)
CHECKS["Folds"] = partial(check_by_name, kind=FoldMetrics)
