"""Training on two virtual devices is training on one, but for rounding."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from asc.errors import UsageError
from asc.models.entries import MODELS
from asc.training.recipe import Recipe
from asc.training.run import Run

#: Trains networks without dropout on two virtual CPUs, interrupted or not.
PROGRAM = """
import json, pathlib, sys
from asc.models import register_model
from asc.pipeline.tensorflow import keras, tf
from asc.store import FeatureStore
from asc.training import trainer
from asc.training.callback import TrainingCallback
from asc.errors import UsageError
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session
from asc.training.source import Source

cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)

def plain(x, scenes):
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    return keras.layers.Dense(scenes, activation="softmax")(x)

def normed(x, scenes):
    x = keras.layers.BatchNormalization()(keras.layers.Flatten()(x))
    return keras.layers.Dense(scenes, activation="softmax")(x)

class Stop(TrainingCallback):
    def epoch(self, record, best):
        raise KeyboardInterrupt

register_model("plain", plain)
register_model("normed", normed)
store, folder, recipes = sys.argv[1:]
store = FeatureStore(store)
for name, values in json.loads(recipes).items():
    path = pathlib.Path(folder, name)
    recipe = Recipe(**values)
    source = Source.find(recipe, store)
    session = Session.create(store, recipe, path, source=source)
    listener = Stop() if "interrupted" in name else None
    try:
        trainer.fit(session, listener=listener)
    except KeyboardInterrupt:
        trainer.fit(Session.open(Run(path), store))
"""
#: 24 rows in batches of 3, so in parts of 2 and 1; 4 validation clips in batches of
#: 3 and 1, so the last has a part without a row.
RECIPE = {
    "model": "plain",
    "epochs": 2,
    "schedule": "cosine",
    "ema": 0.5,
    "patience": 0,
    "batch_size": 3,
    "freq_width": 4,
    "time_width": 4,
    "seed": 3,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, small_store):
    """Return a function that gives a run by its name."""
    folder = tmp_path_factory.mktemp("runs")
    # Two validations in four epochs of eight batches.
    steps = {"epochs": 4, "validate_steps": 16, "init_from": str(folder / "one")}
    recipes = {
        "one": RECIPE,
        "steps": RECIPE | steps,
        "steps interrupted": RECIPE | steps | {"strategy": "mirrored"},
        "interrupted": RECIPE | {"strategy": "mirrored"},
        "normed": RECIPE | {"strategy": "mirrored", "model": "normed"},
        "normed interrupted": RECIPE | {"strategy": "mirrored", "model": "normed"},
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, small_store, folder, json.dumps(recipes)],
        capture_output=True,
        text=True,
        # No message of TensorFlow about devices reaches the user.
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with MODELS.restored():
        for name in ("plain", "normed"):
            MODELS.add(name, MODELS.get("simple-cnn"))
        yield lambda name: Run(folder / name)


def assert_same_training(first, second):
    for ours, theirs in zip(first.history(), second.history(), strict=True):
        del ours["seconds"], theirs["seconds"]
        assert ours == pytest.approx(theirs, rel=1e-4)
    weights = [run.load_model().get_weights() for run in (first, second)]
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_two_devices_learn_what_one_learns_interrupted_or_not(runs):
    one, two = runs("one"), runs("interrupted")
    assert (one.recipe.strategy, two.recipe.strategy) == ("none", "mirrored")
    log = (two.path / "log.txt").read_text("utf-8")
    assert log.count("on 2 devices: CPU:0, CPU:1") == 2
    assert "resumed after epoch 1" in log
    assert_same_training(one, two)


def test_two_devices_validate_by_steps_and_start_from_another_run(runs):
    one, two = runs("steps"), runs("steps interrupted")
    assert [record["epoch"] for record in two.history()] == [2, 4]
    assert "resumed after epoch 2" in (two.path / "log.txt").read_text("utf-8")
    assert_same_training(one, two)
    # It starts where the other run ended, not anew.
    first = runs("one").history()
    assert two.history()[0]["loss"] < first[0]["loss"]


def test_an_interruption_keeps_the_batch_normalisation_of_two_devices(runs):
    assert_same_training(runs("normed"), runs("normed interrupted"))


def test_a_strategy_that_is_not_there():
    with pytest.raises(UsageError, match="Did you mean 'mirrored'"):
        Recipe(strategy="mirror")
