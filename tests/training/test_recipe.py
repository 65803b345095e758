"""The recipe: its defaults are the documented system, and nothing else passes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc.errors import InputError, UsageError
from asc.models import model_names
from asc.pipeline.augmentation import Augmentation, augmentation_names
from asc.training.recipe import MONITORS, OPTIMIZERS, Recipe


def test_the_defaults_are_the_documented_system():
    recipe = Recipe()
    assert (recipe.model, recipe.feature, recipe.split) == (
        "simple-cnn",
        "mel",
        "random",
    )
    assert (recipe.optimizer, recipe.learning_rate) == ("adam", 1e-3)
    assert (recipe.epochs, recipe.patience, recipe.monitor) == (50, 5, "val_loss")
    assert (recipe.batch_size, recipe.augment) == (16, "thirds")
    assert recipe.limit is recipe.batches_per_epoch is recipe.weights is None


def test_strengths_are_those_of_the_augmentation():
    assert Recipe().augmentation() == Augmentation()
    strengths = {
        "mixup_alpha": 0.1,
        "freq_masks": 1,
        "freq_width": 2,
        "time_masks": 3,
        "time_width": 4,
    }
    given = Recipe(augment="both", **strengths).augmentation()
    assert given == Augmentation("both", **strengths)


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3


@settings(derandomize=True, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "model": st.sampled_from(model_names()),
            "feature": st.sampled_from(["mel", "stft"]),
            "split": st.text(min_size=1),
            "augment": st.sampled_from(augmentation_names()),
            "mixup_alpha": st.floats(0.01, 100),
            "freq_width": st.integers(0, 300),
            "epochs": st.integers(1, 10**6),
            "patience": st.integers(0, 10**6),
            "monitor": st.sampled_from(MONITORS),
            "optimizer": st.sampled_from(OPTIMIZERS),
            "learning_rate": st.floats(1e-12, 99),
            "seed": st.integers(0, 2**31 - 1),
            "weights": st.none() | st.text(),
            "batches_per_epoch": st.none() | st.integers(1, 10**6),
            "limit": st.none() | st.integers(1, 10**6),
        },
    )
)
def test_round_trip_through_json(values):
    recipe = Recipe(**values)
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert {name: getattr(again, name) for name in values} == values


def test_what_a_record_lacks_has_its_default():
    assert Recipe.from_dict({"epochs": 3}) == Recipe(epochs=3)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": "simple_cnn"}, "Invalid name of a model. Got 'simple_cnn'"),
        ({"model": 5}, "Got 5"),
        ({"feature": "\x1b[2J"}, "Invalid name of a feature"),
        ({"feature": ["mel"]}, "Invalid name of a feature"),
        ({"augment": "mixup+"}, "Invalid name of a policy"),
        ({"augment": 3}, "augment must be a text"),
        ({"optimizer": "Adamm"}, "Did you mean 'adam"),
        ({"monitor": "val_los"}, "Did you mean 'val_loss'"),
        ({"split": 1}, "split must be a text"),
        ({"weights": 1}, "weights must be a text"),
        ({"epochs": 0}, r"epochs must be a whole number in \[1, "),
        ({"epochs": None}, "epochs must be"),
        ({"epochs": 2.0}, "epochs must be"),
        ({"patience": -1}, r"patience must be a whole number in \[0, "),
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": 2**31}, "batch_size must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**32}, "seed must be"),
        ({"seed": None}, "seed must be"),
        ({"limit": 0}, "limit must be"),
        ({"batches_per_epoch": 0}, "batches_per_epoch must be"),
        ({"learning_rate": 0}, "learning_rate must be"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
        ({"learning_rate": 100}, r"in \(0, 100\)"),
        ({"ema": 1}, r"ema must be a number in \[0, 1\)"),
        ({"jit": 1}, "jit must be true or false"),
        ({"strategy": "mirror"}, "Did you mean 'mirrored'"),
        ({"imports": "os"}, "imports must be a list of modules"),
        ({"imports": ["../x.py"]}, "not the name of a module"),
        ({"learning_rate": "0.1"}, "learning_rate must be"),
        ({"mixup_alpha": 0}, "mixup_alpha must be"),
        ({"time_masks": -1}, "time_masks must be"),
        ({"epoch": 3}, "Did you mean 'epochs'"),
        ({"learning rate": 3}, "Did you mean 'learning_rate'"),
        ([1, 2], "must be an object of fields"),
        ("epochs", "must be an object of fields"),
        (None, "must be an object of fields"),
    ],
)
def test_what_cannot_be_is_said(values, sentence):
    with pytest.raises(UsageError, match=sentence):
        Recipe.from_dict(values)


def test_values_are_kept_as_plain_numbers():
    recipe = Recipe(epochs=np.int64(3), learning_rate=1, weight_decay=None)
    assert json.loads(json.dumps(recipe.to_dict()))["epochs"] == 3
    assert type(recipe.epochs) is int and type(recipe.learning_rate) is float
    assert recipe.weight_decay is None


def test_names_are_resolved_when_asked_for():
    recipe = Recipe(model="simple-cnm", imports=("no_such_module",))
    with pytest.raises(InputError, match="'simple-cnn'.*--import no_such_module"):
        recipe.resolve()
    with pytest.raises(UsageError, match="Did you mean 'simple-cnn'"):
        Recipe(model="simple-cnm").resolve()
    with pytest.raises(UsageError, match="Did you mean 'thirds'"):
        Recipe(augment="third").resolve()
    Recipe(augment="mixup+specaugment").resolve()
