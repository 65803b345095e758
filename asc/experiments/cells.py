"""Accuracies of a comparison over seeds, and what leaking splits add to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from asc.corpus.leakage import Leakage, pooled_leakage
from asc.evaluation.evaluation import Evaluation, pooled_groups, pooled_intervals
from asc.evaluation.gap import unpaired_difference
from asc.evaluation.groups import GroupMetrics
from asc.evaluation.intervals import Interval, few_units, mean_and_deviation
from asc.evaluation.metrics import Metrics
from asc.experiments.differences import Training
from asc.experiments.entry import FAILED, PENDING, Entry


@dataclass(frozen=True)
class Cell:
    """The accuracy of runs that differ in nothing but the seed.

    Attributes
    ----------
    split, model, augment, feature, variant : str
    accuracies : tuple of float
        Of the runs that are done, by seed.
    mean : float or None
        Of `accuracies`; None if there are none.
    deviation : float or None
        Standard deviation over seeds (n - 1); None for fewer than two.
    ci95 : (float, float) or None
        95 % CI of the mean, a bootstrap over recordings. With several seeds a drawn
        recording brings its predictions of all seeds.
    ci95_cautious : (float, float) or None
        The conservative 95 % CI, for few recordings.
    clips, recordings, without_recording : int or None
        As in `Metrics`, of the test clips of one seed.
    leakage, leakage_at_least : float or None
        Of the test clips, over all seeds; None if it is unknown. Then the share of
        which it is known.
    failed, pending : int
        Runs without a result.
    chance : float or None
        Accuracy of the best constant answer; None if there are no results.
    class_mean : float or None
        Balanced accuracy, the mean over seeds.
    fold_mean, fold_deviation : float or None
        Of split ``folds``: mean and standard deviation (n - 1) of accuracy over
        folds, each the mean over seeds.
    per_group : dict of str to GroupMetrics
        Accuracy by group, such as the device, over seeds; empty if there are none.
    """

    split: str
    model: str
    augment: str
    feature: str
    variant: str
    accuracies: tuple[float, ...]
    mean: float | None
    deviation: float | None
    ci95: Interval | None
    ci95_cautious: Interval | None
    clips: int
    recordings: int | None
    without_recording: int | None
    leakage: float | None
    leakage_at_least: float
    failed: int
    pending: int
    chance: float | None = None
    class_mean: float | None = None
    fold_mean: float | None = None
    fold_deviation: float | None = None
    per_group: Mapping[str, GroupMetrics] = field(default_factory=dict)

    @classmethod
    def of_entries(cls, split: str, training: Training, entries: list[Entry]) -> Cell:
        """Return the cell of the runs of one training on one split."""
        metrics = [each.metrics for each in entries if each.metrics is not None]
        accuracies = tuple(each.accuracy for each in metrics)
        mean, deviation = mean_and_deviation(accuracies) if metrics else (None, None)
        results = [each.evaluation for each in entries if each.evaluation is not None]
        ci95, conservative = pooled_intervals(results) if results else (None, None)
        leakage = mean_leakage(metrics)
        return cls(
            split,
            *training,
            accuracies=accuracies,
            mean=mean,
            deviation=deviation,
            ci95=ci95,
            ci95_cautious=conservative,
            clips=metrics[0].clips if metrics else 0,
            recordings=metrics[0].recordings if metrics else None,
            without_recording=metrics[0].without_recording if metrics else None,
            leakage=leakage.share,
            leakage_at_least=leakage.at_least,
            failed=sum(entry.status == FAILED for entry in entries),
            pending=sum(entry.status == PENDING for entry in entries),
            chance=_mean(metrics, "chance"),
            class_mean=_mean(metrics, "class_accuracy"),
            fold_mean=_mean(metrics, "accuracy_mean"),
            fold_deviation=_mean(metrics, "accuracy_deviation"),
            per_group=pooled_groups(results) if results else {},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        groups = {name: asdict(group) for name, group in self.per_group.items()}
        return vars(self) | {"per_group": groups}

    @property
    def few_recordings(self) -> bool:
        """Whether ``ci95_cautious`` is the interval to report."""
        return few_units(self)

    @property
    def training(self) -> Training:
        """What was trained, without split and seed."""
        return Training(self.model, self.augment, self.feature, self.variant)


@dataclass(frozen=True)
class Gap:
    """What a leaking split adds to the accuracy on a recording-disjoint one.

    Attributes
    ----------
    model, augment, feature, variant : str
    leaking, apart : str
        Names of the two splits.
    points : float
        Difference of the mean accuracies in percentage points.
    ci95, ci95_cautious : (float, float)
        95 % CI of the difference in percentage points, an unpaired bootstrap over the
        recordings of both test parts, and the conservative one
        (`asc.evaluation.gap.unpaired_difference`).
    clips, recordings : list
        Of both test parts; recordings are None where they are not known.
    few_recordings : bool
        Whether ``ci95_cautious`` is the interval to report.
    """

    model: str
    augment: str
    feature: str
    variant: str
    leaking: str
    apart: str
    points: float
    ci95: Interval
    ci95_cautious: Interval
    clips: tuple[int, int]
    recordings: tuple[int | None, int | None]
    few_recordings: bool

    @property
    def training(self) -> Training:
        """What was trained, without split and seed."""
        return Training(self.model, self.augment, self.feature, self.variant)

    @classmethod
    def between(
        cls,
        leaking: Cell,
        apart: Cell,
        results: tuple[Sequence[Evaluation], Sequence[Evaluation]],
    ) -> Gap:
        """Return the gap between two cells with these evaluations."""
        found = unpaired_difference(*results)
        sides = found.first, found.second
        return cls(
            *leaking.training,
            leaking.split,
            apart.split,
            points=100 * found.difference,
            ci95=_points(found.ci95),
            ci95_cautious=_points(found.ci95_cautious),
            clips=(sides[0].clips, sides[1].clips),
            recordings=(sides[0].recordings, sides[1].recordings),
            few_recordings=found.few_recordings,
        )


def gaps(cells: Sequence[tuple[Cell, Sequence[Evaluation]]]) -> list[Gap]:
    """Return, for the same training, what each leaking split adds to accuracy.

    Splits that leak are compared with those whose leakage is zero.
    """
    return [
        Gap.between(leaking, apart, (inflated, disjoint))
        for leaking, inflated in cells
        for apart, disjoint in cells
        if leaking.mean is not None
        and apart.mean is not None
        and leaking.leakage_at_least
        and apart.leakage == 0
        and leaking.training == apart.training
    ]


def _points(limits: Interval) -> Interval:
    return 100 * limits[0], 100 * limits[1]


def mean_leakage(metrics: Sequence[Metrics]) -> Leakage:
    """Return the leakage of several results together; unknown if there are none."""
    if not metrics:
        return Leakage(None, 0.0)
    return pooled_leakage([each.known_leakage for each in metrics], [1] * len(metrics))


def _mean(metrics: Sequence[Metrics], name: str) -> float | None:
    """Return the mean of a figure over runs, or None if one of them has none."""
    values = [getattr(each, name) for each in metrics]
    return float(np.mean(values)) if values and None not in values else None
