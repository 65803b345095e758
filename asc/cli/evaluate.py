"""asc evaluate: a run's model on any part of any split, or another store."""

from __future__ import annotations

from pathlib import Path

import click

from asc.cli.options import (
    STORE,
    json_option,
    local,
    percent,
    print_json,
    verbose_option,
)
from asc.errors import UsageError


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
    """Evaluate the best model of each of RUNS.

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
        result = carry_out(run, store=opened, split=split, part=part)
        results.append(result.metrics | {"run": str(run)})
        if not as_json:
            click.echo(f"{run}: {result.title()}")
            for scene, figures in result.metrics["per_scene"].items():
                click.echo(
                    f"  {scene:<20} recall {percent(figures['recall']):>8}"
                    f"  of {figures['clips']} clips"
                )
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            result.save(output)
    if as_json:
        print_json(results[0] if len(results) == 1 else results)
    return 0
