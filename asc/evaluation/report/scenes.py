"""Recall of every scene, beside published figures where there are any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asc.evaluation.anchors import Anchor, anchors
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.mistakes import confusion_counts
from asc.evaluation.report.facts import Subject
from asc.evaluation.report.html import Child, Element, tag
from asc.evaluation.report.wording import percent


def per_scene(subject: Subject, evaluation: Evaluation) -> list[Child]:
    """Return recall, precision and support of every scene."""
    counts = confusion_counts(evaluation)
    support, taken = counts.sum(axis=1), counts.sum(axis=0)
    metrics = subject.metrics
    # A whole other store is what an evaluation set is.
    protocol = "evaluation" if metrics["split"] == "all clips" else "folds"
    published = anchors(evaluation.scenes, protocol)
    recordings = _recordings(evaluation) if metrics["recordings"] is not None else None
    rows = []
    for index, scene in enumerate(evaluation.scenes):
        right, clips = int(counts[index, index]), int(support[index])
        recall = right / clips if clips else None
        precision = right / int(taken[index]) if taken[index] else None
        marks = [anchor.recalls[scene] for anchor in published]
        rows.append(
            tag(
                "tr",
                tag("th", scene, scope="row"),
                tag("td", _strip(recall, marks, subject.leaks), class_="wide"),
                tag("td", percent(recall), class_="number"),
                tag("td", f"{right:,} of {clips:,}", class_="number"),
                (
                    tag("td", f"{recordings[index]:,}", class_="number")
                    if recordings is not None
                    else None
                ),
                tag("td", percent(precision), class_="number"),
                [tag("td", percent(mark), class_="number anchor") for mark in marks],
            )
        )
    if published:
        rows.append(_total(subject, published, recordings))
    head = tag(
        "tr",
        tag("th", "Scene", scope="col"),
        tag("th", "0 to 100 %", scope="col", class_="wide"),
        tag("th", "Recall", scope="col", class_="number"),
        tag("th", "Clips", scope="col", class_="number"),
        (
            tag("th", "Recordings", scope="col", class_="number")
            if recordings is not None
            else None
        ),
        tag("th", "Precision", scope="col", class_="number"),
        [
            tag(
                "th",
                tag("span", class_=f"key mark-{place}"),
                anchor.name,
                scope="col",
                class_="number anchor",
            )
            for place, anchor in enumerate(published)
        ],
    )
    table = tag("table", tag("thead", head), tag("tbody", rows), class_="scenes")
    return [tag("div", table, class_="scroll"), *_sources(subject, published)]


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


def _total(
    subject: Subject, published: Sequence[Anchor], recordings: Sequence[int] | None
) -> Element:
    metrics = subject.metrics
    marks = [anchor.accuracy for anchor in published]
    return tag(
        "tr",
        tag("th", "all", scope="row"),
        tag("td", _strip(metrics["accuracy"], marks, subject.leaks), class_="wide"),
        tag("td", percent(metrics["accuracy"]), class_="number"),
        tag("td", f"of {metrics['clips']:,}", class_="number"),
        (
            tag("td", f"{metrics['recordings']:,}", class_="number")
            if recordings is not None
            else None
        ),
        tag("td"),
        [tag("td", percent(mark), class_="number anchor") for mark in marks],
        class_="total",
    )


def _sources(subject: Subject, published: Sequence[Anchor]) -> list[Element]:
    if not published:
        return []
    if published[0].protocol == "evaluation":
        told = "Published figures are of the evaluation set, trained on development."
    else:
        told = "Published figures are pooled over the four official folds."
    if subject.leaks:
        told += (
            " They were measured on new recordings and this result was not: it leaks,"
            " so being above them means nothing."
        )
    elif subject.metrics["split"].startswith("fold"):
        told += " This result is of one fold alone."
    elif published[0].protocol == "folds" and subject.metrics["split"] != "folds":
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
