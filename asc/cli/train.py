"""asc train: store to run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from asc.cli.listener import listener
from asc.cli.options import (
    STORE,
    command_line,
    json_option,
    local,
    note,
    print_json,
    verbose_option,
)
from asc.cli.recipe_options import (
    RECIPE_OPTIONS,
    option_name,
    recipe_options,
    take_recipe,
)
from asc.errors import UsageError
from asc.training.recipe import Recipe
from asc.training.recipes import choose


@click.command()
@click.argument("store", required=False, type=STORE)
@recipe_options
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="Run folder to make.  [default: cache/runs/NAME]",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    help="Go on with this run; its recipe is used.",
)
@click.option(
    "--partial",
    "growing",
    is_flag=True,
    help="Use the finished rows of a store that is still growing.",
)
@click.option("--in-memory", is_flag=True, help="Keep the train part in memory.")
@click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard.")
@click.option(
    "--threads",
    type=click.IntRange(1, 4096),
    help="Threads of TensorFlow.  [default: its own choice]",
)
@click.option("--device", help="cpu or gpu.  [default: a GPU if there is one]")
@click.option(
    "--show",
    is_flag=True,
    help="Print the recipe with the source of each value, and train nothing.",
)
@json_option
@verbose_option
@click.pass_context
def train(
    ctx: click.Context,
    store: Path | str | None,
    run: Path | None,
    resume: Path | None,
    show: bool,
    growing: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train a model on STORE and evaluate it once on the test part.

    STORE is a file, or a URL, which is pulled into the cache first.

    With no options this is the documented system: simple CNN, Mel, thirds
    augmentation, Adam, at most 50 epochs with a patience of 5, batches of 16,
    random split.

    \b
    Example:
        asc-train tut2017.h5 --recipe better --model simple-cnn --split fold1
    """
    # What is left in settings is not part of the recipe.
    named, flags = take_recipe(ctx, settings)
    if show:
        return _show(*choose(named, flags), as_json)
    from asc.experiments import experiment
    from asc.store import FeatureStore

    settings["listener"] = listener(quiet=as_json)
    if resume is not None:
        _refuse_recipe(ctx)
        if store is not None:
            settings["store"] = FeatureStore(local(store), partial=growing)
        finished, result = experiment.resume(resume, **settings)
    elif store is not None:
        recipe, sources = choose(named, flags)  # a mistake is told before a download
        opened = FeatureStore(local(store), partial=growing)
        if not opened.complete:
            note(
                f"{opened.path} is still growing: {len(opened.finished_rows()):,} of"
                f" {len(opened):,} clips are finished and used."
            )
        finished, result = experiment.train(
            opened, recipe, run, command=command_line(), sources=sources, **settings
        )
    else:
        raise UsageError("Name a STORE to train on, or a run with --resume.")
    if as_json:
        print_json(result.metrics.to_dict() | {"run": finished.place})
        return 0
    click.echo(f"{result.metrics.part} {result.title()}")
    if result.metrics.folds is not None:
        from asc.experiments.folds import fold_sentences

        for sentence in fold_sentences(result.metrics):
            click.echo(sentence)
    if result.metrics.part != "test":
        note(
            f"split {result.metrics.split} has no test part, and the epoch was"
            f" chosen on these clips. For a test: asc evaluate {finished.place}"
            " --store EVALUATION-STORE"
        )
    if result.metrics.leakage:
        note(
            f"{100 * result.metrics.leakage:.0f} % of the test clips share a"
            " recording with training, so this measures recognition of recordings"
            " more than of scenes. --split recording or fold1 keeps them apart."
        )
    click.echo(f"run {finished.place}: metrics.json, curves.png, confusion.png")
    return 0


def _show(recipe: Recipe, sources: dict[str, str], as_json: bool) -> int:
    """Print a recipe; as JSON it is a file that --recipe takes."""
    values = recipe.to_dict()
    if as_json:
        print_json({"recipe": values, "sources": sources})
        return 0
    for name, value in values.items():
        shown = json.dumps(value, ensure_ascii=False)
        click.echo(f"{name:<18} {shown:<14} {sources[name]}")
    return 0


def _refuse_recipe(ctx: click.Context) -> None:
    """Refuse options that a resumed run would ignore."""
    given = [
        option_name(name)
        for name in (*RECIPE_OPTIONS, "run")
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"--resume goes on with the run's own recipe, so it cannot be combined"
            f" with {', '.join(given)}."
        )
