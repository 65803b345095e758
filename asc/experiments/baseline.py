"""The linear model on the same clips and feature as another training."""

from __future__ import annotations

from asc.models.entries import LINEAR
from asc.training.recipe import Recipe


def baseline_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe of the linear model on the clips and feature of another one.

    The seed matters only where it draws the clips.
    """
    return Recipe(
        model=LINEAR,
        feature=recipe.feature,
        split=recipe.split,
        limit=recipe.limit,
        seed=0 if recipe.limit is None else recipe.seed,
    ).effective()
