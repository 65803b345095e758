"""Whether results on the same clips differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asc.evaluation.significance import PairedTest
from asc.experiments.differences import best_against, choices
from asc.reporting.entries import ReportEntry
from asc.reporting.trainings import Training, mean_accuracy, mean_leakage, trainings

#: p-values from here on are not significant.
LEVEL = 0.05


@dataclass(frozen=True)
class Tested:
    """A paired test, or the sentence why there is none."""

    test: PairedTest | None
    error: str

    @classmethod
    def of(cls, outcome: PairedTest | Exception) -> Tested:
        """Return the outcome of a comparison."""
        if isinstance(outcome, PairedTest):
            return cls(outcome, "")
        return cls(None, str(outcome))

    @property
    def verdict(self) -> str:
        """Return ``not significant``, ``better`` or ``worse``: the first of the two."""
        if self.test is None or self.test.p >= LEVEL:
            return "not significant"
        return "better" if self.test.difference > 0 else "worse"


@dataclass(frozen=True)
class Option:
    """An option against the first of its kind, over otherwise identical runs."""

    value: str
    reference: str
    pairs: int
    tested: Tested


@dataclass(frozen=True)
class Contest:
    """The trainings that were tested on the same clips.

    Attributes
    ----------
    split : str
    leakage : float or None
        Of the best.
    best : (Training, accuracy)
    others : tuple of (Training, accuracy, Tested)
        The best against each, in order of falling accuracy.
    options : tuple of Option
    """

    split: str
    leakage: float | None
    best: tuple[Training, float]
    others: tuple[tuple[Training, float, Tested], ...]
    options: tuple[Option, ...]


def significance_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return, for every split, how the best training compares with the others.

    Returns
    -------
    dict
        ``contests`` (list of Contest, those that leak last) and ``level``.
    """
    groups: dict[tuple, dict[Training, list[ReportEntry]]] = {}
    for training, entry in trainings(entries):
        clips = (entry.metrics.tested_on(), entry.store_facts.get("digest"))
        groups.setdefault(clips, {}).setdefault(training, []).append(entry)
    contests = [
        _contest(split, group)
        for (split, _), group in sorted(groups.items(), key=lambda item: str(item[0]))
        if len(group) > 1
    ]
    return {
        "contests": sorted(contests, key=lambda contest: bool(contest.leakage)),
        "level": LEVEL,
    }


def _contest(split: str, group: dict[Training, list[ReportEntry]]) -> Contest:
    best, tests = best_against(
        {
            training: [e.evaluation for e in entries if e.evaluation is not None]
            for training, entries in group.items()
        }
    )
    options = choices(
        split,
        [
            (training.choices, entry.metrics.seed, entry.evaluation)
            for training, entries in group.items()
            for entry in entries
            if entry.evaluation is not None
        ],
    )
    return Contest(
        split,
        mean_leakage(group[best]),
        (best, mean_accuracy(group[best])),
        tuple(
            (other, mean_accuracy(group[other]), Tested.of(test))
            for other, test in tests.items()
        ),
        tuple(
            Option(value, option.second[kind], option.pairs, Tested.of(option.test))
            for option in options
            for kind, value in option.first.items()
        ),
    )
