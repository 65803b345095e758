"""Sentences about results, for the log and the terminal.

The line of an accuracy is `asc.evaluation.metrics.Metrics.summary`, that of a
difference `asc.evaluation.significance.PairedTest.summary`.
"""

from __future__ import annotations

from collections.abc import Sequence

from asc.evaluation.metrics import Metrics
from asc.evaluation.significance import PairedTest
from asc.experiments.folds import OFFICIAL
from asc.text import counted, leakage_percent, percent


def fold_sentences(metrics: Metrics) -> list[str]:
    """Return what to report of pooled folds alongside their accuracy."""
    folds = metrics.folds or {}
    each = ", ".join(f"{100 * fold.accuracy:.1f}" for fold in folds.values())
    spread = ""
    if metrics.accuracy_deviation is not None:
        spread = f" ± {100 * metrics.accuracy_deviation:.1f}"
    sentences = [
        f"mean over {counted(len(folds), 'fold', 'folds')}"
        f" {100 * (metrics.accuracy_mean or 0):.1f}{spread} % ({each}); balanced"
        f" accuracy {percent(metrics.class_accuracy)}"
    ]
    if not any(map(OFFICIAL.fullmatch, folds)):
        sentences.append(
            f"No official folds: the recordings were split into {len(folds)} folds,"
            f" {', '.join(folds)}."
        )
    if metrics.tested_again or metrics.never_tested:
        sentences.append(
            f"{counted(metrics.tested_again or 0, 'clip is', 'clips are')} tested in"
            f" more than one fold and {metrics.never_tested:,} in none: the official"
            " lists are pooled as they are."
        )
    return sentences


def leakage_sentence(metrics: Metrics) -> str | None:
    """Return what leakage makes of an accuracy; None without leakage."""
    if not metrics.leakage:
        return None
    return (
        f"{leakage_percent(metrics.leakage)} of the test clips share a recording with"
        " train, so this measures recognition of recordings seen in training. Use"
        " --split recording or fold1 to test on new recordings."
    )


def comparison_heading(reference: str, tests: Sequence[PairedTest | Exception]) -> str:
    """Return the heading of differences from one result."""
    count = sum(isinstance(test, PairedTest) for test in tests)
    return (
        f"difference from {reference} (paired permutation test over recordings,"
        f" Holm-corrected, {counted(count, 'comparison', 'comparisons')}):"
    )
