"""Grids: every combination of options, or variants of a recipe."""

from __future__ import annotations

import pytest

from asc.errors import UsageError
from asc.experiments.grid import GRIDS, Grid, named_grid
from asc.training.recipes import RECIPES, choose

VARIANTS = {
    "strong": {"recipe": "strong"},
    "no EMA": {"recipe": "strong", "ema": 0},
    "plain": {"model": "simple-cnn", "augment": "none"},
}


def test_variants_take_the_place_of_models_and_augmentations():
    grid = Grid(
        variants=VARIANTS, splits=("fold1", "fold2"), seeds=(0, 1), baseline=False
    )
    runs = grid.runs()
    assert [run.name for run in runs[:4]] == [
        "fold1-strong-mel-seed0",
        "fold1-strong-mel-seed1",
        "fold1-no EMA-mel-seed0",
        "fold1-no EMA-mel-seed1",
    ]
    assert len(runs) == 2 * 3 * 2
    assert [run.recipe for run in runs] == grid.recipes()
    strong = choose("strong", {"split": "fold1"})[0]
    assert runs[0].recipe == strong
    assert runs[2].recipe == choose("strong", {"split": "fold1", "ema": 0})[0]
    assert (runs[4].recipe.model, runs[4].recipe.augment) == ("simple-cnn", "none")
    assert Grid.from_dict(grid.to_dict()) == grid


def test_settings_override_a_named_recipe_and_a_variant_overrides_settings():
    grid = Grid(
        settings={"epochs": 7, "ema": 0.5},
        variants={"strong": {"recipe": "strong"}, "own": {"epochs": 9, "ema": 0}},
    )
    strong, own = grid.recipes()
    assert (strong.epochs, strong.ema) == (7, 0.5)
    assert strong.learning_rate == RECIPES["strong"]["learning_rate"]
    assert (own.epochs, own.ema) == (9, 0)


def test_a_grid_without_variants_has_the_record_of_before():
    assert set(Grid().to_dict()) == {
        *("models", "features", "augments", "splits", "seeds", "settings"),
        "baseline",
    }


@pytest.mark.parametrize(
    ("variants", "sentence"),
    [
        (["strong"], "variants must have names"),
        ({"": {}}, "A variant must be a name"),
        ({"a": "strong"}, "A variant must be a name"),
        ({"a": {"seed": 1}}, "'a' cannot set 'seed': use 'seeds' of the grid"),
        ({"a": {"recipe": "stong"}}, "Did you mean 'strong'"),
        ({"a": {"recipe": "/etc/passwd"}}, "Unknown recipe '/etc/passwd'"),
        ({"a": {"recipe": ["strong"]}}, "Unknown recipe"),
        ({"a": {"emma": 1}}, "Did you mean 'ema'"),
        ({"a/b": {}}, "no folder can be named after"),
    ],
)
def test_what_is_no_variant(variants, sentence):
    with pytest.raises(UsageError, match=sentence):
        Grid(variants=variants)


def test_variants_and_models_exclude_each_other():
    with pytest.raises(UsageError, match="variants or models, not both"):
        Grid(models=("cnn-rnn",), variants=VARIANTS)


def test_the_linear_model_is_the_first_variant():
    grid = Grid(variants=VARIANTS, splits=("fold1", "random"))
    assert [run.name for run in grid.runs() if run.variant == "linear"] == [
        "fold1-linear-none-mel-seed0",
        "random-linear-none-mel-seed0",
    ]
    assert [run.variant for run in grid.runs()[:4]] == ["linear", *VARIANTS]


@pytest.mark.parametrize("name", GRIDS)
def test_the_grids_that_have_a_name(name):
    grid = named_grid(name)
    recipes = grid.recipes()
    assert len(recipes) == len(set(recipes)) > 1
    assert Grid.from_dict(grid.to_dict()) == grid
    for recipe in recipes:
        recipe.resolve()


def test_an_ablation_changes_one_ingredient_at_a_time():
    fast, *others = named_grid("ablation").recipes()
    assert fast == choose("fast", {"split": "folds"})[0]
    together = {"schedule", "warmup", "learning_rate", "optimizer", "weight_decay"}
    for other in others:
        changed = {
            name
            for name, value in other.to_dict().items()
            if value != fast.to_dict()[name]
        }
        assert len(changed) == 1 or changed < together
