"""How much leakage adds to the accuracy of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc.evaluation.gap import unpaired_difference
from asc.reporting.entries import ReportEntry, evaluated
from asc.reporting.record import train_command
from asc.reporting.trainings import (
    evaluations,
    mean_accuracy,
    mean_leakage,
    trainings,
)


def leakage_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return the effect of leakage on the results.

    Returns
    -------
    dict
        ``evaluated`` and ``leaky`` (numbers of entries), ``known`` (whether every
        leakage is), ``gaps``, ``overlaps``, ``alone`` (leaky entries without a
        recording-disjoint counterpart) and ``commands`` (that train it).

        A gap is a dict of a ``training``, its ``disjoint`` and ``leaky`` results and
        the ``gap`` between them (`asc.evaluation.gap.UnpairedDifference`). An overlap
        is a dict of an ``entry`` and its (accuracy, clips) on ``seen`` and on
        ``unseen`` recordings, where the recording is known.
    """
    done = evaluated(entries)
    leaky = [entry for entry in done if entry.leaks]
    groups: dict[tuple, list[ReportEntry]] = {}
    for training, entry in trainings(entries):
        if entry.leaks or entry.leakage is not None:
            key = (training, entry.store_facts.get("digest"))
            groups.setdefault(key, []).append(entry)
    gaps: list[dict[str, Any]] = []
    alone: list[ReportEntry] = []
    for (training, _), group in groups.items():
        inflated = [entry for entry in group if entry.leaks]
        disjoint = [entry for entry in group if not entry.leaks]
        if inflated and disjoint:
            gaps.append(
                {
                    "training": training,
                    "disjoint": _results(disjoint),
                    "leaky": _results(inflated),
                    "gap": unpaired_difference(*map(evaluations, (inflated, disjoint))),
                }
            )
        else:
            alone += inflated
    commands = [train_command(entry, split="recording") for entry in alone]
    return {
        "evaluated": len(done),
        "leaky": len(leaky),
        "known": all(entry.leakage is not None for entry in done),
        "gaps": sorted(gaps, key=lambda gap: str(gap["training"])),
        "overlaps": list(filter(None, map(_overlap, leaky))),
        "alone": alone,
        "commands": list(dict.fromkeys(commands)),
    }


def _results(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return means, and the ``reach`` of all 95 % CIs."""
    limits = [limit for entry in entries for limit in entry.metrics.ci95]
    return {
        "entries": entries,
        "accuracy": mean_accuracy(entries),
        "leakage": mean_leakage(entries),
        "reach": (min(limits), max(limits)),
    }


def _overlap(entry: ReportEntry) -> dict[str, Any] | None:
    session = entry.sessions.get("")
    if entry.evaluation is None or session is None:
        return None
    origins = session.store.origins()
    trained = origins.recordings[session.rows["train"]]
    seen = np.isin(entry.evaluation.recordings, trained)
    named = origins.named[session.rows["train"]].all() & entry.evaluation.named
    correct = entry.evaluation.correct
    parts = {"seen": correct[seen], "unseen": correct[~seen & named]}
    return {"entry": entry} | {
        part: (float(some.mean()) if len(some) else None, len(some))
        for part, some in parts.items()
    }
