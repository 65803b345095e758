"""Sentences about results, for the log, the terminal and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asc.corpus.splits import OFFICIAL_FOLD
from asc.evaluation.metrics import Metrics
from asc.text import counted, interval, leakage_percent, percent


def accuracy_sentence(metrics: Metrics) -> str:
    """Return accuracy with all that it must never be shown without, in one line."""
    return (
        f"accuracy {percent(metrics.accuracy)} [{uncertainty(metrics)}], split"
        f" {metrics.tested_on()}, leakage {leakage_percent(metrics.leakage)}"
    )


def difference_sentence(test: Any) -> str:
    """Return what a `PairedTest` found, or the error why there is none."""
    if isinstance(test, Exception):
        return str(test)
    return (
        f"{100 * test.difference:+.1f} percentage points"
        f" [{uncertainty(test, signed=True)}], p {test.p:.4f}"
    )


def uncertainty(result: Any, *, signed: bool = False) -> str:
    """Return the intervals of `Metrics` or a `PairedTest`, and their sample sizes."""
    parts = [f"95 % CI {interval(result.ci95, signed=signed)}"]
    if result.few_recordings and result.ci95_cautious is not None:
        parts.append(f"conservative {interval(result.ci95_cautious, signed=signed)}")
    unit = "recordings unknown"
    if result.recordings is not None:
        unit = counted(result.recordings, "recording", "recordings")
    parts.append(f"{counted(result.clips, 'clip', 'clips')}, {unit}")
    return "; ".join(parts)


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
    if not any(map(OFFICIAL_FOLD.fullmatch, folds)):
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


def comparison_heading(reference: str, tests: Sequence[object]) -> str:
    """Return the heading of differences from one result."""
    count = sum(not isinstance(test, Exception) for test in tests)
    return (
        f"difference from {reference} (paired permutation test over recordings,"
        f" Holm-corrected, {counted(count, 'comparison', 'comparisons')}):"
    )
