"""Recipes by name or from a file, and where each of their values comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asc.errors import InputError, MissingInputError, UsageError
from asc.kinds import check_text_file
from asc.settings import read_settings
from asc.text import unknown_name
from asc.training.recipe import Recipe

# What the best systems of the field have in common: every clip is augmented, a long
# training without early stopping, AdamW, warm-up and cosine (McDonnell & Gao 2020; the
# baseline of DCASE 2024), EMA weights (PaSST).
_BETTER = {
    "augment": "both",
    "epochs": 100,
    "patience": 0,
    "optimizer": "adamw",
    "weight_decay": 1e-4,
    "schedule": "cosine",
    "warmup": 3.0,
    "ema": 0.99,
}
# Chosen on the validation parts of ESC-10's folds; the grids `recipes` and `ablation`
# of `asc compare` measure what each of them brings.
_FAST = _BETTER | {
    "model": "mobile",
    "augment": "mixup:mixup_alpha=0.4+stretch:most=0.2+freq-shift:most=8"
    "+filter-augment:most=4:knots=2+specaugment:freq_width=16:time_width=32",
    "epochs": 200,
    "learning_rate": 1e-2,
    "weight_decay": 0.05,
    "warmup": 5.0,
    "label_smoothing": 0.1,
}
#: Recipes by name: the fields that differ from the defaults. A recipe is never changed:
#: a better one has another name, or the old one's with a number.
RECIPES: dict[str, dict[str, Any]] = {
    "slides": {},  # the documented system
    "fast": _FAST,
    "strong": _FAST | {"model": "cp-resnet", "learning_rate": 3e-3},
    "mobile": _FAST | {"epochs": 400},
    # For any model:
    "better": _BETTER,
    "short": _BETTER | {"epochs": 30, "warmup": 1.0},
}


def choose(
    named: str | os.PathLike[str] | None = None, flags: Mapping[str, Any] | None = None
) -> tuple[Recipe, dict[str, str]]:
    """Return a recipe and the source of each of its values.

    Parameters
    ----------
    named : str or path-like, optional
        A name in `RECIPES`, a run folder, or a JSON or YAML file: the ``recipe.json``
        of a run or an object of fields.
    flags : mapping of str to value, optional
        Fields that override those of `named`.

    Returns
    -------
    recipe : Recipe
    sources : dict of str to str
        For each field ``"flag"``, ``"recipe NAME"``, ``"file PATH"`` or
        ``"default"``.

    Raises
    ------
    UsageError
        If a name or a field is unknown (the message offers the nearest one), or if
        a value is invalid.
    InputError
        If the file is missing, or is not JSON or YAML.
    """
    flags, base, source = dict(flags or {}), {}, ""
    if isinstance(named, str) and named in RECIPES:
        base, source = RECIPES[named], f"recipe {named}"
    elif named is not None:
        base, source = _read(named), f"file {os.fspath(named)}"
        try:
            Recipe.from_dict(base)
        except UsageError as error:
            raise UsageError(f"{os.fspath(named)}: {error}") from error
    recipe = Recipe.from_dict(base | flags)
    sources = dict.fromkeys(recipe.to_dict(), "default")
    sources |= dict.fromkeys(base, source) | dict.fromkeys(flags, "flag")
    return recipe, sources


def _read(place: str | os.PathLike[str]) -> dict[str, Any]:
    path, root = Path(place), None
    if path.is_dir():
        path, root = path / "recipe.json", path
    check_text_file("a recipe", path)
    try:
        record = read_settings(path, root=root)
    except MissingInputError:
        if path.suffix or len(path.parts) > 1:
            raise MissingInputError(
                f"There is no recipe {path}. Check the path."
            ) from None
        message = unknown_name("recipe", str(place), tuple(RECIPES))
        raise UsageError(f"{message} A path of a file works too.") from None
    values = record.get("recipe", record) if isinstance(record, dict) else record
    if not isinstance(values, dict):
        raise InputError(
            f"{path} is not a recipe. Got {type(values).__name__}, expected an object"
            ' of fields such as {"epochs": 30}.'
        )
    return values
