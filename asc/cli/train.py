"""asc train: store to run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from asc.cli.listener import ProgressCallback
from asc.cli.options import (
    PATH,
    STORE,
    Choice,
    GroupedCommand,
    IntRange,
    command_line,
    json_option,
    local,
    note,
    print_json,
    verbose_option,
)
from asc.cli.recipe_options import (
    RECIPE_GROUPS,
    RECIPE_OPTIONS,
    option_name,
    recipe_options,
    take_recipe,
)
from asc.cli.streams import continue_without_reader
from asc.errors import UsageError
from asc.kinds import RUNS, kind_of
from asc.text import counted, percent, table
from asc.training.recipe import Recipe
from asc.training.recipes import choose

#: Fields that a training may change when it is resumed. Modules are code that it needs.
_CHANGED_BY_RESUME = {"epochs", "steps", "patience"}
#: Options of its help page by what they are about, beside those of the recipe.
_GROUPS = {"Run": ("run", "resume", "partial", "keep_state", "tensorboard", "show")}


@click.command(cls=GroupedCommand, groups=RECIPE_GROUPS | _GROUPS)
@click.argument("store", required=False, type=STORE)
@recipe_options
@click.option(
    "--run",
    type=PATH,
    help="Run folder to make.  [default: cache/runs/NAME]",
)
@click.option(
    "--resume",
    type=PATH,
    help="Resume this run with its own recipe. With --epochs, --steps or --patience,"
    " train it further, also if it is finished.",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Use the finished rows of a store that is still being written.",
)
@click.option(
    "--keep-state",
    is_flag=True,
    help="Keep the optimizer's state of a finished run, to train it further exactly.",
)
@click.option("--in-memory", is_flag=True, help="Keep the train part in memory.")
@click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard.")
@click.option(
    "--threads",
    type=IntRange(1, 4096),
    help="Threads of TensorFlow.  [default: TensorFlow's choice]",
)
@click.option(
    "--device",
    type=Choice(("cpu", "gpu")),
    help="Device.  [default: a GPU if there is one]",
)
@click.option(
    "--show",
    is_flag=True,
    help="Print the recipe with the source of each value, without training.",
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
    partial: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train a model on STORE and evaluate it once on the test part.

    STORE is a file, or a URL that is pulled into the cache first.

    The defaults are the documented system: simple CNN, Mel, thirds augmentation,
    Adam, at most 50 epochs with a patience of 5, batches of 16, random split.

    \b
    Example:
        asc-train tut2017.h5 --recipe better --model simple-cnn --split fold1
    """
    continue_without_reader()
    if isinstance(store, Path):
        _check_no_run(store)
    # What is left in settings is not part of the recipe.
    named, flags = take_recipe(ctx, settings)
    if resume is not None:
        _check_no_recipe(ctx)
        from asc.training.run import Run

        Run(resume)  # a run folder, not any file with a recipe
        named = str(resume)
    recipe, sources = choose(named, flags)
    if resume is None:
        recipe.resolve()  # fail before a download, not after it
    from asc.store import FeatureStore

    if show:
        if isinstance(store, Path):
            FeatureStore(store, partial=partial)  # it must be there
        return _show(recipe.effective(), sources | recipe.unused, as_json)
    from asc.evaluation.sentences import (
        alternative_sentences,
        fold_sentences,
        leakage_sentence,
    )
    from asc.experiments import experiment

    settings["listener"] = ProgressCallback(quiet=as_json)
    if resume is not None:
        if store is not None:
            settings["store"] = FeatureStore(local(store), partial=partial)
        for name in _CHANGED_BY_RESUME & flags.keys():
            settings[name] = flags[name]
        finished, result = experiment.resume(resume, **settings)
    elif store is not None:
        opened = FeatureStore(local(store), partial=partial)
        if not opened.complete:
            note(
                f"{opened.path} is not complete: {len(opened.finished_rows()):,} of"
                f" {counted(len(opened), 'clip is', 'clips are')} finished and used."
            )
        finished, result = experiment.train(
            opened, recipe, run, command=command_line(), sources=sources, **settings
        )
    else:
        raise UsageError("Nothing to train. Give a STORE, or a run with --resume.")
    if as_json:
        more = {"chance": result.metrics.chance, "run": str(finished.path)}
        print_json(result.metrics.to_dict() | more)
        return 0
    chance = percent(result.metrics.chance)
    click.echo(f"{result.metrics.part} {result.title()}, chance {chance}")
    files = "metrics.json, curves.png, confusion.png"
    if result.metrics.folds is not None:
        files = "metrics.json, confusion.png"
        for sentence in fold_sentences(result.metrics):
            click.echo(sentence)
    for sentence in alternative_sentences(result.metrics):
        click.echo(sentence)
    if result.metrics.part != "test":
        note(
            f"split {result.metrics.split} has no test part, and the epoch was"
            f" chosen on these clips. To test: asc evaluate {finished.path}"
            " --store EVALUATION-STORE"
        )
    if warning := leakage_sentence(result.metrics):
        note(warning)
    click.echo(f"run {finished.path}: {files}")
    return 0


def _show(recipe: Recipe, sources: dict[str, str], as_json: bool) -> int:
    """Print a recipe; as JSON it is a file that --recipe takes."""
    values = recipe.to_dict()
    if as_json:
        print_json({"recipe": values, "sources": sources})
        return 0
    texts = (json.dumps(value, ensure_ascii=False) for value in values.values())
    for line in table(zip(values, texts, sources.values(), strict=True)):
        click.echo(line)
    return 0


def _check_no_run(store: Path) -> None:
    """Raise UsageError for a run folder in the place of a store."""
    if kind_of(store) in RUNS:
        raise UsageError(
            f"{store} is a run folder, not a store. To continue this run: asc-train"
            f" --resume {store}"
        )


def _check_no_recipe(ctx: click.Context) -> None:
    """Raise UsageError for options that a resumed run would ignore."""
    given = [
        option_name(name)
        for name in (*RECIPE_OPTIONS, "run")
        if name not in {"imports", *_CHANGED_BY_RESUME}
        and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"--resume uses the run's own recipe. Got {', '.join(given)}. Leave out"
            " these options, or start a new run."
        )
