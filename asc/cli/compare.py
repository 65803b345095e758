"""asc compare: a grid of trainings, and the table of their accuracies."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.comparison import comparison_lines
from asc.cli.options import (
    PATH,
    STORE,
    GroupedCommand,
    IntRange,
    backend_option,
    command_line,
    completing_or_file,
    json_option,
    local,
    print_json,
    quieten_cluster,
    scheduler_option,
    verbose_option,
)
from asc.cli.recipe_options import RECIPE_GROUPS, recipe_options, take_recipe
from asc.cli.streams import continue_without_reader
from asc.disk import free_space
from asc.errors import EXIT_PARTIAL, UsageError
from asc.experiments.grid import AXES, GRIDS, Grid, named_grid
from asc.text import counted, duration, megabytes
from asc.training.recipes import RECIPES, choose

if TYPE_CHECKING:
    from asc.experiments.entry import Entry
    from asc.store import FeatureStore


#: Options of its help page by what they are about, beside those of recipes.
_GROUPS = {"Comparison": ("named", "folder", "baseline", "dry_run")}


@click.command(cls=GroupedCommand, groups=_GROUPS | RECIPE_GROUPS)
@click.argument("store", type=STORE)
@click.option(
    "--grid",
    "named",
    metavar="NAME|FILE",
    shell_complete=completing_or_file(lambda: GRIDS),
    help=f"Grid: {', '.join(GRIDS)}, or a JSON or YAML file. The options below replace"
    " its choices; --split adds to them. slides is 5 models, STFT and Mel, augmentation"
    " none and thirds, random split.",
)
@partial(recipe_options, several=AXES.values())
@click.option(
    "--folder",
    type=PATH,
    help="Folder of the comparison.  [default: cache/comparisons/STORE-GRID]",
)
@click.option("--in-memory", is_flag=True, help="Keep the train part in memory.")
@click.option(
    "--baseline/--no-baseline",
    default=True,
    show_default=True,
    help="Train the linear model too, in seconds, and test every result against it.",
)
@click.option(
    "-j",
    "--jobs",
    type=IntRange(min=1),
    default=1,
    show_default=True,
    help="Runs at a time, which share the processors.",
)
@backend_option("local", "loky", "dask", "ray")
@scheduler_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what it would take: trainings, room on the disk, time.",
)
@json_option
@verbose_option
@click.pass_context
def compare(
    ctx: click.Context,
    store: Path | str,
    named: str | None,
    folder: Path | None,
    as_json: bool,
    jobs: int,
    in_memory: bool,
    baseline: bool,
    backend: str,
    scheduler: str | None,
    dry_run: bool,
    **options: Any,
) -> int:
    """Train every combination on STORE and print the table of accuracies.

    After an interruption the same command resumes, and retries runs that failed.
    Every table has its split and leakage in the heading. With a split that leaks
    and one that does not, the gap between them is printed.

    \b
    Example:
        asc compare tut2017.h5 --grid slides --split folds --jobs 2
    """
    continue_without_reader()
    from asc.experiments import compare as experiments
    from asc.store import FeatureStore

    grid = _grid(named, *take_recipe(ctx, options))
    grid = replace(grid, baseline=grid.baseline and baseline)
    opened = FeatureStore(local(store))
    folder = folder or experiments.default_folder(opened, grid)
    if dry_run:
        return _describe(opened, grid, folder, jobs, as_json)

    def say(text: str) -> None:
        click.echo(text, err=as_json)

    def show(entry: Entry, done: int, total: int, left: float) -> None:
        say(f"{done}/{total}  {entry.name}: {entry.title()}, {duration(left)} left")

    quieten_cluster(backend, ctx.obj)
    say(f"{counted(len(grid.runs()), 'run', 'runs')} -> {folder}")
    comparison = experiments.compare(
        opened,
        grid,
        folder,
        jobs=jobs,
        backend=backend,
        scheduler=scheduler,
        in_memory=in_memory,
        command=command_line(),
        progress=show,
    )
    if as_json:
        print_json(comparison.to_dict() | {"folder": str(folder)})
    else:
        for line in comparison_lines(comparison):
            click.echo(line)
        click.echo(f"\n{folder}: results.csv, differences.csv, results.json, runs/")
    failed = [entry for entry in comparison.entries if entry.status == "failed"]
    for entry in failed:
        click.echo(f"{entry.name} failed: {entry.error}", err=True)
    return EXIT_PARTIAL if failed else 0


def _describe(
    store: FeatureStore, grid: Grid, folder: Path, jobs: int, as_json: bool
) -> int:
    """Print what a comparison would take."""
    from asc.experiments.estimate import estimate

    found = estimate(store, grid, folder, jobs)
    free = free_space(folder)
    if as_json:
        print_json(asdict(found) | {"folder": str(folder), "free_bytes": free})
        return 0
    click.echo(
        f"{counted(found.runs, 'run', 'runs')} -> {folder}, {found.finished:,} of them"
        f" finished; {counted(found.trainings, 'training', 'trainings')} to do"
    )
    click.echo(
        f"disk: {megabytes(found.bytes)} of models and {megabytes(found.working_bytes)}"
        f" while training ({megabytes(free)} free)"
    )
    click.echo(f"time: roughly {duration(found.seconds)} if none stops early")
    return 0


def _grid(named: str | None, recipe: str | None, flags: dict[str, Any]) -> Grid:
    """Return the grid that is meant by its name or file, a recipe and options."""
    texts = {name: flags.pop(field, ()) for name, field in AXES.items()}
    changed: dict[str, Any] = {}
    if (
        recipe is not None
        and named is None
        and not (texts["models"] or texts["augments"])
    ):
        changed["variants"] = _variants(recipe)
    chosen, sources = choose(None if changed.get("variants") else recipe, flags)
    chosen_values = {
        field: getattr(chosen, field)
        for field, source in sources.items()
        if source != "default"
    }
    if named is None:
        grid = Grid()
        changed |= {
            name: (chosen_values[field],)
            for name, field in AXES.items()
            if field in chosen_values
        }
    else:
        grid = named_grid(named)
    for name, given in texts.items():
        values: list[Any] = [value for text in given for value in text.split(",")]
        if name == "seeds":
            if not all(text.isdecimal() for text in values):
                raise UsageError(f"--seed takes whole numbers. Got {','.join(given)}.")
            values = [int(text) for text in values]
        if name == "splits" and values and named is not None:
            values = [*grid.splits, *values]
        if values:
            changed[name] = tuple(dict.fromkeys(values))
    settings = {
        name: value
        for name, value in chosen_values.items()
        if name not in AXES.values()
    }
    return replace(grid, **changed, settings={**grid.settings, **settings})


def _variants(text: str) -> dict[str, dict[str, Any]]:
    """Return the recipes of ``--recipe``, if they are several or one with a model."""
    names = text.split(",")
    if len(names) == 1 and "model" not in RECIPES.get(text, {}):
        return {}
    return {name: {"recipe": name} for name in names}
