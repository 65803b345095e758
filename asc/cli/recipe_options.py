"""The options that make up a recipe, for every command that trains."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Any

import click
from click.core import ParameterSource

from asc.cli.options import (
    PATH,
    Choice,
    completing,
    completing_or_file,
    import_modules_option,
)
from asc.models import model_names
from asc.pipeline.augmentation import augmentation_names
from asc.training.recipe import (
    BALANCES,
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
    "feature": "Feature of the store, such as mel or stft.",
    "split": "Split: random (leaks recordings), recording, fold1..., folds (all,"
    " pooled), recording1of5..., unseen-device:NAME, development (no test part).",
    "augment": f"Augmentation: {', '.join(augmentation_names())}; or several joined by"
    " +, such as mixup+specaugment.",
    "mixup_alpha": "Mixup: alpha of Beta(alpha, alpha).",
    "freq_masks": "SpecAugment: number of frequency masks.",
    "freq_width": "SpecAugment: maximum width of a frequency mask, in rows.",
    "time_masks": "SpecAugment: number of time masks.",
    "time_width": "SpecAugment: maximum width of a time mask, in columns.",
    "epochs": "Maximum number of epochs.",
    "steps": "Batches to train on in place of --epochs, rounded up to whole epochs.",
    "validate_steps": "Validate after this many batches, rounded to whole epochs."
    "  [default: after every epoch]",
    "patience": "Stop after this many validations without improvement; 0 for never.",
    "monitor": "Monitored quantity.",
    "batch_size": "Clips per batch.",
    "optimizer": "Optimizer.",
    "learning_rate": "Learning rate.",
    "schedule": "Learning-rate schedule; cosine ends at 0.",
    "warmup": "Epochs of linear warm-up of the learning rate from 0.",
    "weight_decay": "Decoupled weight decay.  [default: 0.004 for adamw, else 0]",
    "ema": "Momentum of the EMA weights that are validated and kept; 0 for none.",
    "label_smoothing": "Share of each label that is spread over all scenes.",
    "balance": "What has equal weights in the training loss.",
    "seed": "Seed of initial weights, sampling, augmentation and dropout.",
    "weights": "Initial weights: imagenet, none or a file.  [default: imagenet for"
    " inception-v3 and resnet50]",
    "init_from": "Run folder or bundle whose weights to start from; the last layer is"
    " new where scenes differ.",
    "batches_per_epoch": "Cut every epoch after this many batches.",
    "limit": "Use at most this many clips of each part.",
    "precision": "Dtype policy of the layers.",
    "strategy": "One device (none), all of the machine (mirrored), or all of the"
    " machines in TF_CONFIG (multiworker).",
    "jit": "Compile with XLA.",
    "deterministic": "Use only operations that repeat bit for bit, at some cost.",
    "imports": "",  # asc.cli.options
}
#: Options by what they are about, for help pages.
RECIPE_GROUPS = {
    "Recipe": (
        "recipe",
        "model",
        "feature",
        "split",
        "weights",
        "init_from",
        "imports",
    ),
    "Augmentation": (
        *("augment", "mixup_alpha"),
        *("freq_masks", "freq_width", "time_masks", "time_width"),
    ),
    "Optimisation": (
        *("epochs", "steps", "validate_steps", "patience", "monitor", "batch_size"),
        *("batches_per_epoch", "limit"),
        *("optimizer", "learning_rate", "schedule", "warmup", "weight_decay", "ema"),
        *("label_smoothing", "balance", "seed"),
    ),
    "Machine": (
        *("device", "strategy", "precision", "jit", "deterministic"),
        *("threads", "in_memory", "jobs", "backend", "scheduler"),
    ),
}
#: What a shell completes of fields that are open to other values.
_COMPLETED: dict[str, Callable[..., list]] = {
    "model": completing(model_names),
    "augment": completing(augmentation_names),
    "weights": completing_or_file(lambda: ("imagenet", "none")),
    "init_from": PATH.shell_complete,
}
#: What the help calls the values of fields that hold text.
_METAVARS = {
    **dict.fromkeys(("model", "feature", "split", "augment"), "NAME"),
    "weights": "NAME|FILE",
    "init_from": "RUN",
}
#: Types of fields that take one of some names, or whose default is None.
_TYPES: dict[str, Any] = {
    "monitor": Choice(MONITORS),
    "optimizer": Choice(OPTIMIZERS),
    "schedule": Choice(SCHEDULES),
    "balance": Choice(BALANCES),
    "precision": Choice(PRECISIONS),
    "strategy": Choice(STRATEGIES),
    "weights": str,
    "init_from": str,
    "batches_per_epoch": int,
    "limit": int,
    "steps": int,
    "validate_steps": int,
    "weight_decay": float,
}


def option_name(field: str) -> str:
    """Return the option of a field."""
    return "--import" if field == "imports" else "--" + field.replace("_", "-")


def recipe_options(command: Callable, several: Collection[str] = ()) -> Callable:
    """Give a command ``--recipe`` and an option for every field of a recipe.

    Parameters
    ----------
    command : callable
    several : collection of str
        Fields whose options take several values, as texts.
    """
    for name in reversed(_HELP):
        command = (_several if name in several else _option)(name)(command)
    more = " Separate several by commas." if several else ""
    return click.option(
        "--recipe",
        metavar="NAME|FILE",
        shell_complete=completing_or_file(lambda: RECIPES),
        help=f"Recipe: {', '.join(RECIPES)}, or a file such as a run's recipe.json."
        f" Other options override it.{more}  [default: slides]",
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
    flags = {
        name: value
        for name, value in taken.items()
        if ctx.get_parameter_source(name) is given
    }
    if "init_from" in flags:  # the recipe may be used in another folder
        flags["init_from"] = os.path.abspath(flags["init_from"])
    return named, flags


def _several(field: str) -> Callable:
    help = f"{_HELP[field]} Separate several by commas.  [default: {_DEFAULT[field]}]"
    return click.option(
        option_name(field),
        field,
        metavar=f"{_METAVARS.get(field, 'N')},...",
        shell_complete=_COMPLETED.get(field),
        multiple=True,
        help=help,
    )


def _option(field: str) -> Callable:
    default = _DEFAULT[field]
    name, help = option_name(field), _HELP[field]
    if isinstance(default, bool):
        switch = f"{name}/--no-{field.replace('_', '-')}"
        return click.option(
            switch, field, default=default, show_default=True, help=help
        )
    if field == "imports":
        return import_modules_option(field)
    return click.option(
        name,
        field,
        metavar=_METAVARS.get(field),
        shell_complete=_COMPLETED.get(field),
        type=_TYPES.get(field, type(default)),
        default=default,
        show_default=default is not None,
        help=help,
    )
