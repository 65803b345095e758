"""asc evaluate: the model of a run on any part of any split, or another store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asc.cli.evaluation_output import (
    print_ensemble,
    print_figures,
    print_results,
    print_tests,
    save,
)
from asc.cli.options import (
    PATH,
    STORE,
    Choice,
    GroupedCommand,
    import_option,
    json_option,
    local,
    tta_option,
    verbose_option,
)
from asc.cli.progress import progress
from asc.disk import check_writable
from asc.errors import UsageError

#: The options in groups, for the help.
_GROUPS = {
    "Clips": ("store", "split", "part"),
    "Prediction": ("tta", "ensemble"),
    "Output": ("output", "as_json"),
}


@click.command(cls=GroupedCommand, groups=_GROUPS)
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--store",
    type=STORE,
    help="Another store of the same spec, or its URL.  [default: the run's own]",
)
@click.option("--split", metavar="NAME", help="Split.  [default: the run's own]")
@click.option(
    "--part",
    type=Choice(("train", "validation", "test", "all")),
    help="Part of the split.  [default: test; all of another store]",
)
@tta_option
@click.option(
    "--ensemble",
    is_flag=True,
    help="Average the probabilities of RUNS, on clips that all of them test and none"
    " was trained on.",
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
    tta: int,
    ensemble: bool,
    output: Path | None,
    as_json: bool,
) -> int:
    """Evaluate the best model of each of RUNS.

    With several, each is also tested against the first. The unit of intervals and
    tests is the recording, because its clips are right or wrong together. What is
    averaged or calibrated is shown beside the plain figures. With --ensemble, every
    run counts equally, also one of all folds; one such run alone is the ensemble of
    its folds, on another --store. A run may be a bundle (`asc export RUN --to bundle`),
    with --store.

    \b
    Example:
        asc evaluate cache/runs/my-run --store tut2017-evaluation.h5
        asc evaluate cache/runs/seed0 cache/runs/seed1 --ensemble
    """
    from asc.evaluation import ensemble as ensembles
    from asc.evaluation import evaluate as evaluation
    from asc.evaluation.significance import paired_tests
    from asc.store import FeatureStore

    if output is not None:
        if len(runs) > 1 and not ensemble:
            raise UsageError("--output takes one run. Evaluate the runs one by one.")
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UsageError(f"{output} exists already. Name a new folder.")
        check_writable(output)
    opened = FeatureStore(local(store)) if store else None
    options: dict[str, Any] = {"store": opened, "split": split, "part": part}
    options["tta"] = tta
    if ensemble:
        with progress("evaluating", "clips") as show:
            found = ensembles.evaluate_ensemble(runs, progress=show, **options)
        print_ensemble(found, as_json)
        save(found.evaluation, output)
        return 0
    results = []
    for run in runs:
        with progress("evaluating", "clips") as show:
            result = evaluation.evaluate(run, progress=show, **options)
        results.append(result)
        if not as_json:
            click.echo(f"{run}: {result.title()}")
            print_figures(result.metrics)
        save(result, output)
    # The first run is the reference of the others.
    tests = paired_tests((result, results[0]) for result in results[1:])
    if as_json:
        print_results(runs, results, tests)
    elif tests:
        print_tests(runs, results, tests)
    return 0
