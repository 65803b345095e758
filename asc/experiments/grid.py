"""A grid of recipes: every combination of a few options."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asc.errors import UsageError
from asc.evaluation.baseline import LINEAR
from asc.experiments.baseline import baseline_recipe
from asc.kinds import check_text_file
from asc.settings import read_settings
from asc.text import has_control_characters, unknown_name
from asc.training.recipe import Recipe
from asc.validation import check_fields, check_flag, check_path

#: Field of a grid -> the field of a recipe that it varies, slowest first.
AXES = {
    "splits": "split",
    "models": "model",
    "augments": "augment",
    "features": "feature",
    "seeds": "seed",
}


#: Most runs of a grid.
_MOST_RUNS = 10_000


@dataclass(frozen=True)
class Grid:
    """Models x features x augmentations x splits x seeds.

    The defaults are the documented system, so a grid names only what it varies.

    Parameters
    ----------
    models, features, augments, splits : tuple of str
        As in `asc.Recipe`. A split may also be ``folds``.
    seeds : tuple of int
    settings : mapping
        Other fields of the recipe, the same for all runs, such as ``epochs``.
    baseline : bool
        Train the linear model too, for each split and feature (`baselines`).

    Raises
    ------
    UsageError
        If a list is empty, repeats a value, or has one that a recipe cannot have.

    Examples
    --------
    >>> grid = asc.Grid(features=("mel", "stft"), splits=("random", "recording"))
    >>> len(grid.recipes())
    4
    """

    models: tuple[str, ...] = (Recipe.model,)
    features: tuple[str, ...] = (Recipe.feature,)
    augments: tuple[str, ...] = (Recipe.augment,)
    splits: tuple[str, ...] = (Recipe.split,)
    seeds: tuple[int, ...] = (Recipe.seed,)
    settings: Mapping[str, Any] = field(default_factory=dict)
    baseline: bool = True

    def __post_init__(self) -> None:
        for name in AXES:
            values = getattr(self, name)
            if isinstance(values, str) or not isinstance(values, (tuple, list)):
                raise UsageError(f"{name} of a grid must be a list. Got {values!r}.")
            object.__setattr__(self, name, tuple(values))
            if not values or len(set(map(str, values))) < len(values):
                raise UsageError(
                    f"{name} of a grid must be distinct values. Got {values!r}."
                )
        if not isinstance(self.settings, Mapping):
            raise UsageError(
                f"settings must be fields of a recipe. Got {self.settings!r}."
            )
        check_flag("baseline", self.baseline)
        for name in self.settings:
            if name in AXES.values():
                raise UsageError(
                    f"{name!r} cannot be a setting of all runs: a grid varies it."
                )
        count = math.prod(len(getattr(self, name)) for name in AXES)
        if count > _MOST_RUNS:
            raise UsageError(
                f"A grid can have at most {_MOST_RUNS:,} runs. Got {count:,}."
            )
        for recipe in self.recipes():  # which checks every value
            _check_file_name(run_name(recipe))

    def recipes(self) -> list[Recipe]:
        """Return the recipe of every run, split by split, model by model."""
        choices = itertools.product(*(getattr(self, name) for name in AXES))
        return [
            Recipe.from_dict(
                {**self.settings, **dict(zip(AXES.values(), choice, strict=True))}
            )
            for choice in choices
        ]

    def baselines(self) -> list[Recipe]:
        """Return the recipe of the linear model for each split and feature.

        None if the grid has the linear model itself, or is without `baseline`.
        """
        if not self.baseline or LINEAR in self.models:
            return []
        return list(dict.fromkeys(map(baseline_recipe, self.recipes())))

    def runs(self) -> list[Recipe]:
        """Return the recipe of every run: in each split `baselines`, then `recipes`."""
        every = [*self.baselines(), *self.recipes()]
        return sorted(every, key=lambda recipe: self.splits.index(recipe.split))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        values = {name: list(getattr(self, name)) for name in AXES}
        return values | {"settings": dict(self.settings), "baseline": self.baseline}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Grid:
        """Return the grid with the given fields; others have their defaults.

        Raises
        ------
        UsageError
            If a field is unknown; the nearest name is offered.
        """
        return cls(**check_fields("grid", values, cls))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Grid:
        """Read a grid from a JSON or YAML file of `to_dict`, or of a comparison.

        Raises
        ------
        InputError
            If it cannot be read.
        UsageError
            If it is not a grid.
        """
        check_text_file("a grid", Path(path))
        values = read_settings(path)
        if isinstance(values, dict) and {"grid", "store"} <= values.keys():
            values = values["grid"]  # that of a comparison
        try:
            return cls.from_dict(values)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error


#: Grids that have a name, as what is not the default in them.
GRIDS: dict[str, dict[str, Any]] = {
    # The table of the course project that asc started from: 5 models on STFT and
    # Mel, with and without augmentation, on one random split.
    "slides": {
        "models": ("simple-cnn", "complex-cnn", "cnn-rnn", "inception-v3", "resnet50"),
        "features": ("stft", "mel"),
        "augments": ("none", "thirds"),
    }
}


def named_grid(name: str | os.PathLike[str]) -> Grid:
    """Return the grid of a name (`GRIDS`) or of a JSON or YAML file.

    Raises
    ------
    UsageError
        If it is neither.
    InputError
        If the file cannot be read.
    """
    path = check_path("grid", name)
    if str(path) in GRIDS:
        return Grid(**GRIDS[str(path)])
    if not path.suffix and not path.exists():
        unknown = unknown_name("grid", str(path), tuple(GRIDS))
        raise UsageError(f"{unknown} Or name a JSON or YAML file.")
    return Grid.load(path)


def run_name(recipe: Recipe) -> str:
    """Return the name of a run within a comparison."""
    return (
        f"{recipe.split}-{recipe.model}-{recipe.augment}-{recipe.feature}"
        f"-seed{recipe.seed}"
    )


def _check_file_name(name: str) -> None:
    """Raise UsageError for the name of a run that cannot be that of a folder."""
    if "/" in name or has_control_characters(name) or len(name.encode()) > 255:
        raise UsageError(
            f"A grid has a run that no folder can be named after. Got {name[:300]!r}."
        )
