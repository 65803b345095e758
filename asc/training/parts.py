"""The rows of a store that a recipe trains on, validates and tests."""

from __future__ import annotations

import numpy as np

from asc.corpus.leakage import PARTS
from asc.corpus.splits import FOLDS
from asc.errors import UsageError
from asc.store import FeatureStore
from asc.training.length import Length
from asc.training.recipe import Recipe

#: Fields that no feature can exceed, in the order of its axes.
_WIDTHS = ("freq_width", "time_width")


def check_strengths(store: FeatureStore, recipe: Recipe) -> None:
    """Raise UsageError for masks that are wider than the feature.

    The default width is for features of usual size; it is cut to smaller ones.
    """
    shape = store.features(recipe.feature).shape[1:3]
    for name, most, of in zip(_WIDTHS, shape, ("rows", "columns"), strict=True):
        width = getattr(recipe, name)
        if width > most and width != getattr(Recipe, name):
            raise UsageError(
                f"{name} must be in [0, {most}]. Got {width}. The feature"
                f" {recipe.feature} has {most} {of}."
            )


def part_rows(store: FeatureStore, recipe: Recipe) -> dict[str, np.ndarray]:
    """Return the store rows of each part that a recipe uses.

    Raises
    ------
    UsageError
        If the split or the feature does not exist, or if a part is empty that
        the recipe needs.
    """
    store.features(recipe.feature)
    try:
        split = store.split(recipe.split)
    except UsageError as error:
        raise UsageError(f"{error} To train all folds, use {FOLDS}.") from None
    rows = {}
    for part in PARTS:
        rows[part] = split.part(part)
        if recipe.limit is not None and len(rows[part]) > recipe.limit:
            rng = np.random.default_rng(recipe.seed)
            rows[part] = np.sort(rng.permutation(rows[part])[: recipe.limit])
    if not len(rows["train"]):
        raise UsageError(f"Part train of split {recipe.split!r} has no clips.")
    if not len(rows["validation"]) and recipe.monitor.startswith("val_"):
        raise UsageError(
            f"Part validation of split {recipe.split!r} has no clips, so"
            f" {recipe.monitor} cannot be monitored. Use --monitor loss."
        )
    Length.of(recipe, len(rows["train"]))  # checks the warm-up
    return rows
