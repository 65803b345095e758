"""asc evaluate: a run's model on any part of any split, or another store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import (
    STORE,
    json_option,
    local,
    note,
    print_json,
    verbose_option,
)
from asc.cli.progress import progress
from asc.errors import UsageError
from asc.text import interval, percent, printable, table

if TYPE_CHECKING:
    from asc.evaluation.evaluation import Evaluation
    from asc.evaluation.metrics import Metrics


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--store",
    type=STORE,
    help="Another store of the same spec, or its URL.  [default: the run's own]",
)
@click.option("--split", help="Split.  [default: the run's own]")
@click.option(
    "--part",
    help="train, validation, test or all.  [default: test; all of another store]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="New folder for metrics.json, predictions.csv, confusion.csv and .png.",
)
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
    """Evaluate the best model of each of RUNS, and what the others gain on the first.

    Intervals and tests are by recording: clips of one recording are right or wrong
    together.

    \b
    Example:
        asc evaluate cache/runs/my-run --store tut2017-evaluation.h5
    """
    from asc.evaluation.evaluate import evaluate as carry_out
    from asc.store import FeatureStore

    if output is not None:
        if len(runs) > 1:
            raise UsageError("--output takes one run. Evaluate the runs one by one.")
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UsageError(f"{output} is there already; name a new folder.")
    opened = FeatureStore(local(store)) if store else None
    results = []
    for run in runs:
        with progress("evaluating", "clips") as show:
            result = carry_out(run, store=opened, split=split, part=part, progress=show)
        results.append(result)
        if not as_json:
            click.echo(f"{run}: {result.title()}")
            _print_figures(result.metrics)
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            result.save(output)
    pairs = _pairs(runs, results)
    if as_json:
        told = [
            result.metrics.to_dict() | {"run": str(run)} | pair
            for run, result, pair in zip(runs, results, pairs, strict=True)
        ]
        print_json(told[0] if len(told) == 1 else told)
    elif len(runs) > 1:
        _print_pairs(runs, results, pairs)
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


def _pairs(runs: tuple[Path, ...], results: list[Evaluation]) -> list[dict[str, Any]]:
    """Return what each run gains on the first, for JSON; nothing for the first."""
    from asc.evaluation.significance import PairedTest, paired_tests

    pairs: list[dict[str, Any]] = [{}]
    for test in paired_tests((other, results[0]) for other in results[1:]):
        if isinstance(test, PairedTest):
            facts = asdict(test) | {"sentence": test.summary()}
        else:
            facts = {"difference": None, "sentence": str(test)}
        pairs.append({"paired": {"with": str(runs[0])} | facts})
    return pairs


def _print_pairs(
    runs: tuple[Path, ...], results: list[Evaluation], pairs: list[dict[str, Any]]
) -> None:
    tested = sum("p_value" in pair["paired"] for pair in pairs[1:])
    click.echo(f"less {runs[0]}, paired by recording, p-values by Holm for {tested}:")
    for run, result, pair in zip(runs[1:], results[1:], pairs[1:], strict=True):
        click.echo(f"  {run}: {pair['paired']['sentence']}")
        leaks = [percent(one.metrics.leakage) for one in (result, results[0])]
        if leaks[0] != leaks[1]:
            note(
                f"leakage is {leaks[0]} of {run} and {leaks[1]} of {runs[0]}: the"
                " difference is not one of the models alone."
            )
