"""Training on two virtual devices is training on one, but for rounding."""

from __future__ import annotations

import json

import numpy as np
import pytest
from world import run_python

from asc.errors import UsageError
from asc.training.recipe import Recipe
from asc.training.run import Run

#: Trains a network without dropout and batch normalisation, on two virtual CPUs.
PROGRAM = """
import json, pathlib, sys
import mini_models
from asc.pipeline.tensorflow import tf
from asc.store import FeatureStore
from asc.training import trainer
from asc.training.callback import TrainingCallback
from asc.errors import UsageError
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session

cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)

class Stop(TrainingCallback):
    def epoch(self, record, best):
        if record["epoch"] == 1:
            raise KeyboardInterrupt

store, folder, recipes = sys.argv[1:]
store = FeatureStore(store)
for name, values in json.loads(recipes).items():
    path = pathlib.Path(folder, name)
    session = Session.create(store, Recipe(**values), path)
    listener = Stop() if name == "interrupted" else None
    try:
        trainer.fit(session, listener=listener)
    except KeyboardInterrupt:
        trainer.fit(Session.open(Run(path), store))
"""
#: 24 rows in batches of 3, so in shares of 2 and 1; 4 validation clips in batches of
#: 3 and 1, so the last has a share without a row.
RECIPE = {
    "model": "linear",
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
def runs(tmp_path_factory, small_store, mini_models):
    """Return a function that gives a run by its name."""
    folder = tmp_path_factory.mktemp("runs")
    recipes = {
        "one": RECIPE,
        "interrupted": RECIPE | {"strategy": "mirrored"},
    }
    done = run_python(PROGRAM, small_store, folder, json.dumps(recipes))
    # Nothing that is said about devices reaches the user.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return lambda name: Run(folder / name)


def test_two_devices_learn_what_one_learns_interrupted_or_not(runs):
    one, two = runs("one"), runs("interrupted")
    assert (one.recipe.strategy, two.recipe.strategy) == ("none", "mirrored")
    log = (two.path / "log.txt").read_text("utf-8")
    assert log.count("on 2 devices: CPU:0, CPU:1") == 2
    assert "resumed after epoch 1" in log
    for ours, theirs in zip(two.history(), one.history(), strict=True):
        del ours["seconds"], theirs["seconds"]
        assert ours == pytest.approx(theirs, rel=1e-4)
    weights = [run.load_model().get_weights() for run in (two, one)]
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_strategy_that_is_not_there():
    with pytest.raises(UsageError, match="Did you mean 'mirrored'"):
        Recipe(strategy="mirror")
