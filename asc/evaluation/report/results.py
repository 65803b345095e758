"""The figures of all results, and what leakage makes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

import numpy as np

from asc.errors import counted
from asc.evaluation.evaluate import few_recordings
from asc.evaluation.report.charts import legend
from asc.evaluation.report.facts import Subject
from asc.evaluation.report.html import Child, Element, tag
from asc.evaluation.report.record import train_command
from asc.evaluation.report.wording import (
    drawn_over,
    interval,
    percent,
    points,
    split_name,
)

#: Columns as the slides have them.
_COLUMNS = (("stft", "STFT"), ("mel", "Mel"))
_WARNING = (
    "This measures how well the model knows recordings again that it was trained on,"
    " not how well it knows scenes. It is no figure to quote for new recordings."
)
_HONEST, _LEAKY = "New recordings: quote this", "Leaky: do not quote"


@dataclass(frozen=True)
class _Protocol:
    """Which clips were tested, and with which leakage."""

    store: str
    split: str
    leakage: float | None

    @property
    def order(self) -> tuple:
        """Those without leakage first."""
        known = self.leakage is not None
        return (0 if self.leakage == 0 else 2 if known else 1, self.split, self.store)


def headline(subjects: Sequence[Subject]) -> list[Child]:
    """Return the figures to begin with, with what they must not be shown without."""
    done = [subject for subject in subjects if subject.evaluation is not None]
    if not done:
        return [tag("p", "No result yet: no run was evaluated.", class_="note")]
    kinds = (
        ("honest", [s for s in done if s.leakage == 0]),
        ("unknown", [s for s in done if s.leakage is None]),
        ("leaky", [s for s in done if s.leaks]),
    )
    return [
        tag("div", [_card(kind, some) for kind, some in kinds if some], class_="cards")
    ]


def _card(kind: str, subjects: Sequence[Subject]) -> Element:
    accuracies = sorted(subject.metrics["accuracy"] for subject in subjects)
    if len(subjects) == 1:
        metrics = subjects[0].metrics
        figure = percent(metrics["accuracy"], 2)
        detail = (
            f"95 % interval {interval(metrics['ci95'])}; {drawn_over(metrics)}"
            f"{few_recordings(metrics)}; split {split_name(metrics)}"
        )
    else:
        figure = f"{percent(accuracies[0])} to {percent(accuracies[-1])}"
        splits = sorted({split_name(subject.metrics) for subject in subjects})
        detail = f"{len(subjects)} results; split {', '.join(splits)}"
    leaks = [subject.leakage for subject in subjects if subject.leakage is not None]
    what, label, why = {
        "honest": (
            "Accuracy on new recordings",
            "leakage 0 %",
            "No test clip comes from a recording that the model was trained on.",
        ),
        "unknown": (
            "Accuracy, leakage unknown",
            "leakage unknown",
            "The corpus names no recordings, so whether test clips come from"
            " recordings that were trained on cannot be told.",
        ),
        "leaky": (
            "Inflated by leakage",
            f"leaks {_range_of(leaks)}",
            "Test clips come from recordings that were trained on. " + _WARNING,
        ),
    }[kind]
    return tag(
        "div",
        tag("p", what, " ", tag("span", label, class_=f"badge {kind}")),
        tag("p", figure, class_="figure"),
        tag("p", detail, class_="detail"),
        tag("p", why, class_="why"),
        class_=f"card {kind}",
    )


def _range_of(shares: Sequence[float]) -> str:
    if not shares:
        return ""
    low, high = percent(min(shares), 0), percent(max(shares), 0)
    return low if low == high else f"{low} to {high}"


def results_table(subjects: Sequence[Subject]) -> list[Child]:
    """Return accuracies by model and feature, a block for every protocol."""
    done = [subject for subject in subjects if subject.evaluation is not None]
    blocks: dict[_Protocol, dict[tuple, dict[str, list[Subject]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    varying = varying_fields(done)
    for subject in done:
        metrics = subject.metrics
        protocol = _Protocol(
            str(metrics.get("store", "")), split_name(metrics), subject.leakage
        )
        row = (metrics["model"], metrics["augment"], variant(subject, varying))
        blocks[protocol][row][metrics["feature"]].append(subject)
    stores = {protocol.store for protocol in blocks}
    bodies = []
    for protocol in sorted(blocks, key=lambda one: one.order):
        rows = blocks[protocol]
        bodies.append(
            tag(
                "tbody",
                tag(
                    "tr",
                    tag(
                        "th",
                        f"Split {protocol.split}",
                        f" of {protocol.store}" if len(stores) > 1 else "",
                        " ",
                        leakage_badge(protocol.leakage),
                        colspan=2 + len(_COLUMNS),
                        scope="rowgroup",
                    ),
                    class_="protocol",
                ),
                [_row(row, rows[row]) for row in sorted(rows, key=str)],
            )
        )
    head = tag(
        "tr",
        tag("th", "Model", scope="col"),
        tag("th", "Augmentation", scope="col"),
        [tag("th", title, scope="col", class_="number") for _, title in _COLUMNS],
    )
    return [
        tag("div", tag("table", tag("thead", head), bodies), class_="scroll"),
        tag(
            "p",
            "Accuracy is the share of test clips that are right. Below it is the 95 %"
            " interval, a bootstrap over recordings: clips of one recording are right"
            " or wrong together, so an interval over clips would be too narrow.",
            class_="note",
        ),
    ]


def _row(row: tuple, cells: dict[str, list[Subject]]) -> Element:
    model, augment, settings = row
    more = ", ".join(f"{name} {value}" for name, value in settings)
    return tag(
        "tr",
        tag("th", model, tag("small", more) if more else None, scope="row"),
        tag("td", augment),
        [
            tag("td", _cell(cells[feature]) if cells[feature] else "–", class_="number")
            for feature, _ in _COLUMNS
        ],
    )


def _cell(subjects: Sequence[Subject]) -> list[Child]:
    lines: list[Child] = []
    if len(subjects) > 1:
        values = [subject.metrics["accuracy"] for subject in subjects]
        spread = f"{percent(mean(values), 2)} ± {100 * stdev(values):.1f}"
        lines = [
            tag("strong", spread),
            tag("small", f"mean and deviation of {len(subjects)} runs"),
        ]
    for subject in sorted(subjects, key=lambda one: one.metrics["seed"]):
        metrics = subject.metrics
        seed = f"seed {metrics['seed']}: " if len(subjects) > 1 else ""
        lines += [
            tag(
                "a",
                seed,
                percent(metrics["accuracy"], 2),
                href=f"#{subject.key}",
                class_="accuracy" if len(subjects) == 1 else None,
            ),
            tag("small", interval(metrics["ci95"])),
            tag("small", "leaks", class_="leaks") if subject.leaks else None,
        ]
    return lines


def leakage_badge(leakage: float | None) -> Element:
    """Return the leakage of an accuracy as a mark that cannot be overlooked."""
    if leakage is None:
        return tag("span", "leakage unknown", class_="badge unknown")
    if leakage == 0:
        return tag("span", "leakage 0 %", class_="badge honest")
    shown = percent(leakage, 0) if leakage >= 0.005 else "less than 1 %"
    return tag("span", f"leaks: {shown} of the clips", class_="badge leaky")


def varying_fields(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Return the fields of the recipes that differ, beside what has its column."""
    recipes = [s.recipe.to_dict() for s in subjects if s.recipe is not None]
    told = ("model", "feature", "split", "augment", "seed")
    return tuple(
        name
        for name in (recipes[0] if recipes else ())
        if name not in told and len({str(recipe[name]) for recipe in recipes}) > 1
    )


def variant(subject: Subject, varying: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """Return what tells the recipe of a result from others of the same name."""
    if subject.recipe is None:
        return ()
    values = subject.recipe.to_dict()
    return tuple((name, values[name]) for name in varying)


# Random against recording-disjoint


def leakage_section(subjects: Sequence[Subject]) -> list[Child]:
    """Return what leakage adds to the accuracy of one and the same model."""
    done = [subject for subject in subjects if subject.evaluation is not None]
    leaky = [subject for subject in done if subject.leaks]
    if not done:
        return [tag("p", "No result yet.", class_="note")]
    if not leaky:
        known = all(subject.leakage == 0 for subject in done)
        sentence = (
            "No result here leaks: every one was tested on recordings that its model"
            " was not trained on."
            if known
            else "The corpus names no recordings, so leakage cannot be told."
        )
        return [tag("p", sentence)]
    content: list[Child] = [
        tag(
            "p",
            "A random split puts clips of one recording into train and test. The model"
            " then meets the same place, day and microphone again, and is right for"
            " the wrong reason. The figure to quote is the one on new recordings.",
        )
    ]
    comparisons, alone = _comparisons(done)
    if comparisons:
        content += [
            _gap_table(comparisons),
            legend(
                ("honest", "tested on new recordings"),
                ("leaky", "tested on recordings that were trained on"),
                ("reach", "95 % interval"),
            ),
        ]
    within = [row for row in map(_within, leaky) if row is not None]
    if within:
        content += [
            tag("h3", "The same run, by whether it knew the recording"),
            _within_table(within),
        ]
    if alone:
        told = counted(len(alone), "leaky result has", "leaky results have")
        commands = [train_command(subject, split="recording") for subject in alone]
        content += [
            tag(
                "p",
                f"{told} no counterpart on new recordings in this report:"
                f" {', '.join(subject.name for subject in alone)}. This trains it:",
                class_="note",
            ),
            tag("code", "\n".join(dict.fromkeys(commands)), class_="block"),
        ]
    return content


def _comparisons(
    subjects: Sequence[Subject],
) -> tuple[list[tuple[tuple, list[Subject], list[Subject]]], list[Subject]]:
    """Return pairs of leaky and other results of one recipe, and leaky ones alone."""
    varying = varying_fields(subjects)
    groups: dict[tuple, tuple[list[Subject], list[Subject]]] = defaultdict(
        lambda: ([], [])
    )
    for subject in subjects:
        if subject.leakage is not None:
            metrics = subject.metrics
            key = (
                metrics["model"],
                metrics["feature"],
                metrics["augment"],
                variant(subject, varying),
                subject.fingerprints.get("digest"),
            )
            groups[key][0 if subject.leaks else 1].append(subject)
    paired = [(key, *both) for key, both in groups.items() if both[0] and both[1]]
    alone = [s for leaky, other in groups.values() if not other for s in leaky]
    return sorted(paired, key=lambda one: str(one[0])), alone


def _gap_table(
    comparisons: list[tuple[tuple, list[Subject], list[Subject]]],
) -> Element:
    rows = []
    for (model, feature, augment, settings, _), leaky, other in comparisons:
        more = ", ".join(f"{name} {value}" for name, value in settings)
        gap = _mean(leaky) - _mean(other)
        rows.append(
            tag(
                "tr",
                tag(
                    "th",
                    model,
                    tag("small", f"{feature}, {augment}", f", {more}" * bool(more)),
                    scope="row",
                ),
                tag("td", _side(other), class_="number honest", data_label=_HONEST),
                tag("td", _side(leaky), class_="number leaky", data_label=_LEAKY),
                tag(
                    "td",
                    tag("strong", points(gap)),
                    " points",
                    class_="number",
                    data_label="Gap",
                ),
                tag("td", _strip(leaky, other), class_="wide"),
            )
        )
    head = tag(
        "tr",
        tag("th", "Model", scope="col"),
        tag("th", _HONEST, scope="col", class_="number"),
        tag("th", _LEAKY, scope="col", class_="number"),
        tag("th", "Gap", scope="col", class_="number"),
        tag("th", "0 to 100 %", scope="col", class_="wide"),
    )
    return tag(
        "div",
        tag("table", tag("thead", head), tag("tbody", rows), class_="gaps"),
        class_="scroll",
    )


def _mean(subjects: Sequence[Subject]) -> float:
    return mean(subject.metrics["accuracy"] for subject in subjects)


def _side(subjects: Sequence[Subject]) -> list[Child]:
    lines: list[Child] = [tag("strong", percent(_mean(subjects), 2))]
    if len(subjects) > 1:
        lines.append(tag("small", f"mean of {len(subjects)}"))
    for subject in subjects:
        metrics = subject.metrics
        told = f"{split_name(metrics)}: " + (
            f"{percent(metrics['accuracy'])}; " if len(subjects) > 1 else ""
        )
        leak = f"; leaks {percent(subject.leakage, 0)}" if subject.leaks else ""
        lines.append(tag("small", told, interval(metrics["ci95"]), leak))
    return lines


def _strip(leaky: Sequence[Subject], other: Sequence[Subject]) -> Element:
    """Draw both accuracies and their intervals on one line from 0 to 100 %."""
    drawn = []
    for kind, subjects in (("honest", other), ("leaky", leaky)):
        low = min(subject.metrics["ci95"][0] for subject in subjects)
        high = max(subject.metrics["ci95"][1] for subject in subjects)
        drawn += [
            tag(
                "i",
                class_=f"reach {kind}",
                style=f"left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%",
            ),
            tag("i", class_=f"dot {kind}", style=f"left:{100 * _mean(subjects):.1f}%"),
        ]
    return tag("div", drawn, class_="strip")


def _within(subject: Subject) -> tuple[Subject, np.ndarray, np.ndarray] | None:
    """Return which clips are right, and which are of recordings that it knew."""
    rows = subject.train_rows()
    if subject.evaluation is None or subject.store is None or rows is None:
        return None
    names = subject.store.recordings()
    trained = {names[row] for row in rows}
    known = np.array([name in trained for name in subject.evaluation.recordings])
    right = subject.evaluation.probabilities.argmax(axis=1) == subject.evaluation.truth
    return subject, right, known


def _within_table(rows: list[tuple[Subject, np.ndarray, np.ndarray]]) -> Element:
    def share(right: np.ndarray) -> list[Child]:
        if not len(right):
            return ["no such clip"]
        clips = counted(len(right), "clip", "clips")
        return [percent(float(right.mean())), tag("small", f"of {clips}")]

    head = tag(
        "tr",
        tag("th", "Run", scope="col"),
        tag("th", "Clips of known recordings", scope="col", class_="number"),
        tag("th", "Clips of new recordings", scope="col", class_="number"),
    )
    body = [
        tag(
            "tr",
            tag("th", tag("a", subject.name, href=f"#{subject.key}"), scope="row"),
            tag("td", share(right[known]), class_="number leaky"),
            tag("td", share(right[~known]), class_="number honest"),
        )
        for subject, right, known in rows
    ]
    return tag(
        "div", tag("table", tag("thead", head), tag("tbody", body)), class_="scroll"
    )
