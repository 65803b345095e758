"""The options that make up a recipe, for every command that trains."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Any

import click
from click.core import ParameterSource

from asc.models import model_names
from asc.pipeline.augmentation import augmentation_names
from asc.training.recipe import (
    MONITORS,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    STRATEGIES,
    Recipe,
)
from asc.training.recipes import RECIPES

_DEFAULT = {field.name: field.default for field in fields(Recipe)}
#: Parameters of `recipe_options`.
RECIPE_OPTIONS = ("recipe", *_DEFAULT)

#: Field -> help, in the order of the help page.
_HELP = {
    "model": f"Model: {', '.join(model_names())}.",
    "feature": "Feature of the store.",
    "split": "Split: random (leaks recordings), recording, fold1..., folds (all,"
    " pooled), recording1of5..., development (no test part).",
    "augment": f"Augmentation: {', '.join(augmentation_names())}; or several joined by"
    " +, such as mixup+specaugment.",
    "mixup_alpha": "Mixup: alpha of Beta(alpha, alpha).",
    "freq_masks": "SpecAugment: number of frequency masks.",
    "freq_width": "SpecAugment: greatest width of one, in rows.",
    "time_masks": "SpecAugment: number of time masks.",
    "time_width": "SpecAugment: greatest width of one, in columns.",
    "epochs": "Epochs, at most.",
    "patience": "Epochs without a better monitor; 0 for never stop.",
    "monitor": f"What is monitored: {', '.join(MONITORS)}.",
    "batch_size": "Clips in a batch.",
    "optimizer": f"Optimizer: {', '.join(OPTIMIZERS)}.",
    "learning_rate": "Learning rate.",
    "schedule": f"Its course: {', '.join(SCHEDULES)} (down to 0 at the last epoch).",
    "warmup": "Epochs over which it first rises from 0.",
    "weight_decay": "Decoupled weight decay.  [default: 0.004 for adamw, else 0]",
    "ema": "Momentum of the moving average of weights that is kept; 0 for none.",
    "label_smoothing": "Share of a label that is spread over all scenes.",
    "seed": "Seed of weights, order, augmentation and dropout.",
    "weights": "Initial weights: imagenet, none or a file.  [default: imagenet for"
    " inception-v3 and resnet50]",
    "batches_per_epoch": "Cut epochs after so many batches.",
    "limit": "Use at most so many clips of each part.",
    "precision": f"What layers compute in: {', '.join(PRECISIONS)}.",
    "strategy": "Devices, one, all of the machine, or all of the machines in"
    f" TF_CONFIG: {', '.join(STRATEGIES)}.",
    "jit": "Compile by XLA.",
    "deterministic": "Repeat results bit for bit, at some cost.",
    "imports": "Module that registers a model of your own; may be repeated.",
}
#: Types of fields whose default tells none.
_TYPES = {"weights": str, "batches_per_epoch": int, "limit": int, "weight_decay": float}


def option_name(field: str) -> str:
    """Return the option of a field."""
    return "--import" if field == "imports" else "--" + field.replace("_", "-")


def recipe_options(command: Callable, several: Collection[str] = ()) -> Callable:
    """Give a command ``--recipe`` and an option for every field of a recipe.

    Those named by ``several`` take several values, as texts.
    """
    for name in reversed(_HELP):
        command = (_several if name in several else _option)(name)(command)
    return click.option(
        "--recipe",
        metavar="NAME|FILE",
        help=f"Recipe: {', '.join(RECIPES)}, or a file such as a run's recipe.json."
        " Options win over it.  [default: slides]",
    )(command)


def take_recipe(
    ctx: click.Context, settings: dict[str, Any]
) -> tuple[str | None, dict[str, Any]]:
    """Take the recipe's options out of a command's parameters.

    Returns
    -------
    named : str or None
        What ``--recipe`` was given.
    flags : dict
        Fields that were given as options.
    """
    taken = {name: settings.pop(name) for name in RECIPE_OPTIONS}
    named = taken.pop("recipe")
    given = ParameterSource.COMMANDLINE
    return named, {
        name: value
        for name, value in taken.items()
        if ctx.get_parameter_source(name) is given
    }


def _several(field: str) -> Callable:
    help = f"{_HELP[field]} Several by commas.  [default: {_DEFAULT[field]}]"
    return click.option(option_name(field), field, multiple=True, help=help)


def _option(field: str) -> Callable:
    default = _DEFAULT[field]
    name, help = option_name(field), _HELP[field]
    if isinstance(default, bool):
        both = f"{name}/--no-{field.replace('_', '-')}"
        return click.option(both, field, default=default, help=help)
    if field == "imports":
        return click.option(name, field, metavar="MODULE", multiple=True, help=help)
    return click.option(
        name,
        field,
        type=_TYPES.get(field, type(default)),
        default=default,
        show_default=default is not None,
        help=help,
    )
