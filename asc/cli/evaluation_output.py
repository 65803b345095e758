"""What asc evaluate prints and writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import note, print_json
from asc.disk import writing_to
from asc.errors import UsageError
from asc.text import (
    counted,
    interval,
    leakage_percent,
    listed,
    percent,
    printable,
    table,
)

if TYPE_CHECKING:
    from asc.evaluation.ensemble import EnsembleEvaluation
    from asc.evaluation.evaluation import Evaluation
    from asc.evaluation.gap import UnpairedDifference
    from asc.evaluation.metrics import Metrics
    from asc.evaluation.significance import PairedTest

#: Lines of a group that are shown; all of its values are in metrics.json.
_MOST_VALUES = 40


def save(result: Evaluation, output: Path | None) -> None:
    """Write an evaluation to the folder of --output, if that is given."""
    from asc.experiments.outputs import save_evaluation

    if output is not None:
        with writing_to(output):
            output.mkdir(parents=True, exist_ok=True)
            save_evaluation(result, output)


def print_figures(metrics: Metrics) -> None:
    """Print what to report after accuracy."""
    from asc.evaluation.sentences import alternative_sentences, group_rows

    balanced = f"  balanced accuracy {percent(metrics.class_accuracy)}"
    if metrics.ci95_class_accuracy is not None:
        balanced += f" [95 % CI {interval(metrics.ci95_class_accuracy)}]"
    click.echo(balanced)
    if metrics.recordings is not None and metrics.ci95_clips is not None:
        click.echo(
            "  naive 95 % CI, ignoring recordings:"
            f" {interval(metrics.ci95_clips)} (too narrow)"
        )
    for sentence in alternative_sentences(metrics):
        click.echo(f"  {sentence}")
    rows = [("scene", "recall", "clips")] + [
        (printable(scene), percent(figures.recall), f"{figures.clips:,}")
        for scene, figures in metrics.per_scene.items()
    ]
    for line in table(rows, "<>>"):
        click.echo(f"  {line}")
    for name, group in (metrics.per_group or {}).items():
        lines = table(group_rows(name, group), "<>>>>><")
        for line in listed(lines, most=_MOST_VALUES):
            click.echo(line)


def print_results(
    runs: Sequence[Path],
    results: Sequence[Evaluation],
    tests: Sequence[PairedTest | UsageError],
) -> None:
    """Print evaluations as JSON, each with its difference from the first."""
    from asc.evaluation.sentences import difference_sentence

    facts = [
        result.metrics.to_dict() | {"run": str(run)}
        for run, result in zip(runs, results, strict=True)
    ]
    for fact, result, test in zip(facts[1:], results[1:], tests, strict=True):
        paired: dict[str, Any] = {"with": str(runs[0])}
        paired |= {"difference": None} if isinstance(test, UsageError) else asdict(test)
        fact["paired"] = paired | {"sentence": difference_sentence(test)}
        if gap := _unpaired(result, results[0], test):
            fact["unpaired"] = {"with": str(runs[0])} | asdict(gap)
            fact["unpaired"]["sentence"] = gap.sentence()
    print_json(facts[0] if len(facts) == 1 else facts)


def print_tests(
    runs: Sequence[Path],
    results: Sequence[Evaluation],
    tests: Sequence[PairedTest | UsageError],
) -> None:
    """Print the difference of each evaluation from the first."""
    from asc.evaluation.sentences import comparison_heading, difference_sentence

    click.echo(comparison_heading(str(runs[0]), tests))
    reference = leakage_percent(*results[0].metrics.known_leakage)
    for run, result, test in zip(runs[1:], results[1:], tests, strict=True):
        gap = _unpaired(result, results[0], test)
        click.echo(f"  {run}: {gap.sentence() if gap else difference_sentence(test)}")
        leakage = leakage_percent(*result.metrics.known_leakage)
        if leakage != reference:
            note(
                f"leakage is {leakage} of {run} and {reference} of {runs[0]}, so the"
                " difference is not only that of the models."
            )


def print_ensemble(found: EnsembleEvaluation, as_json: bool) -> None:
    """Print the result of an ensemble, and those of its members beside it."""
    from asc.evaluation.sentences import comparison_heading, difference_sentence

    evaluation = found.evaluation
    if as_json:
        members = [
            member.metrics.to_dict() | {"run": name, "paired": asdict(test)}
            for (name, member), test in zip(
                found.members.items(), found.tests, strict=True
            )
        ]
        facts = evaluation.metrics.to_dict() | {"notes": list(found.notes)}
        print_json(facts | {"members": members})
        return
    count = counted(len(found.members), "member", "members")
    click.echo(f"ensemble of {count}: {evaluation.title()}")
    print_figures(evaluation.metrics)
    for sentence in found.notes:
        note(sentence)
    click.echo("each member alone, on the same clips:")
    for name, member in found.members.items():
        figures = member.metrics
        click.echo(
            f"  {name}: accuracy {percent(figures.accuracy)}"
            f" [95 % CI {interval(figures.ci95)}], log loss {figures.log_loss:.3f}"
        )
    click.echo(comparison_heading("each member", found.tests))
    for name, test in zip(found.members, found.tests, strict=True):
        click.echo(f"  {name}: {difference_sentence(test)}")


def _unpaired(
    result: Evaluation, reference: Evaluation, test: PairedTest | UsageError
) -> UnpairedDifference | None:
    """Return the difference of two results that have other clips."""
    from asc.evaluation.gap import unpaired_difference

    same_clips = set(result.paths) == set(reference.paths)
    if same_clips or set(result.scenes) != set(reference.scenes):
        return None
    return unpaired_difference(result, reference)
