"""The headline and the table of results: each accuracy with its split and leakage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from itertools import groupby
from typing import Any

from asc.evaluation.baseline import against_baselines
from asc.evaluation.evaluation import pooled_intervals
from asc.evaluation.intervals import FEW_RECORDINGS, mean_and_deviation
from asc.evaluation.significance import PairedTest
from asc.models import model_names
from asc.models.entries import LINEAR
from asc.reporting.entries import ReportEntry, evaluated
from asc.reporting.trainings import Training, evaluations, mean_leakage, trainings


def headline(entries: Sequence[ReportEntry]) -> dict[str, list[ReportEntry]]:
    """Return the evaluated entries by kind of leakage, those without it first."""
    done = evaluated(entries)
    kinds = {
        "disjoint": [entry for entry in done if entry.leakage == 0],
        "unknown": [e for e in done if e.leakage is None and not e.leaks],
        "leaky": [entry for entry in done if entry.leaks],
    }
    return {kind: some for kind, some in kinds.items() if some}


def results_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return the table: a block for each protocol, a column for each feature.

    Returns
    -------
    dict
        ``features``, ``blocks``, ``several_stores``, ``pending`` (reason to names of
        entries without a result) and ``few_recordings`` (below which the conservative
        interval is shown).

        A block is a dict of ``store``, ``split``, ``leakage``, ``chance`` and
        ``rows``, the linear model first. A row is a training and its cells, one for
        each feature. A cell is None or a dict: ``entries`` by seed, ``accuracy``
        (their mean), ``deviation`` (None for one seed), ``ci95``, ``conservative``
        (None where recordings are many), ``leakage`` and ``linear`` (the test against
        the linear model; None if there is none).
    """
    found = trainings(entries)
    features = list(dict.fromkeys(training.feature for training, _ in found))
    blocks = []
    for (_, split, store, *_), group in groupby(
        sorted(found, key=_protocol), _protocol
    ):
        items = list(group)
        first = items[0][1]
        facts = {"store": store, "split": split, "leakage": first.known_leakage}
        facts["chance"] = first.metrics.chance
        blocks.append(facts | {"rows": _rows(items, features)})
    pending: dict[str, list[str]] = {}
    for entry in entries:
        if entry.evaluation is None:
            pending.setdefault(" ".join(entry.missing), []).append(entry.name)
    return {
        "features": features,
        "blocks": blocks,
        "several_stores": len({block["store"] for block in blocks}) > 1,
        "pending": pending,
        "few_recordings": FEW_RECORDINGS,
    }


def _protocol(item: tuple[Training, ReportEntry]) -> tuple:
    """Return which clips were tested; those without leakage first, then unknown."""
    _, entry = item
    share, at_least = entry.known_leakage
    order = 2 if entry.leaks else int(share is None)
    digest = entry.store_facts.get("digest", "")
    store = entry.metrics.store or ""
    return order, entry.split, store, digest, at_least, share is None


def _rows(
    items: Sequence[tuple[Training, ReportEntry]], features: Sequence[str]
) -> list[tuple[Training, list[dict[str, Any] | None]]]:
    order = {name: place for place, name in enumerate(model_names())}
    rows: dict[Training, dict[str, list[ReportEntry]]] = {}
    for training, entry in items:
        cells = rows.setdefault(replace(training, feature=""), {})
        cells.setdefault(training.feature, []).append(entry)

    def place(training: Training) -> tuple:
        number = order.get(training.model, len(order))
        return training.model != LINEAR, number, astuple(training)

    trained = sorted(rows, key=place)
    found = {
        (training, feature): entries
        for training in trained
        for feature, entries in rows[training].items()
    }
    linear: dict[str, list[ReportEntry]] = {}
    for (training, feature), entries in found.items():
        if training.model == LINEAR:
            linear.setdefault(feature, entries)
    tests = against_baselines(
        {at: evaluations(found[at]) for at in found if at[0].model != LINEAR},
        {at: evaluations(linear.get(at[1], ())) for at in found},
    )
    return [
        (
            training,
            [
                _cell(found.get((training, feature)), tests.get((training, feature)))
                for feature in features
            ],
        )
        for training in trained
    ]


def _cell(
    entries: list[ReportEntry] | None, test: PairedTest | Exception | None
) -> dict[str, Any] | None:
    if entries is None:
        return None
    entries = sorted(entries, key=lambda entry: entry.metrics.seed)
    metrics = entries[0].metrics
    ci95, conservative = pooled_intervals(evaluations(entries))
    mean, deviation = mean_and_deviation(entry.metrics.accuracy for entry in entries)
    return {
        "entries": entries,
        "accuracy": mean,
        "deviation": deviation,
        "ci95": ci95,
        "conservative": conservative if metrics.few_recordings else None,
        "leakage": mean_leakage(entries),
        "linear": test if isinstance(test, PairedTest) else None,
    }
