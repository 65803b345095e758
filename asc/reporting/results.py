"""The headline and the table of results: every accuracy under its split and leakage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from asc.evaluation.evaluate import pooled_intervals
from asc.evaluation.intervals import FEW_RECORDINGS, mean_and_deviation
from asc.models import model_names
from asc.reporting.entries import ReportEntry, evaluated
from asc.reporting.trainings import Training, mean_leakage, trainings


@dataclass(frozen=True)
class Card:
    """Results of one kind of leakage in the headline.

    Attributes
    ----------
    kind : {'disjoint', 'unknown', 'leaky'}
    entries : tuple of ReportEntry
    splits : tuple of str
    accuracies, leakages : tuple of float
        Lowest and highest; no leakages where they are unknown.
    """

    kind: str
    entries: tuple[ReportEntry, ...]
    splits: tuple[str, ...]
    accuracies: tuple[float, float]
    leakages: tuple[float, float] | None


@dataclass(frozen=True)
class Result:
    """A cell of the table: one training with all its seeds.

    Attributes
    ----------
    entries : tuple of ReportEntry
        By seed.
    accuracy : float
        The mean over seeds.
    deviation : float or None
        Standard deviation over seeds; None for a single one.
    ci95 : (low, high)
    conservative : (low, high) or None
        The conservative interval, where recordings are few.
    leakage : float or None
    """

    entries: tuple[ReportEntry, ...]
    accuracy: float
    deviation: float | None
    ci95: tuple[float, float]
    conservative: tuple[float, float] | None
    leakage: float | None

    @property
    def leaks(self) -> bool:
        """Whether the accuracy is inflated by leakage."""
        return bool(self.leakage)


@dataclass(frozen=True)
class Block:
    """Results on the same clips with the same leakage.

    Attributes
    ----------
    store, split : str
    leakage : float or None
    rows : tuple of (Training, tuple of (Result or None))
        A result for each feature of the table; the feature of the row's training is
        that of the first.
    """

    store: str
    split: str
    leakage: float | None
    rows: tuple[tuple[Training, tuple[Result | None, ...]], ...]


def headline(entries: Sequence[ReportEntry]) -> list[Card]:
    """Return the accuracies by kind of leakage, the trustworthy ones first."""
    done = evaluated(entries)
    kinds = {
        "disjoint": [entry for entry in done if entry.leakage == 0],
        "unknown": [entry for entry in done if entry.leakage is None],
        "leaky": [entry for entry in done if entry.leaks],
    }
    return [_card(kind, some) for kind, some in kinds.items() if some]


def _card(kind: str, entries: Sequence[ReportEntry]) -> Card:
    accuracies = [entry.metrics.accuracy for entry in entries]
    leakages = [entry.leakage for entry in entries if entry.leakage is not None]
    return Card(
        kind,
        tuple(entries),
        tuple(sorted({entry.metrics.tested_on() for entry in entries})),
        (min(accuracies), max(accuracies)),
        (min(leakages), max(leakages)) if leakages else None,
    )


def results_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return the table: a block for each protocol, a column for each feature.

    Returns
    -------
    dict
        ``features`` (list of str), ``blocks`` (list of Block), ``several_stores``,
        ``pending`` (reason to names of entries without a result) and
        ``few_recordings`` (below which the conservative interval is shown).
    """
    found = trainings(entries)
    features = list(dict.fromkeys(training.feature for training, _ in found))

    def protocol(item: tuple[Training, ReportEntry]) -> tuple:
        _, entry = item
        leakage = entry.leakage
        # Results without leakage come first, then those of unknown leakage.
        order = 1 if leakage is None else 2 * (leakage > 0)
        return order, entry.metrics.tested_on(), entry.metrics.store or "", leakage or 0

    blocks = [
        _block(list(items), features)
        for _, items in groupby(sorted(found, key=protocol), protocol)
    ]
    pending: dict[str, list[str]] = {}
    for entry in entries:
        if entry.evaluation is None:
            pending.setdefault(" ".join(entry.missing), []).append(entry.name)
    return {
        "features": features,
        "blocks": blocks,
        "several_stores": len({block.store for block in blocks}) > 1,
        "pending": pending,
        "few_recordings": FEW_RECORDINGS,
    }


def _block(
    items: Sequence[tuple[Training, ReportEntry]], features: Sequence[str]
) -> Block:
    order = {name: place for place, name in enumerate(model_names())}
    rows: dict[tuple, dict[str, list[tuple[Training, ReportEntry]]]] = {}
    for training, entry in items:
        # Models are in the order in which they are listed everywhere.
        place = order.get(training.model, len(order))
        row = (place, training.model, training.augment, training.settings)
        rows.setdefault(row, {}).setdefault(training.feature, []).append(
            (training, entry)
        )
    _, first = items[0]
    return Block(
        first.metrics.store or "",
        first.metrics.tested_on(),
        first.leakage,
        tuple(
            (
                next(iter(cells.values()))[0][0],
                tuple(
                    (
                        _result([entry for _, entry in cells[feature]])
                        if feature in cells
                        else None
                    )
                    for feature in features
                ),
            )
            for _, cells in sorted(rows.items(), key=lambda item: item[0])
        ),
    )


def _result(entries: list[ReportEntry]) -> Result:
    entries = sorted(entries, key=lambda entry: entry.metrics.seed)
    metrics = entries[0].metrics
    ci95: tuple[float, float] = metrics.ci95
    conservative: tuple[float, float] | None = metrics.ci95_cautious
    if len(entries) > 1:
        ci95, conservative = pooled_intervals(
            [entry.evaluation for entry in entries if entry.evaluation is not None]
        )
    mean, deviation = mean_and_deviation(entry.metrics.accuracy for entry in entries)
    return Result(
        tuple(entries),
        mean,
        deviation,
        ci95,
        conservative if metrics.few_recordings else None,
        mean_leakage(entries),
    )
