"""Whether results on the same clips differ by more than luck."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean

from asc.evaluation.significance import PairedTest
from asc.experiments.differences import best_against, choices
from asc.reporting.facts import Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.results import leakage_badge, variant, varying_fields
from asc.reporting.tables import table
from asc.reporting.wording import percent, point_interval, points, split_name
from asc.text import counted

#: A training with its seeds, which are tested together.
_Seeds = list[Subject]


def differences_section(subjects: Sequence[Subject]) -> list[Child]:
    """Return, for every split, how the best training compares with the others."""
    done = [subject for subject in subjects if subject.evaluation is not None]
    varying = varying_fields(done)
    trainings: dict[tuple, dict[tuple, _Seeds]] = defaultdict(lambda: defaultdict(list))
    for subject in done:
        metrics = subject.metrics
        clips = (split_name(metrics), subject.fingerprints.get("digest"))
        training = (
            metrics["model"],
            metrics["feature"],
            metrics["augment"],
            variant(subject, varying),
        )
        trainings[clips][training].append(subject)
    tables = [
        [_table(split, found), _choices(split, found)]
        for (split, _), found in sorted(trainings.items(), key=_leaky_last)
        if len(found) > 1
    ]
    if not tables:
        return [tag("p", "No two trainings here were tested on the same clips.")]
    return [
        tag(
            "p",
            "What the most accurate training gains on each of the others, tested"
            " recording by recording on the same clips: if both were equally good,"
            " each recording could as well have been told by the other one. Intervals"
            " (95 %) are of each difference by itself; p-values are corrected for their"
            " number by Holm's method, and above 0.05 these clips cannot tell the two"
            " apart. The best was chosen by these very clips, which flatters it.",
        ),
        *tables,
    ]


def _leaky_last(item: tuple[tuple, dict[tuple, _Seeds]]) -> tuple:
    clips, trainings = item
    leaks = any(subject.leaks for seeds in trainings.values() for subject in seeds)
    return leaks, str(clips)


def _table(split: str, trainings: dict[tuple, _Seeds]) -> Element:
    best, tests = best_against(
        {
            name: [one.evaluation for one in seeds if one.evaluation is not None]
            for name, seeds in trainings.items()
        }
    )
    rows: list[list[Child]] = [
        [
            _spelled(best),
            percent(_mean(trainings[best]), 2),
            tag("td", "the best", colspan=3),
        ]
    ]
    rows += [
        [
            _spelled(other),
            percent(_mean(trainings[other]), 2),
            *_verdict(test, "the best is better"),
        ]
        for other, test in tests.items()
    ]
    columns = [
        ("Training", ""),
        ("Accuracy", "number"),
        ("The best gains", "number"),
        ("p (Holm)", "number"),
        ("Verdict", ""),
    ]
    return tag(
        "div",
        tag("h3", f"Split {split} ", leakage_badge(_leakage(trainings[best]))),
        table(columns, rows),
    )


def _choices(split: str, trainings: dict[tuple, _Seeds]) -> Element | None:
    """Return what each choice brings over all trainings that differ in it alone."""
    found = choices(
        split,
        [
            (_named(name), subject.metrics["seed"], subject.evaluation)
            for name, seeds in trainings.items()
            for subject in seeds
            if subject.evaluation is not None
        ],
    )
    if not found:
        return None
    rows: list[list[Child]] = []
    for each in found:
        ((name, value),) = each.first.items()
        verdict = ("worse", "better")[getattr(each.test, "difference", 0) > 0]
        rows.append(
            [
                [value, tag("small", f"less {each.second[name]}")],
                f"{each.pairs}",
                *_verdict(each.test, verdict),
            ]
        )
    columns = [
        ("Choice", ""),
        ("Pairs of trainings", "number"),
        ("It gains", "number"),
        ("p (Holm)", "number"),
        ("Verdict", ""),
    ]
    return tag(
        "div",
        tag(
            "p",
            "And each choice less the first of its kind, over all trainings that"
            " differ in nothing else:",
        ),
        table(columns, rows),
    )


def _named(training: tuple) -> dict[str, str]:
    model, feature, augment, settings = training
    named = {"model": model, "augment": augment, "feature": feature}
    return named | {name: f"{name} {value}" for name, value in settings}


def _verdict(test: PairedTest | Exception, better: str) -> list[Child]:
    if not isinstance(test, PairedTest):
        return [tag("td", str(test), colspan=3, class_="note")]
    unit = counted(test.recordings or 0, "recording", "recordings")
    cautious = f"{unit}: safer {point_interval(test.ci95_cautious)}"
    return [
        [
            tag("strong", points(test.difference)),
            tag("small", point_interval(test.ci95)),
            tag("small", cautious) if test.few_recordings else None,
        ],
        f"{test.p:.4f}",
        "cannot be told apart" if test.p >= 0.05 else better,
    ]


def _mean(subjects: _Seeds) -> float:
    return mean(subject.metrics["accuracy"] for subject in subjects)


def _leakage(subjects: _Seeds) -> float | None:
    leaks = [subject.leakage for subject in subjects]
    return None if None in leaks else mean(leak for leak in leaks if leak is not None)


def _spelled(training: tuple) -> list[Child]:
    model, feature, augment, settings = training
    more = "".join(f", {name} {value}" for name, value in settings)
    return [model, tag("small", f"{feature}, {augment}{more}")]
