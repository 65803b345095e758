"""Statistical significance of differences between results on the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asc.evaluation.baseline import LEVEL
from asc.experiments.differences import best_against, choices
from asc.reporting.entries import ReportEntry
from asc.reporting.trainings import (
    Training,
    evaluations,
    mean_accuracy,
    mean_leakage,
    trainings,
)


def significance_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return, for every split, how the best training compares with the others.

    Returns
    -------
    dict
        ``level`` and ``contests``, those that leak last. Each is a dict: ``split``,
        ``leakage``, ``best`` (training and accuracy), ``others`` (training, accuracy,
        and the test of the best against it or the error why there is none) and
        ``options`` (list of `asc.experiments.differences.Difference`).
    """
    groups: dict[tuple, dict[Training, list[ReportEntry]]] = {}
    for training, entry in trainings(entries):
        clips = (entry.split, entry.store_facts.get("digest"))
        groups.setdefault(clips, {}).setdefault(training, []).append(entry)
    contests = [
        _contest(split, group)
        for (split, _), group in sorted(groups.items(), key=lambda item: str(item[0]))
        if len(group) > 1
    ]
    contests.sort(key=lambda contest: contest["leakage"].at_least > 0)
    return {"contests": contests, "level": LEVEL}


def _contest(split: str, group: dict[Training, list[ReportEntry]]) -> dict[str, Any]:
    best, tests = best_against(
        {training: evaluations(entries) for training, entries in group.items()}
    )
    runs = [
        (training.choices, entry.metrics.seed, entry.evaluation)
        for training, entries in group.items()
        for entry in entries
        if entry.evaluation is not None
    ]
    return {
        "split": split,
        "leakage": mean_leakage(group[best]),
        "best": (best, mean_accuracy(group[best])),
        "others": [
            (other, mean_accuracy(group[other]), test) for other, test in tests.items()
        ],
        "options": choices(split, runs),
    }
