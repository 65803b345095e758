"""Which scene is taken for which: matrix, pairs, and pictures of these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asc.evaluation.evaluate import Evaluation
from asc.evaluation.mistakes import ConfusedPair, confused_pairs, confusion_counts
from asc.reporting.facts import Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.pictures import colour_limits, scale, spectrogram
from asc.reporting.tables import table
from asc.reporting.wording import percent

#: Lines of the table of pairs.
_PAIRS = 12
#: Up to so many scenes cells have shares under their counts, and up to so many
#: there is a matrix at all.
_WITH_SHARES, _MOST_SCENES = 20, 60
#: Share of the row from which white can be read better on a cell than ink.
_STRONG = 0.85


def matrix(evaluation: Evaluation) -> list[Child]:
    """Return clips by true and predicted scene, with their shares."""
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
    kinds = ("right " if right else "wrong ") + ("strong" if share > _STRONG else "")
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


def pairs_table(evaluation: Evaluation) -> list[Child]:
    """Return the pairs of scenes that are confused most."""
    pairs = confused_pairs(evaluation)
    if not pairs:
        return [tag("p", "Not one clip was taken for another scene.")]
    scenes = evaluation.scenes
    rows = [
        [
            scenes[pair.truth],
            scenes[pair.predicted],
            f"{pair.clips:,}",
            percent(pair.share, 0),
        ]
        for pair in pairs[:_PAIRS]
    ]
    columns = [("Scene", ""), ("Taken for", "")]
    columns += [("Clips", "number"), ("of the scene", "number")]
    content: list[Child] = [table(columns, rows)]
    if len(pairs) > _PAIRS:
        content.append(
            tag("p", f"{len(pairs) - _PAIRS} more pairs are rarer.", class_="note")
        )
    return content


def pair_pictures(subject: Subject, evaluation: Evaluation, most: int) -> list[Child]:
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
