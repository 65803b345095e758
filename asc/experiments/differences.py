"""Differences between trainings: of the best to each other, and of each option."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from asc.evaluation.baseline import verdict
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.significance import PairedTest, paired_tests

#: Fields that distinguish trainings.
Name = TypeVar("Name", bound=Hashable)


class Training(NamedTuple):
    """What is trained, without split and seed."""

    model: str
    augment: str
    feature: str
    variant: str = ""

    def options(self) -> dict[str, str]:
        """Return what distinguishes it from others; a variant has its own model."""
        if self.variant:
            return {"variant": self.variant, "feature": self.feature}
        return {"model": self.model, "augment": self.augment, "feature": self.feature}

    def __str__(self) -> str:
        return " ".join(self.options().values())


@dataclass(frozen=True)
class Difference:
    """The difference in accuracy of two trainings, tested on the same clips.

    Attributes
    ----------
    split : str
    first, second : dict of str to str
        What is compared: model, augment and feature of two trainings (or variant and
        feature), or one of these of all trainings that exist with both values.
    pairs : int
        Number of trainings that each stands for, not counting seeds.
    test : PairedTest or UsageError
        Of the first minus the second, or why there is none.
    """

    split: str
    first: dict[str, str]
    second: dict[str, str]
    pairs: int
    test: PairedTest | Exception

    @property
    def verdict(self) -> str | None:
        """Whether the first is above or below the second; None if not tested."""
        return verdict(self.test) if isinstance(self.test, PairedTest) else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: ``error`` and no figures if not tested."""
        values: dict[str, Any] = {"split": self.split, "first": self.first}
        values |= {"second": self.second, "pairs": self.pairs}
        if isinstance(self.test, PairedTest):
            return values | asdict(self.test) | {"error": None}
        return values | {"error": str(self.test)}


def best_against(
    trainings: Mapping[Name, Sequence[Evaluation]],
) -> tuple[Name, dict[Name, PairedTest | Exception]]:
    """Test the most accurate of several trainings against each of the others.

    It is selected on the clips that it is then tested on, which favours it.

    Parameters
    ----------
    trainings : mapping of name to evaluations
        At least one; the evaluations of all its seeds, which are pooled.

    Returns
    -------
    name : the best; of equals the first by name
    tests : dict of name to PairedTest or UsageError
        The best minus the other, in order of falling accuracy, with Holm's
        correction. An error where the two cannot be compared.
    """
    best, *others = sorted(
        trainings, key=lambda name: (-_accuracy(trainings[name]), str(name))
    )
    tests = paired_tests([(trainings[best], trainings[name]) for name in others])
    return best, dict(zip(others, tests, strict=True))


def choices(
    split: str, runs: Sequence[tuple[Mapping[str, str], int, Evaluation]]
) -> list[Difference]:
    """Test each option against the first of its kind, over otherwise identical runs.

    Parameters
    ----------
    split : str
    runs : sequence of (training, seed, evaluation)
        A training by the names of its options: model, augment and feature.

    Returns
    -------
    list of Difference
        With Holm's correction for all of them together. Options with a single pair
        of trainings are left out: `best_against` compares those.
    """
    named, pairs = [], []
    for kind in runs[0][0] if runs else ():
        values: dict[str, dict[tuple, Evaluation]] = {}
        for training, seed, result in runs:
            rest = (*(v for name, v in training.items() if name != kind), seed)
            values.setdefault(training[kind], {})[rest] = result
        first, *others = values
        for other in others:
            shared = [rest for rest in values[other] if rest in values[first]]
            trainings = {rest[:-1] for rest in shared}
            if len(trainings) > 1:
                named.append(({kind: other}, {kind: first}, len(trainings)))
                a, b = ([values[v][rest] for rest in shared] for v in (other, first))
                pairs.append((a, b))
    return [
        Difference(split, *names, test)
        for names, test in zip(named, paired_tests(pairs), strict=True)
    ]


def _accuracy(evaluations: Sequence[Evaluation]) -> float:
    return float(np.mean([one.metrics.accuracy for one in evaluations]))
