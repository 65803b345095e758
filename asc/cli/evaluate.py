"""asc evaluate: the model of a run on any part of any split, or another store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import (
    PATH,
    STORE,
    completing,
    import_option,
    json_option,
    local,
    note,
    print_json,
    verbose_option,
)
from asc.cli.progress import progress
from asc.disk import check_writable, writing_to
from asc.errors import UsageError
from asc.text import interval, leakage_percent, percent, printable, table

if TYPE_CHECKING:
    from asc.evaluation.evaluation import Evaluation
    from asc.evaluation.gap import UnpairedDifference
    from asc.evaluation.metrics import Metrics
    from asc.evaluation.significance import PairedTest


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--store",
    type=STORE,
    help="Another store of the same spec, or its URL.  [default: the run's own]",
)
@click.option("--split", help="Split.  [default: the run's own]")
@click.option(
    "--part",
    shell_complete=completing(lambda: ("train", "validation", "test", "all")),
    help="train, validation, test or all.  [default: test; all of another store]",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="New folder for metrics.json, predictions.csv, confusion.csv and .png.",
)
@import_option
@json_option
@verbose_option
def evaluate(
    runs: tuple[Path, ...],
    store: Path | str | None,
    split: str | None,
    part: str | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Evaluate the best model of each of RUNS.

    With several, each is also tested against the first. The unit of intervals and
    tests is the recording, because its clips are right or wrong together.

    \b
    Example:
        asc evaluate cache/runs/my-run --store tut2017-evaluation.h5
    """
    from asc.evaluation import evaluate as evaluation
    from asc.evaluation.significance import paired_tests
    from asc.experiments.outputs import save_evaluation
    from asc.store import FeatureStore

    if output is not None:
        if len(runs) > 1:
            raise UsageError("--output takes one run. Evaluate the runs one by one.")
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UsageError(f"{output} exists already. Name a new folder.")
        check_writable(output)
    opened = FeatureStore(local(store)) if store else None
    results = []
    for run in runs:
        with progress("evaluating", "clips") as show:
            result = evaluation.evaluate(
                run, store=opened, split=split, part=part, progress=show
            )
        results.append(result)
        if not as_json:
            click.echo(f"{run}: {result.title()}")
            _print_figures(result.metrics)
        if output is not None:
            with writing_to(output):
                output.mkdir(parents=True, exist_ok=True)
                save_evaluation(result, output)
    # The first run is the reference of the others.
    tests = paired_tests((result, results[0]) for result in results[1:])
    if as_json:
        _print_json(runs, results, tests)
    elif tests:
        _print_tests(runs, results, tests)
    return 0


def _print_figures(metrics: Metrics) -> None:
    balanced = f"  balanced accuracy {percent(metrics.class_accuracy)}"
    if metrics.ci95_class_accuracy is not None:
        balanced += f" [95 % CI {interval(metrics.ci95_class_accuracy)}]"
    click.echo(balanced)
    if metrics.recordings is not None and metrics.ci95_clips is not None:
        click.echo(
            "  naive 95 % CI, ignoring recordings:"
            f" {interval(metrics.ci95_clips)} (too narrow)"
        )
    rows = [("scene", "recall", "clips")] + [
        (printable(scene), percent(figures.recall), f"{figures.clips:,}")
        for scene, figures in metrics.per_scene.items()
    ]
    for line in table(rows, "<>>"):
        click.echo(f"  {line}")


def _print_json(
    runs: Sequence[Path],
    results: Sequence[Evaluation],
    tests: Sequence[PairedTest | UsageError],
) -> None:
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


def _print_tests(
    runs: Sequence[Path],
    results: Sequence[Evaluation],
    tests: Sequence[PairedTest | UsageError],
) -> None:
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


def _unpaired(
    result: Evaluation, reference: Evaluation, test: PairedTest | UsageError
) -> UnpairedDifference | None:
    """Return the difference of two results that have other clips."""
    from asc.evaluation.gap import unpaired_difference

    same_clips = set(result.paths) == set(reference.paths)
    if same_clips or set(result.scenes) != set(reference.scenes):
        return None
    return unpaired_difference(result, reference)
