"""What the best of several trainings gains on the others, and what a choice brings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from asc.evaluation.evaluation import Evaluation
from asc.evaluation.significance import PairedTest, paired_tests

#: What trainings are told apart by.
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Difference:
    """What one of two gains on the other, tested on the same clips.

    Attributes
    ----------
    split : str
    first, second : dict of str to str
        What is compared: model, augment and feature of two trainings, or a single
        one of these of all trainings that have their like with the other value.
    pairs : int
        How many trainings each stands for, seeds not counted.
    test : PairedTest or UsageError
        Of the first less the second, or why there is none.
    """

    split: str
    first: dict[str, str]
    second: dict[str, str]
    pairs: int
    test: PairedTest | Exception

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: ``error`` and no figures if not tested."""
        told: dict[str, Any] = {"error": str(self.test)}
        if isinstance(self.test, PairedTest):
            told = asdict(self.test) | {"error": None}
        named = {"split": self.split, "first": self.first, "second": self.second}
        return named | {"pairs": self.pairs} | told


def best_against(
    trainings: Mapping[Name, Sequence[Evaluation]],
) -> tuple[Name, dict[Name, PairedTest | Exception]]:
    """Test the most accurate of several trainings against each of the others.

    The best is chosen by the clips that it is then tested on, which flatters it.

    Parameters
    ----------
    trainings : mapping of name to evaluations
        At least one; each with its seeds, which are taken together.

    Returns
    -------
    name : the best; of equals the first by name
    tests : dict of name to PairedTest or UsageError
        The best less the other, in order of falling accuracy. p-values are corrected
        for their number. An error where the two cannot be compared.
    """
    best, *others = sorted(
        trainings, key=lambda name: (-_accuracy(trainings[name]), str(name))
    )
    tests = paired_tests([(trainings[best], trainings[name]) for name in others])
    return best, dict(zip(others, tests, strict=True))


def choices(
    split: str, runs: Sequence[tuple[Mapping[str, str], int, Evaluation]]
) -> list[Difference]:
    """Test the values of each choice against its first, over all that has both.

    Parameters
    ----------
    split : str
    runs : sequence of (training, seed, evaluation)
        A training is its model, augment and feature by these names.

    Returns
    -------
    list of Difference
        p-values are corrected for all of them together. Nothing of values for which
        one training alone stands: `best_against` tells of it.
    """
    named, pairs = [], []
    for choice in runs[0][0] if runs else ():
        values: dict[str, dict[tuple, Evaluation]] = {}
        for training, seed, result in runs:
            rest = (*(v for name, v in training.items() if name != choice), seed)
            values.setdefault(training[choice], {})[rest] = result
        first, *others = values
        for other in others:
            shared = [rest for rest in values[other] if rest in values[first]]
            trainings = {rest[:-1] for rest in shared}
            if len(trainings) > 1:
                named.append(({choice: other}, {choice: first}, len(trainings)))
                a, b = ([values[v][rest] for rest in shared] for v in (other, first))
                pairs.append((a, b))
    return [
        Difference(split, *names, test)
        for names, test in zip(named, paired_tests(pairs), strict=True)
    ]


def _accuracy(evaluations: Sequence[Evaluation]) -> float:
    return float(np.mean([one.metrics.accuracy for one in evaluations]))
