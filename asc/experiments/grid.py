"""A grid of recipes: every combination of a few options."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from asc.errors import UsageError
from asc.experiments.baseline import baseline_recipe
from asc.kinds import check_text_file
from asc.models.entries import LINEAR
from asc.settings import read_settings
from asc.text import file_name, has_control_characters, unknown_name
from asc.training.recipe import Recipe
from asc.training.recipes import RECIPES
from asc.validation import check_fields, check_flag, check_path

#: Field of a grid -> the field of a recipe that it varies, slowest first.
AXES = {
    "splits": "split",
    "models": "model",
    "augments": "augment",
    "features": "feature",
    "seeds": "seed",
}
#: Axes whose values a variant has of its own.
_OF_VARIANTS = ("models", "augments")

#: Most runs of a grid.
_MOST_RUNS = 10_000


class PlannedRun(NamedTuple):
    """A run of a grid: the name of its folder, of its variant if any, its recipe."""

    name: str
    variant: str
    recipe: Recipe


@dataclass(frozen=True)
class Grid:
    """Models x features x augmentations x splits x seeds.

    The defaults are the documented system, so a grid names only what it varies. Recipes
    that differ in anything else are variants: they take the place of models x
    augmentations.

    Parameters
    ----------
    models, features, augments, splits : tuple of str
        As in `asc.Recipe`. A split may also be ``folds``.
    seeds : tuple of int
    settings : mapping
        Other fields of the recipe, the same for all runs, such as ``epochs``.
    baseline : bool
        Train the linear model too, for each split and feature (`baselines`).
    variants : mapping of str to mapping
        The name of each variant, and the fields of its recipe. ``recipe`` among them
        names one that they change, such as ``strong``. They override `settings`, and
        these the named recipe.

    Raises
    ------
    UsageError
        If a list is empty, repeats a value, or has one that a recipe cannot have.

    Examples
    --------
    >>> grid = asc.Grid(features=("mel", "stft"), splits=("random", "recording"))
    >>> len(grid.recipes())
    4
    >>> without = {"recipe": "strong", "ema": 0}
    >>> grid = asc.Grid(variants={"strong": {"recipe": "strong"}, "no EMA": without})
    >>> [run.name for run in grid.runs()[1:]]
    ['random-strong-mel-seed0', 'random-no EMA-mel-seed0']
    """

    models: tuple[str, ...] = (Recipe.model,)
    features: tuple[str, ...] = (Recipe.feature,)
    augments: tuple[str, ...] = (Recipe.augment,)
    splits: tuple[str, ...] = (Recipe.split,)
    seeds: tuple[int, ...] = (Recipe.seed,)
    settings: Mapping[str, Any] = field(default_factory=dict)
    baseline: bool = True
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

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
        self._check_variants()
        count = math.prod(len(getattr(self, name)) for name in AXES)
        count *= max(1, len(self.variants))
        if count > _MOST_RUNS:
            raise UsageError(
                f"A grid can have at most {_MOST_RUNS:,} runs. Got {count:,}."
            )
        for run in self.runs():  # which checks every value
            _check_file_name(run.name)

    def _check_variants(self) -> None:
        """Raise UsageError for variants that are not names with fields of a recipe."""
        if not isinstance(self.variants, Mapping):
            raise UsageError(f"variants must have names. Got {self.variants!r}.")
        for name, fields in self.variants.items():
            if not (isinstance(name, str) and name and isinstance(fields, Mapping)):
                raise UsageError(
                    f"A variant must be a name with fields of a recipe. Got {name!r}:"
                    f" {fields!r}."
                )
            # A name, not a path: the grid is untrusted, and what it trains must not
            # depend on a file of this machine.
            named = fields.get("recipe", "slides")
            if not isinstance(named, str) or named not in RECIPES:
                raise UsageError(unknown_name("recipe", str(named), tuple(RECIPES)))
            for axis, one in AXES.items():
                if one in fields and axis not in _OF_VARIANTS:
                    raise UsageError(
                        f"Variant {name!r} cannot set {one!r}: use {axis!r} of the"
                        " grid."
                    )
        for axis in _OF_VARIANTS if self.variants else ():
            if getattr(self, axis) != getattr(Grid, axis):
                raise UsageError(
                    f"A grid has variants or {axis}, not both: a variant names its own."
                )

    def recipes(self) -> list[Recipe]:
        """Return the recipe of every combination, split by split, model by model."""
        return [run.recipe for run in self._combinations()]

    def runs(self) -> list[PlannedRun]:
        """Return every run: in each split `baselines`, then those of `recipes`."""
        runs = [*self.baselines(), *self._combinations()]
        return sorted(runs, key=lambda run: self.splits.index(run.recipe.split))

    def _combinations(self) -> list[PlannedRun]:
        """Return the run of every combination."""
        if not self.variants:
            every = (
                Recipe.from_dict({**self.settings, **values})
                for values in self._products(AXES)
            )
            # The linear model has no augmentation, and is the same for all seeds.
            recipes = dict.fromkeys(
                baseline_recipe(one) if one.model == LINEAR else one for one in every
            )
            return [PlannedRun(run_name(recipe), "", recipe) for recipe in recipes]
        shared = [axis for axis in AXES if axis not in _OF_VARIANTS]
        splits = [{"split": split} for split in self.splits]
        rest = [*self._products(shared[1:])]
        return [
            PlannedRun(_variant_run_name(name, recipe), name, recipe)
            for split, (name, fields), values in itertools.product(
                splits, self.variants.items(), rest
            )
            for recipe in [self._variant({**fields}, split | values)]
        ]

    def baselines(self) -> list[PlannedRun]:
        """Return the run of the linear model for each split and feature.

        None if the grid has the linear model itself, or is without `baseline`.
        """
        if not self.baseline or LINEAR in self.models:
            return []
        variant = LINEAR if self.variants else ""
        recipes = dict.fromkeys(map(baseline_recipe, self.recipes()))
        return [PlannedRun(run_name(one), variant, one) for one in recipes]

    def _products(self, axes: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield every combination of the values of some axes, as fields of a recipe."""
        axes = [*axes]
        for choice in itertools.product(*(getattr(self, axis) for axis in axes)):
            yield {AXES[axis]: value for axis, value in zip(axes, choice, strict=True)}

    def _variant(self, own: dict[str, Any], values: dict[str, Any]) -> Recipe:
        """Return the recipe of a variant with these values of the other axes."""
        named = RECIPES[own.pop("recipe", "slides")]
        return Recipe.from_dict({**named, **self.settings, **own, **values})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        values: dict[str, Any] = {name: list(getattr(self, name)) for name in AXES}
        values |= {"settings": dict(self.settings), "baseline": self.baseline}
        if self.variants:
            values["variants"] = {
                name: dict(own) for name, own in self.variants.items()
            }
        return values

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


#: Grids that have a name, each a JSON file beside this one: ``slides`` is the table of
#: the course project that asc started from, on one random split; the others are the
#: evidence for the recipes.
GRIDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "grids").glob("*.json"))
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
        f"{file_name(recipe.split)}-{recipe.model}-{recipe.augment}-{recipe.feature}"
        f"-seed{recipe.seed}"
    )


def _variant_run_name(variant: str, recipe: Recipe) -> str:
    return f"{file_name(recipe.split)}-{variant}-{recipe.feature}-seed{recipe.seed}"


def _check_file_name(name: str) -> None:
    """Raise UsageError for the name of a run that cannot be that of a folder."""
    if "/" in name or has_control_characters(name) or len(name.encode()) > 255:
        raise UsageError(
            f"A grid has a run that no folder can be named after. Got {name[:300]!r}."
        )
