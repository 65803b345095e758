"""The figures of all results, and what leakage makes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asc.evaluation.evaluate import few_recordings, pooled_intervals
from asc.evaluation.intervals import FEW_RECORDINGS, mean_and_deviation
from asc.models import model_names
from asc.reporting.facts import Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.tables import table
from asc.reporting.wording import (
    drawn_over,
    interval,
    percent,
    split_name,
    spread,
)

#: Columns as the slides have them.
_COLUMNS = (("stft", "STFT"), ("mel", "Mel"))
_WARNING = (
    "This measures how well the model knows recordings again that it was trained on,"
    " not how well it knows scenes. It is no figure to quote for new recordings."
)


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
        figure = _range_of(accuracies, 1)
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


def _range_of(shares: Sequence[float], digits: int = 0) -> str:
    if not shares:
        return ""
    low, high = percent(min(shares), digits), percent(max(shares), digits)
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
                [_row(row, rows[row]) for row in sorted(rows, key=_place)],
            )
        )
    columns = [("Model", ""), ("Augmentation", "")]
    columns += [(title, "number") for _, title in _COLUMNS]
    pending: dict[str, list[str]] = defaultdict(list)
    for subject in subjects:
        if subject.evaluation is None:
            pending[" ".join(subject.missing)].append(subject.name)
    return [
        table(columns, bodies),
        [
            tag("p", ", ".join(names), ": ", why, class_="note")
            for why, names in pending.items()
        ],
        tag(
            "p",
            "Accuracy is the share of test clips that are right. Below it is the 95 %"
            " interval, a bootstrap over recordings: clips of one recording are right"
            " or wrong together, so an interval over clips would be too narrow. With"
            f" fewer than {FEW_RECORDINGS} recordings it is too narrow itself, and the"
            " safer one below it is the one to go by.",
            class_="note",
        ),
    ]


def _place(row: tuple) -> tuple:
    """Return the place of a row: models as they are listed everywhere."""
    known = {name: place for place, name in enumerate(model_names())}
    return known.get(row[0], len(known)), str(row)


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
    """Return the accuracy of a training; of several seeds their mean, and each."""
    first = subjects[0]
    if len(subjects) == 1:
        metrics = first.metrics
        return [
            _link(first, percent(metrics["accuracy"], 2), "accuracy"),
            _intervals(first, metrics["ci95"], metrics.get("ci95_cautious")),
            _over_folds(metrics),
        ]
    mean, deviation = mean_and_deviation(s.metrics["accuracy"] for s in subjects)
    results = [s.evaluation for s in subjects if s.evaluation is not None]
    return [
        tag("strong", f"{percent(mean, 2)} ± {100 * (deviation or 0):.1f}"),
        _intervals(first, *pooled_intervals(results)),
        tag("small", f"mean and deviation of {len(subjects)} seeds"),
        [
            _link(one, f"seed {one.metrics['seed']}: {text}", "seed")
            for one in sorted(subjects, key=lambda one: one.metrics["seed"])
            for text in [percent(one.metrics["accuracy"], 2)]
        ],
    ]


def _link(subject: Subject, text: str, weight: str) -> Element:
    kind = f"leaky {weight}" if subject.leaks else weight
    return tag("a", text, href=f"#{subject.key}", class_=kind)


def _over_folds(metrics: Mapping[str, Any]) -> Element | None:
    deviation = metrics.get("accuracy_deviation")
    if deviation is None:
        return None
    told = spread(metrics["accuracy_mean"], deviation)
    return tag("small", f"{told} over {len(metrics['folds'])} folds")


def _intervals(
    subject: Subject, limits: Sequence[float], safer: Sequence[float] | None
) -> list[Child]:
    """Return an interval, and the cautious one if recordings are few."""
    lines: list[Child] = [
        tag(
            "small",
            tag("b", "leaks ", class_="leaks") if subject.leaks else None,
            interval(limits),
        )
    ]
    if safer is not None and few_recordings(subject.metrics):
        lines.append(tag("small", "safer: ", interval(safer)))
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
