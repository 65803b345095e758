"""What a result must beat to be worth its training: chance, and the linear model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from asc.evaluation.evaluation import Evaluation
from asc.evaluation.significance import PairedTest, paired_tests

#: Level of significance: a difference is significant if p is below it.
LEVEL = 0.05

ABOVE, BELOW, UNCLEAR = "above", "below", "not distinguishable"

Name = TypeVar("Name")


def against_baselines(
    results: Mapping[Name, Sequence[Evaluation]],
    baselines: Mapping[Name, Sequence[Evaluation]],
) -> dict[Name, PairedTest | Exception]:
    """Test results against their baselines, with Holm's correction for all of them.

    Parameters
    ----------
    results : mapping of name to evaluations
        The evaluations of all seeds, which are pooled.
    baselines : mapping of name to evaluations
        Those of the linear model on the same clips and feature, where it has some.

    Returns
    -------
    dict of name to PairedTest or UsageError
        The result minus its baseline, for names in both; an error where the two
        cannot be compared.
    """
    names = [name for name in results if baselines.get(name)]
    tests = paired_tests([(results[name], baselines[name]) for name in names])
    return dict(zip(names, tests, strict=True))


def verdict(test: PairedTest) -> str:
    """Return whether a result is ``above``, ``below`` or ``not distinguishable``."""
    if test.p >= LEVEL:
        return UNCLEAR
    return ABOVE if test.difference > 0 else BELOW


def baseline_sentence(test: PairedTest) -> str:
    """Return how a result compares with the linear model."""
    found, difference = verdict(test), 100 * test.difference
    text = f"{found} the linear model"
    if found == UNCLEAR:
        text = "not distinguishable from the linear model"
        if difference < 0:
            text = "below the linear model, not significantly"
    return f"{text} ({difference:+.1f} percentage points, p {test.p:.3f})"
