"""Everything about one result: curves, confusion, scenes, recordings, calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from asc.evaluation.calibration import calibration
from asc.evaluation.evaluate import Evaluation, few_recordings
from asc.evaluation.mistakes import recording_results
from asc.reporting.charts import curves, legend, reliability
from asc.reporting.confusion import matrix, pair_pictures, pairs_table
from asc.reporting.facts import History, Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.results import leakage_badge
from asc.reporting.scenes import per_scene
from asc.reporting.tables import table
from asc.reporting.wording import (
    drawn_over,
    duration,
    interval,
    percent,
    split_name,
)
from asc.text import counted

#: Lines of the table of recordings.
_RECORDINGS = 12


def details(subject: Subject, pictures: int) -> Element:
    """Return the part of the page about one result.

    Parameters
    ----------
    subject : Subject
    pictures : int
        How many confused pairs to draw.
    """
    evaluation = subject.evaluation
    content: list[Child] = [
        tag("p", sentence, class_="note") for sentence in subject.missing
    ]
    if evaluation is not None:
        content.append(_summary(subject))
    if evaluation is not None:
        content += _folds(evaluation)
    content += _curves(subject)
    if evaluation is not None:
        content += [
            tag("h4", "Scenes"),
            *per_scene(subject, evaluation),
            tag(
                "div",
                tag("div", tag("h4", "Confusion"), matrix(evaluation)),
                tag("div", tag("h4", "Most confused pairs"), pairs_table(evaluation)),
                class_="beside",
            ),
            *pair_pictures(subject, evaluation, pictures),
            tag("h4", "Worst recordings"),
            *_recordings(subject, evaluation),
            tag("h4", "Calibration"),
            *_calibration(evaluation),
        ]
    return tag("div", content, class_="details")


def _summary(subject: Subject) -> Element:
    metrics = subject.metrics
    return tag(
        "p",
        tag("strong", percent(metrics["accuracy"], 2)),
        " ",
        leakage_badge(subject.leakage),
        f" 95 % interval {interval(metrics['ci95'])}; {drawn_over(metrics)}"
        f"{few_recordings(metrics)}; split"
        f" {split_name(metrics)}.",
        _naive(metrics),
        tag("br"),
        f"Mean of recalls {percent(metrics['class_accuracy'], 2)}, macro F1"
        f" {percent(metrics['macro_f1'], 2)}, log loss {metrics['log_loss']:.3f}."
        f" {metrics['model']} on {metrics['feature']}, augmentation"
        f" {metrics['augment']}, {metrics['parameters']:,} parameters,"
        f" {counted(metrics['epochs'], 'epoch', 'epochs')} in"
        f" {duration(metrics['seconds'])}, seed {metrics['seed']}.",
    )


def _naive(metrics: Mapping[str, Any]) -> str:
    """Return the interval over clips, which is shown only beside the real one."""
    limits = metrics.get("ci95_clips")
    if metrics["recordings"] is None or not limits:
        return ""
    return (
        " Were all clips independent, which they are not, it would be"
        f" {interval(limits)}."
    )


def _curves(subject: Subject) -> list[Child]:
    if not subject.histories or subject.recipe is None:
        return []
    drawn: list[Child] = []
    for name, history in subject.histories.items():
        if name:
            drawn.append(tag("h5", name))
        epoch = _kept(history, subject.recipe.monitor)
        drawn.append(tag("div", curves(history, epoch), class_="charts"))
    augmented = subject.recipe.augment != "none"
    return [
        tag("h4", "Training"),
        *drawn,
        legend(
            ("train", "train (augmented)" if augmented else "train"),
            ("validation", "validation"),
            ("best", f"kept epoch, the best {subject.recipe.monitor}"),
        ),
    ]


def _kept(history: History, monitor: str) -> float | None:
    """Return the epoch whose model was kept."""
    better = max if monitor.endswith("accuracy") else min
    known = [
        record for record in history if math.isfinite(record.get(monitor, math.nan))
    ]
    return better(known, key=lambda record: record[monitor])["epoch"] if known else None


def _folds(evaluation: Evaluation) -> list[Child]:
    """Return the figures of every fold, if folds were pooled."""
    folds = evaluation.metrics.get("folds")
    if not folds:
        return []
    metrics = evaluation.metrics
    rows = [
        [
            name,
            percent(fold["accuracy"], 2),
            percent(fold["class_accuracy"], 2),
            f"{fold['clips']:,}",
            leakage_badge(fold["leakage"]),
        ]
        for name, fold in folds.items()
    ]
    columns = [("Fold", ""), ("Accuracy", "number"), ("Mean of recalls", "number")]
    columns += [("Clips", "number"), ("Leakage", "")]
    spread = metrics["accuracy_deviation"]
    return [
        tag("h4", "Folds"),
        table(columns, rows),
        tag(
            "p",
            f"Mean over folds {percent(metrics['accuracy_mean'], 2)}",
            "" if spread is None else f", standard deviation {100 * spread:.2f} points",
            "; the accuracy above is that of all their clips."
            f" {metrics['tested_again']:,} clips are tested in more than one fold,"
            f" {metrics['never_tested']:,} in none.",
            class_="note",
        ),
    ]


def _recordings(subject: Subject, evaluation: Evaluation) -> list[Child]:
    results = recording_results(evaluation)
    wrong = [result for result in results if result.wrong]
    if not wrong:
        return [tag("p", "Every clip of every recording is right.")]
    errors = sum(result.wrong for result in results)
    bad = [result for result in results if 2 * result.right < result.clips]
    known = subject.metrics["recordings"] is not None
    told = (
        f"Of {counted(len(results), 'recording', 'recordings')},"
        f" {len(results) - len(wrong):,} are all right. {len(bad):,} are less than"
        f" half right and hold {percent(sum(r.wrong for r in bad) / errors, 0)} of all"
        " errors."
        if known
        else "The corpus names no recordings, so every clip stands for itself."
    )
    rows = [
        [
            result.recording,
            ", ".join(result.scenes),
            f"{result.right:,} of {result.clips:,}",
            _taken(result.taken_for),
        ]
        for result in wrong[:_RECORDINGS]
    ]
    columns = [("Recording" if known else "Clip", ""), ("Scene", "")]
    columns += [("Right", "number"), ("Taken for", "")]
    return [
        tag("p", told),
        table(columns, rows),
    ]


def _taken(taken_for: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{scene} ({clips:,})" for scene, clips in taken_for[:4])
    return shown + (", ..." if len(taken_for) > 4 else "")


def _calibration(evaluation: Evaluation) -> list[Child]:
    found = calibration(evaluation.truth, evaluation.probabilities)
    told = float(evaluation.probabilities.max(axis=1).mean())
    reached = evaluation.metrics["accuracy"]
    word = "more than it keeps" if told > reached else "less than it keeps"
    if percent(told) == percent(reached):
        word = "what it keeps"
    rows = [
        [
            f"{100 * begin:.0f} to {100 * end:.0f} %",
            f"{clips:,}",
            percent(float(confidence)),
            percent(float(accuracy)),
        ]
        for begin, end, clips, confidence, accuracy in zip(
            found.edges,
            found.edges[1:],
            found.clips,
            found.confidence,
            found.accuracy,
        )
        if clips
    ]
    columns = [("Confidence", "")]
    columns += [(name, "number") for name in ("Clips", "Mean", "Right")]
    return [
        tag(
            "p",
            "Expected calibration error ",
            tag("strong", percent(found.error)),
            f": the model is sure by {percent(told)} on average and right in"
            f" {percent(reached)}, so it promises {word}.",
        ),
        tag(
            "div",
            reliability(found),
            table(columns, rows),
            class_="charts",
        ),
        legend(
            ("bar", "accuracy of the clips of that confidence"),
            ("gap", "distance from what was promised"),
            ("ideal", "a model that keeps its word"),
        ),
    ]
