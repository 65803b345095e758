"""What leakage adds to the accuracy of one and the same model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean

import numpy as np

from asc.reporting.charts import legend
from asc.reporting.facts import Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.record import train_command
from asc.reporting.results import variant, varying_fields
from asc.reporting.tables import table
from asc.reporting.wording import interval, percent, points, split_name
from asc.text import counted

_HONEST, _LEAKY = "New recordings: quote this", "Leaky: do not quote"


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
        ask = "This trains it:" if len(alone) == 1 else "These commands train them:"
        told = counted(len(alone), "leaky result has", "leaky results have")
        commands = [train_command(subject, split="recording") for subject in alone]
        content += [
            tag(
                "p",
                f"{told} no counterpart on new recordings in this report:"
                f" {', '.join(subject.name for subject in alone)}. {ask}",
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
    rows: list[list[Child]] = []
    for (model, feature, augment, settings, _), leaky, other in comparisons:
        more = ", ".join(f"{name} {value}" for name, value in settings)
        told = f"{feature}, {augment}" + f", {more}" * bool(more)
        rows.append(
            [
                [model, tag("small", told)],
                tag("td", _side(other), class_="number honest", data_label=_HONEST),
                tag("td", _side(leaky), class_="number leaky", data_label=_LEAKY),
                tag("td", _gap(leaky, other), class_="number", data_label="Gap"),
                _strip(leaky, other),
            ]
        )
    columns = [
        ("Model", ""),
        (_HONEST, "number"),
        (_LEAKY, "number"),
        ("Gap", "number"),
        ("0 to 100 %", "wide"),
    ]
    return table(columns, rows, kind="gaps")


def _gap(leaky: Sequence[Subject], other: Sequence[Subject]) -> list[Child]:
    return [tag("strong", points(_mean(leaky) - _mean(other))), " points"]


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
        return [percent(float(right.mean())), " ", tag("small", f"of {clips}")]

    columns = [
        ("Run", ""),
        ("Clips of known recordings", "number leaky"),
        ("Clips of new recordings", "number honest"),
    ]
    return table(
        columns,
        [
            [
                tag("a", subject.name, href=f"#{subject.key}"),
                share(right[known]),
                share(right[~known]),
            ]
            for subject, right, known in rows
        ],
        kind="inline",
    )
