"""Sentences about results, for the log, the terminal and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asc.corpus.splits import OFFICIAL_FOLD
from asc.evaluation.groups import GroupMetrics
from asc.evaluation.metrics import Metrics
from asc.text import counted, interval, leakage_percent, percent, printable


def accuracy_sentence(metrics: Metrics) -> str:
    """Return accuracy with all that it must never be shown without, in one line."""
    return (
        f"accuracy {percent(metrics.accuracy)} [{uncertainty(metrics)}], split"
        f" {metrics.tested_on()}, leakage {leakage_percent(*metrics.known_leakage)}"
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
    return "; ".join([*parts, sample(result)])


def sample(result: Any) -> str:
    """Return how many clips and recordings a result is of.

    Clips whose recording is not known are taken as independent by every interval and
    test. They need not be, and this is always said.
    """
    clips = counted(result.clips, "clip", "clips")
    if result.recordings is None:
        return f"{clips} taken as independent, recordings unknown"
    known = f"{clips}, {counted(result.recordings, 'recording', 'recordings')}"
    if not result.without_recording:
        return known
    return f"{known}; {result.without_recording:,} without one taken as independent"


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
    official = any(map(OFFICIAL_FOLD.fullmatch, folds))
    if not official:
        units = "clips" if next(iter(folds), "").startswith("random") else "recordings"
        sentences.append(
            f"No official folds: the {units} were split into {len(folds)} folds,"
            f" {', '.join(folds)}."
        )
    if metrics.tested_again or metrics.never_tested:
        why = "the official lists are pooled as they are"
        if not official:
            why = "clips whose recording is not known are in no fold"
        sentences.append(
            f"{counted(metrics.tested_again or 0, 'clip is', 'clips are')} tested in"
            f" more than one fold and {metrics.never_tested:,} in none: {why}."
        )
    return sentences


def leakage_sentence(metrics: Metrics) -> str | None:
    """Return what leakage makes of an accuracy; None if there is surely none."""
    leakage = metrics.known_leakage
    if leakage.at_least:
        text = leakage_percent(*leakage)
        return (
            f"{text[0].upper()}{text[1:]} of the {metrics.part} clips share a recording"
            " with train, so this measures recognition of recordings seen in training."
            " Use --split recording or folds to test on new recordings."
        )
    if leakage.share is None:
        return (
            f"leakage is unknown: {metrics.part} clips may come from recordings seen in"
            " training, which makes accuracy too high. A table with a column recording"
            " would tell."
        )
    return None


def group_rows(name: str, group: GroupMetrics) -> list[tuple[str, ...]]:
    """Return the accuracies of a group as the rows of a table, with their heading."""
    heading = (name, "accuracy", "95 % CI", "conservative", "clips", "recordings")
    state = {None: "unknown", True: "seen", False: "unseen"}
    listed = [(v, each, state[each.seen]) for v, each in group.values.items()]
    if group.seen is not None and group.unseen is not None:
        listed += [("all", group.seen, "seen"), ("all", group.unseen, "unseen")]
    rows: list[tuple[str, ...]] = [(*heading, "in training")]
    return rows + [
        (
            printable(value),
            percent(each.accuracy),
            interval(each.ci95),
            interval(each.ci95_cautious) if each.few_recordings else "-",
            f"{each.clips:,}",
            "-" if each.recordings is None else f"{each.recordings:,}",
            seen,
        )
        for value, each, seen in listed
    ]


def comparison_heading(reference: str, tests: Sequence[object]) -> str:
    """Return the heading of differences from one result."""
    count = sum(not isinstance(test, Exception) for test in tests)
    if not count:
        return f"difference from {reference}:"
    return (
        f"difference from {reference} (paired permutation test over recordings,"
        f" Holm-corrected, {counted(count, 'comparison', 'comparisons')}):"
    )


def alternative_sentences(metrics: Metrics) -> list[str]:
    """Return what to report of averaged and calibrated predictions, after the plain.

    Each has the plain figure beside its own.
    """
    sentences = []
    if (tta := metrics.tta) is not None:
        paired = tta.paired
        sentences.append(
            f"{tta.shifts:,} time shifts averaged: accuracy {percent(tta.accuracy)}"
            f" [{limits(metrics, tta)}], difference"
            f" {100 * paired.difference:+.1f} percentage points"
            f" [{limits(metrics, paired, signed=True)}], p {paired.p_value:.4f}; log"
            f" loss {tta.log_loss:.3f} (plain {metrics.log_loss:.3f})"
        )
    if (found := metrics.temperature) is not None:
        clips = counted(found.clips, "validation clip", "validation clips")
        same = ", which are these" if metrics.part == "validation" else ""
        sentences.append(
            f"temperature {found.value:.2f} (fitted on {clips}{same}): expected"
            f" calibration error {percent(found.calibration_error)} (plain"
            f" {percent(metrics.calibration_error)}), log loss {found.log_loss:.3f}"
            f" (plain {metrics.log_loss:.3f})"
        )
    return sentences


def limits(metrics: Metrics, figures: Any, *, signed: bool = False) -> str:
    """Return the intervals of figures of the clips of `metrics`."""
    text = f"95 % CI {interval(figures.ci95, signed=signed)}"
    if metrics.few_recordings:
        text += f"; conservative {interval(figures.ci95_cautious, signed=signed)}"
    return text
