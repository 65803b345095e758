"""Everything about one result: curves, confusion, scenes, recordings, calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from asc.errors import counted
from asc.evaluation.calibration import calibration
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.mistakes import (
    ConfusedPair,
    confused_pairs,
    confusion_counts,
    recording_results,
)
from asc.evaluation.plots.spectrograms import colour_limits
from asc.evaluation.report.charts import curves, legend, reliability
from asc.evaluation.report.facts import History, Subject
from asc.evaluation.report.html import Child, Element, tag
from asc.evaluation.report.pictures import scale, spectrogram
from asc.evaluation.report.results import leakage_badge
from asc.evaluation.report.scenes import per_scene
from asc.evaluation.report.wording import (
    drawn_over,
    duration,
    interval,
    percent,
    split_name,
)

#: Lines of a table that is sorted by how bad it is.
_PAIRS, _RECORDINGS = 12, 12
#: Up to so many scenes cells have shares under their counts, and up to so many
#: there is a matrix at all.
_WITH_SHARES, _MOST_SCENES = 20, 60


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
                tag("div", tag("h4", "Confusion"), _confusion(evaluation)),
                tag("div", tag("h4", "Most confused pairs"), _pairs(evaluation)),
                class_="beside",
            ),
            *_pictures(subject, evaluation, pictures),
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
        f" 95 % interval {interval(metrics['ci95'])}; {drawn_over(metrics)}; split"
        f" {split_name(metrics)}.",
        tag("br"),
        f"Mean of recalls {percent(metrics['class_accuracy'], 2)}, macro F1"
        f" {percent(metrics['macro_f1'], 2)}, log loss {metrics['log_loss']:.3f}."
        f" {metrics['model']} on {metrics['feature']}, augmentation"
        f" {metrics['augment']}, {metrics['parameters']:,} parameters,"
        f" {counted(metrics['epochs'], 'epoch', 'epochs')} in"
        f" {duration(metrics['seconds'])}, seed {metrics['seed']}.",
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
        tag(
            "tr",
            tag("th", name, scope="row"),
            tag("td", percent(fold["accuracy"], 2), class_="number"),
            tag("td", percent(fold["class_accuracy"], 2), class_="number"),
            tag("td", f"{fold['clips']:,}", class_="number"),
            tag("td", leakage_badge(fold["leakage"])),
        )
        for name, fold in folds.items()
    ]
    head = tag(
        "tr",
        tag("th", "Fold", scope="col"),
        tag("th", "Accuracy", scope="col", class_="number"),
        tag("th", "Mean of recalls", scope="col", class_="number"),
        tag("th", "Clips", scope="col", class_="number"),
        tag("th", "Leakage", scope="col"),
    )
    spread = metrics["accuracy_deviation"]
    return [
        tag("h4", "Folds"),
        tag(
            "div", tag("table", tag("thead", head), tag("tbody", rows)), class_="scroll"
        ),
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


def _confusion(evaluation: Evaluation) -> list[Child]:
    scenes = evaluation.scenes
    if len(scenes) > _MOST_SCENES:
        return [
            tag(
                "p",
                f"A matrix of {len(scenes)} scenes could not be read; confusion.csv"
                " of the run has it.",
                class_="note",
            )
        ]
    counts = confusion_counts(evaluation)
    with_shares = len(scenes) <= _WITH_SHARES
    head = tag(
        "tr",
        tag("th", "true \\ taken for", class_="corner"),
        [tag("th", tag("span", scene), scope="col") for scene in scenes],
        tag("th", tag("span", "clips"), scope="col"),
    )
    body = []
    for truth, scene in enumerate(scenes):
        support = int(counts[truth].sum())
        cells = [
            _cell(int(count), support, truth == taken, with_shares)
            for taken, count in enumerate(counts[truth])
        ]
        total = tag("td", f"{support:,}", class_="total")
        body.append(tag("tr", tag("th", scene, scope="row"), cells, total))
    return [
        tag(
            "div",
            tag(
                "table",
                tag("thead", head),
                tag("tbody", body),
                class_="confusion" if with_shares else "confusion dense",
            ),
            class_="scroll",
        ),
        tag(
            "p",
            "Rows are the true scenes, columns what they were taken for: clips",
            ", and below them the share of the row" if with_shares else "",
            ". Right is blue, wrong is orange.",
            class_="note",
        ),
    ]


def _cell(count: int, support: int, right: bool, with_share: bool) -> Element:
    if not count:
        return tag("td")
    share = count / support
    kinds = ("right " if right else "wrong ") + ("strong" if share > 0.55 else "")
    return tag(
        "td",
        f"{count:,}",
        (
            tag("small", f"{100 * share:.0f}%" if share >= 0.005 else "<1%")
            if with_share
            else None
        ),
        class_=kinds.strip(),
        style=f"--share:{0.08 + 0.92 * share:.2f}",
    )


def _pairs(evaluation: Evaluation) -> list[Child]:
    pairs = confused_pairs(evaluation)
    if not pairs:
        return [tag("p", "Not one clip was taken for another scene.")]
    scenes = evaluation.scenes
    rows = [
        tag(
            "tr",
            tag("th", scenes[pair.truth], scope="row"),
            tag("td", scenes[pair.predicted]),
            tag("td", f"{pair.clips:,}", class_="number"),
            tag("td", percent(pair.share, 0), class_="number"),
        )
        for pair in pairs[:_PAIRS]
    ]
    head = tag(
        "tr",
        tag("th", "Scene", scope="col"),
        tag("th", "taken for", scope="col"),
        tag("th", "Clips", scope="col", class_="number"),
        tag("th", "of the scene", scope="col", class_="number"),
    )
    content: list[Child] = [
        tag(
            "div", tag("table", tag("thead", head), tag("tbody", rows)), class_="scroll"
        )
    ]
    if len(pairs) > _PAIRS:
        content.append(
            tag("p", f"{len(pairs) - _PAIRS} more pairs are rarer.", class_="note")
        )
    return content


def _pictures(subject: Subject, evaluation: Evaluation, most: int) -> list[Child]:
    """Return spectrograms of confused pairs, none if there is no store."""
    pairs, rows = confused_pairs(evaluation)[:most], subject.rows()
    if not pairs or rows is None or subject.store is None:
        return []
    scenes = evaluation.scenes
    shown = _compared(evaluation, pairs)
    clips = sorted({clip for pair in shown for clip in pair if clip is not None})
    store, feature = subject.store, subject.metrics["feature"]
    if feature not in store.spec.features:
        return []
    data = store.features(feature)
    levels = {
        clip: store.to_decibels(feature, data[rows[clip]][..., 0]) for clip in clips
    }
    limits = colour_limits(list(levels.values()))

    def drawn(clip: int | None, what: str, told: str) -> Element:
        if clip is None:
            return tag("figure", tag("figcaption", tag("strong", what), told))
        picture = spectrogram(
            levels[clip],
            feature,
            store.spec,
            limits,
            title=f"Spectrogram of {evaluation.paths[clip]}",
        )
        name = tag("small", evaluation.paths[clip])
        return tag(
            "figure", tag("figcaption", tag("strong", what), told, name), picture
        )

    content: list[Child] = [tag("h4", "Confused pairs to look at")]
    for pair, (wrong, right) in zip(pairs, shown, strict=True):
        truth, taken = scenes[pair.truth], scenes[pair.predicted]
        sure = float(evaluation.probabilities[pair.surest, pair.predicted])
        content.append(
            tag(
                "div",
                drawn(wrong, truth, f" taken for {taken} at {percent(sure, 0)}"),
                drawn(
                    right,
                    taken,
                    (
                        " that was recognised"
                        if right is not None
                        else " has no clip here that was recognised"
                    ),
                ),
                class_="pair",
            )
        )
    content.append(scale(limits))
    return content


def _compared(
    evaluation: Evaluation, pairs: Sequence[ConfusedPair]
) -> list[tuple[int, int | None]]:
    """Return, for every pair, its surest wrong clip and one to hold it beside.

    That is the surest clip of the scene that it passed for, each shown once if
    there are enough.
    """
    predicted = evaluation.probabilities.argmax(axis=1)
    shown: list[tuple[int, int | None]] = []
    used: set[int] = set()
    for pair in pairs:
        taken = pair.predicted
        right = np.flatnonzero((evaluation.truth == taken) & (predicted == taken))
        sure = evaluation.probabilities[right, taken]
        surest = [int(clip) for clip in right[np.argsort(-sure, kind="stable")]]
        unused = [clip for clip in surest if clip not in used]
        beside = next(iter(unused + surest), None)
        used.add(-1 if beside is None else beside)
        shown.append((pair.surest, beside))
    return shown


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
        tag(
            "tr",
            tag("th", result.recording, scope="row"),
            tag("td", ", ".join(result.scenes)),
            tag("td", f"{result.right:,} of {result.clips:,}", class_="number"),
            tag("td", _taken(result.taken_for)),
        )
        for result in wrong[:_RECORDINGS]
    ]
    head = tag(
        "tr",
        tag("th", "Recording" if known else "Clip", scope="col"),
        tag("th", "Scene", scope="col"),
        tag("th", "Right", scope="col", class_="number"),
        tag("th", "Taken for", scope="col"),
    )
    return [
        tag("p", told),
        tag(
            "div", tag("table", tag("thead", head), tag("tbody", rows)), class_="scroll"
        ),
    ]


def _taken(taken_for: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{scene} ({clips:,})" for scene, clips in taken_for[:4])
    return shown + (", ..." if len(taken_for) > 4 else "")


def _calibration(evaluation: Evaluation) -> list[Child]:
    found = calibration(evaluation.truth, evaluation.probabilities)
    told = float(evaluation.probabilities.max(axis=1).mean())
    reached = evaluation.metrics["accuracy"]
    word = "more" if told > reached else "less"
    rows = [
        tag(
            "tr",
            tag("th", f"{100 * begin:.0f} to {100 * end:.0f} %", scope="row"),
            tag("td", f"{clips:,}", class_="number"),
            tag("td", percent(float(confidence)), class_="number"),
            tag("td", percent(float(accuracy)), class_="number"),
        )
        for begin, end, clips, confidence, accuracy in zip(
            found.edges,
            found.edges[1:],
            found.clips,
            found.confidence,
            found.accuracy,
        )
        if clips
    ]
    head = tag(
        "tr",
        tag("th", "Confidence", scope="col"),
        tag("th", "Clips", scope="col", class_="number"),
        tag("th", "Mean", scope="col", class_="number"),
        tag("th", "Right", scope="col", class_="number"),
    )
    return [
        tag(
            "p",
            "Expected calibration error ",
            tag("strong", percent(found.error)),
            f": the model is sure by {percent(told)} on average and right in"
            f" {percent(reached)}, so it promises {word} than it keeps.",
        ),
        tag(
            "div",
            reliability(found),
            tag(
                "div",
                tag("table", tag("thead", head), tag("tbody", rows)),
                class_="scroll",
            ),
            class_="charts",
        ),
        legend(
            ("bar", "accuracy of the clips of that confidence"),
            ("gap", "distance from what was promised"),
            ("ideal", "a model that keeps its word"),
        ),
    ]
