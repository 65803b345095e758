"""Recall of every scene, beside published figures where there are any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asc.corpus.splits import FOLDS
from asc.evaluation.anchors import Anchor, anchors
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.mistakes import confusion_counts
from asc.reporting.facts import Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.tables import Column, table
from asc.reporting.wording import percent


def per_scene(subject: Subject, evaluation: Evaluation) -> list[Child]:
    """Return recall, precision and support of every scene."""
    counts = confusion_counts(evaluation)
    support, taken = counts.sum(axis=1), counts.sum(axis=0)
    metrics = subject.metrics
    # A whole other store is what an evaluation set is.
    protocol = "evaluation" if metrics["split"] == "all clips" else "folds"
    published = anchors(evaluation.scenes, protocol)
    recordings = _recordings(evaluation) if metrics["recordings"] is not None else None
    rows: list[list[Child] | Element] = []
    for index, scene in enumerate(evaluation.scenes):
        right, clips = int(counts[index, index]), int(support[index])
        recall = right / clips if clips else None
        precision = right / int(taken[index]) if taken[index] else None
        marks = [anchor.recalls[scene] for anchor in published]
        rows.append(
            [
                scene,
                _strip(recall, marks, subject.leaks),
                percent(recall),
                f"{right:,} of {clips:,}",
                f"{recordings[index]:,}" if recordings else "–",
                percent(precision),
                *map(percent, marks),
            ]
        )
    if published:
        rows.append(_total(subject, int(counts.trace()), published))
    columns: list[Column] = [("Scene", ""), ("0 to 100 %", "wide")]
    columns += [
        (name, "number") for name in ("Recall", "Clips", "Recordings", "Precision")
    ]
    columns += [
        ([tag("span", class_=f"key mark-{place}"), anchor.name], "number anchor")
        for place, anchor in enumerate(published)
    ]
    return [table(columns, rows, kind="scenes"), *_sources(subject, published)]


def _strip(recall: float | None, marks: Sequence[float], leaks: bool) -> Element:
    """Draw a recall as a bar, and published ones as marks on it."""
    return tag(
        "div",
        (
            tag(
                "i",
                class_="fill leaky" if leaks else "fill",
                style=f"width:{100 * recall:.1f}%",
            )
            if recall is not None
            else None
        ),
        [
            tag("i", class_=f"mark mark-{place}", style=f"left:{100 * value:.1f}%")
            for place, value in enumerate(marks)
        ],
        class_="strip",
    )


def _total(subject: Subject, right: int, published: Sequence[Anchor]) -> Element:
    metrics = subject.metrics
    marks = [anchor.accuracy for anchor in published]
    known = metrics["recordings"]
    cells = [
        percent(metrics["accuracy"]),
        f"{right:,} of {metrics['clips']:,}",
        f"{known:,}" if known is not None else "–",
        "",
        *map(percent, marks),
    ]
    return tag(
        "tr",
        tag("th", "all", scope="row"),
        tag("td", _strip(metrics["accuracy"], marks, subject.leaks), class_="wide"),
        [tag("td", cell, class_="number") for cell in cells],
        class_="total",
    )


def _sources(subject: Subject, published: Sequence[Anchor]) -> list[Element]:
    if not published:
        return []
    split = subject.metrics["split"]
    if published[0].protocol == "evaluation":
        told = "Published figures are of the evaluation set, trained on development."
    else:
        told = "Published figures are pooled over the four official folds."
    if subject.leaks:
        told += (
            " They were measured on new recordings and this result was not: it leaks,"
            " so being above them means nothing."
        )
    elif published[0].protocol == "folds" and split.startswith("fold"):
        told += " This result is of one fold alone." if split != FOLDS else ""
    elif published[0].protocol == "folds":
        told += " This result is of another split, so it can only be held beside them."
    sources = sorted({anchor.source for anchor in published})
    return [tag("p", told, class_="note")] + [
        tag("p", f"Source: {source}.", class_="note") for source in sources
    ]


def _recordings(evaluation: Evaluation) -> list[int]:
    names = np.asarray(evaluation.recordings)
    return [
        len(set(names[evaluation.truth == index]))
        for index in range(len(evaluation.scenes))
    ]
