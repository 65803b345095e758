"""What leakage adds to the accuracy of one and the same training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asc.reporting.entries import ReportEntry, evaluated
from asc.reporting.record import train_command
from asc.reporting.trainings import Training, mean_accuracy, mean_leakage, trainings


@dataclass(frozen=True)
class Side:
    """Results of a training on splits that all leak, or that all do not.

    Attributes
    ----------
    entries : tuple of ReportEntry
    accuracy : float
        The mean.
    leakage : float or None
        The mean.
    reach : (low, high)
        From the lowest to the highest end of their 95 % intervals.
    """

    entries: tuple[ReportEntry, ...]
    accuracy: float
    leakage: float | None
    reach: tuple[float, float]


@dataclass(frozen=True)
class Gap:
    """A training on recording-disjoint splits and on splits that leak."""

    training: Training
    disjoint: Side
    leaky: Side

    @property
    def difference(self) -> float:
        """What leakage adds to accuracy."""
        return self.leaky.accuracy - self.disjoint.accuracy


@dataclass(frozen=True)
class Overlap:
    """Accuracy of a run on recordings that were seen in training, and on others.

    Attributes
    ----------
    entry : ReportEntry
    seen, unseen : (accuracy, clips)
        The accuracy is None where there is no such clip.
    """

    entry: ReportEntry
    seen: tuple[float | None, int]
    unseen: tuple[float | None, int]


def leakage_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return what leakage does to the results.

    Returns
    -------
    dict
        ``evaluated`` and ``leaky`` (numbers of entries), ``known`` (whether every
        leakage is), ``gaps`` (list of Gap), ``overlaps`` (list of Overlap),
        ``alone`` (leaky entries without a recording-disjoint counterpart) and
        ``commands`` (that train the counterparts).
    """
    done = evaluated(entries)
    leaky = [entry for entry in done if entry.leaks]
    groups: dict[tuple, list[ReportEntry]] = {}
    for training, entry in trainings(entries):
        if entry.leakage is not None:
            key = (training, entry.store_facts.get("digest"))
            groups.setdefault(key, []).append(entry)
    gaps: list[Gap] = []
    alone: list[ReportEntry] = []
    for (training, _), group in groups.items():
        inflated = [entry for entry in group if entry.leaks]
        disjoint = [entry for entry in group if not entry.leaks]
        if inflated and disjoint:
            gaps.append(Gap(training, _side(disjoint), _side(inflated)))
        else:
            alone += inflated
    overlaps = [overlap for overlap in map(_overlap, leaky) if overlap is not None]
    return {
        "evaluated": len(done),
        "leaky": len(leaky),
        "known": all(entry.leakage is not None for entry in done),
        "gaps": sorted(gaps, key=lambda gap: str(gap.training)),
        "overlaps": overlaps,
        "alone": alone,
        "commands": list(
            dict.fromkeys(train_command(entry, split="recording") for entry in alone)
        ),
    }


def _side(entries: Sequence[ReportEntry]) -> Side:
    limits = [limit for entry in entries for limit in entry.metrics.ci95]
    return Side(
        tuple(entries),
        mean_accuracy(entries),
        mean_leakage(entries),
        (min(limits), max(limits)),
    )


def _overlap(entry: ReportEntry) -> Overlap | None:
    rows = entry.train_rows()
    if entry.evaluation is None or entry.store is None or rows is None:
        return None
    names = entry.store.recordings()
    trained = {names[row] for row in rows}
    seen = np.array([name in trained for name in entry.evaluation.recordings])
    correct = entry.evaluation.probabilities.argmax(axis=1) == entry.evaluation.truth
    return Overlap(entry, _share(correct[seen]), _share(correct[~seen]))


def _share(correct: np.ndarray) -> tuple[float | None, int]:
    return float(correct.mean()) if len(correct) else None, len(correct)
