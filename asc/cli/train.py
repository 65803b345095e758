"""asc train: store to run folder."""

from __future__ import annotations

import sys
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from asc.cli.options import (
    STORE,
    json_option,
    local,
    note,
    print_json,
    verbose_option,
)
from asc.errors import UsageError
from asc.models import model_names
from asc.pipeline.augmentation import POLICIES
from asc.training.recipe import MONITORS, OPTIMIZERS, Recipe

_DEFAULT = {field.name: field.default for field in fields(Recipe)}


def _recipe_option(name: str, help: str, **settings: Any) -> Any:
    """Return an option for a field of the recipe, with the field's default."""
    default = _DEFAULT[name]
    flag = "--" + name.replace("_", "-")
    if default is not None and "type" not in settings:
        settings["type"] = type(default)
    return click.option(
        flag, default=default, show_default=default is not None, help=help, **settings
    )


@click.command()
@click.argument("store", required=False, type=STORE)
@_recipe_option("model", f"Model: {', '.join(model_names())}.")
@_recipe_option("feature", "Feature: mel or stft.")
@_recipe_option(
    "split",
    "Split: random (leaks recordings), recording, fold1..., folds (all of them,"
    " pooled), recording1of5..., development (no test part).",
)
@_recipe_option("augment", f"Augmentation: {', '.join(POLICIES)}.")
@_recipe_option("mixup_alpha", "Mixup: alpha of Beta(alpha, alpha).")
@_recipe_option("freq_masks", "SpecAugment: number of frequency masks.")
@_recipe_option("freq_width", "SpecAugment: greatest width of one, in rows.")
@_recipe_option("time_masks", "SpecAugment: number of time masks.")
@_recipe_option("time_width", "SpecAugment: greatest width of one, in columns.")
@_recipe_option("epochs", "Epochs, at most.")
@_recipe_option("patience", "Epochs without a better monitor; 0 for never stop.")
@_recipe_option("monitor", f"What is monitored: {', '.join(MONITORS)}.")
@_recipe_option("batch_size", "Clips in a batch.")
@_recipe_option("optimizer", f"Optimizer: {', '.join(OPTIMIZERS)}.")
@_recipe_option("learning_rate", "Learning rate.")
@_recipe_option("seed", "Seed of weights, order, augmentation and dropout.")
@_recipe_option(
    "weights",
    "Initial weights: imagenet, none or a file.  [default: imagenet for"
    " inception-v3 and resnet50]",
    type=str,
)
@_recipe_option("batches_per_epoch", "Cut epochs after so many batches.", type=int)
@_recipe_option("limit", "Use at most so many clips of each part.", type=int)
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
@click.option("--in-memory", is_flag=True, help="Keep the train part in memory.")
@json_option
@verbose_option
@click.pass_context
def train(
    ctx: click.Context,
    store: Path | str | None,
    run: Path | None,
    resume: Path | None,
    in_memory: bool,
    as_json: bool,
    **recipe: Any,
) -> int:
    """Train a model on STORE and evaluate it once on the test part.

    STORE is a file, or a URL, which is pulled into the cache first.

    With no options this is the documented system: simple CNN, Mel, thirds
    augmentation, Adam, at most 50 epochs with a patience of 5, batches of 16,
    random split.

    \b
    Example:
        asc-train tut2017.h5 --model simple-cnn --split fold1
    """
    from asc.evaluation import experiment
    from asc.store import FeatureStore
    from asc.training.run import default_run_path

    settings: dict[str, Any] = {
        "in_memory": in_memory,
        "listener": _listener(quiet=as_json),
    }
    if resume is not None:
        _refuse_recipe(ctx)
        path = resume
        if store is not None:
            settings["store"] = FeatureStore(local(store))
        work = partial(experiment.resume, path, **settings)
    elif store is not None:
        wanted = Recipe(**recipe)  # a mistake in it is told before a download
        opened = FeatureStore(local(store))
        path = run or default_run_path(opened, wanted)
        work = partial(
            experiment.train, opened, wanted, path, command=_command(), **settings
        )
    else:
        raise UsageError("Name a STORE to train on, or a run with --resume.")
    try:
        finished, result = work()
    except KeyboardInterrupt:
        if (path / "recipe.json").exists():
            click.echo(f"\nGo on with: asc-train --resume {path}", err=True)
        raise
    if as_json:
        print_json(result.metrics | {"run": str(finished.path)})
        return 0
    click.echo(f"{result.metrics['part']} {result.title()}")
    if "folds" in result.metrics:
        from asc.evaluation.folds import fold_sentences

        for sentence in fold_sentences(result.metrics):
            click.echo(sentence)
    if result.metrics["part"] != "test":
        note(
            f"split {result.metrics['split']} has no test part, and the epoch was"
            f" chosen on these clips. For a test: asc evaluate {finished.path}"
            " --store EVALUATION-STORE"
        )
    if result.metrics["leakage"]:
        note(
            f"{100 * result.metrics['leakage']:.0f} % of the test clips share a"
            " recording with training, so this measures recognition of recordings"
            " more than of scenes. --split recording or fold1 keeps them apart."
        )
    click.echo(f"run {finished.path}: metrics.json, curves.png, confusion.png")
    return 0


def _refuse_recipe(ctx: click.Context) -> None:
    """Refuse options that a resumed run would ignore."""
    given = [
        "--" + name.replace("_", "-")
        for name in (*_DEFAULT, "run")
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"--resume goes on with the run's own recipe, so it cannot be combined"
            f" with {', '.join(given)}."
        )


def _command() -> tuple[str, ...]:
    """Return the command line for the record of a run, without credentials."""
    from asc.store.sources import shown

    return tuple(shown(word) if "://" in word else word for word in sys.argv)


def _listener(quiet: bool) -> Any:
    """Return a listener with a bar for the epoch on a terminal, a line after it."""
    from asc.training.trainer import Listener

    class Shown(Listener):
        """Shows a training. With JSON on standard output, it keeps to the other."""

        batches = epochs = 0
        bar: Any = None

        def start(self, run: Any, batches: int, epochs: int, first: int) -> None:
            self.batches, self.epochs = batches, epochs
            click.echo(
                f"{run.recipe.model}, {run.recipe.feature}, split {run.recipe.split},"
                f" {batches} batches an epoch -> {run.path}",
                err=quiet,
            )

        def batch(self, done: int, loss: float) -> None:
            if not sys.stderr.isatty():
                return
            from tqdm import tqdm

            if self.bar is None:
                self.bar = tqdm(total=self.batches, unit=" batch", leave=False)
            self.bar.update(done - self.bar.n)
            self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

        def epoch(self, record: dict[str, float], best: bool) -> None:
            if self.bar is not None:
                self.bar.close()
                self.bar = None
            told = "  ".join(
                f"{name} {record[name]:.4f}"
                for name in ("loss", "accuracy", "val_loss", "val_accuracy")
                if name in record
            )
            click.echo(
                f"epoch {record['epoch']:.0f}/{self.epochs}  {told}"
                f"  {record['seconds']:.1f} s{'  best' if best else ''}",
                err=quiet,
            )

    return Shown()
