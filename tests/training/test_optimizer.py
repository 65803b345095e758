"""Schedules, decay and averages: against the formulas, and through interruptions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from asc.experiments import experiment
from asc.store import FeatureStore
from asc.training import trainer
from asc.training.callback import TrainingCallback
from asc.training.length import Length
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session

pytestmark = pytest.mark.usefixtures("mini_models")

SETTINGS = {
    **{"model": "stateful", "epochs": 4, "patience": 0, "batch_size": 8, "seed": 3},
    **{"augment": "both", "freq_width": 4, "time_width": 4},
    **{"optimizer": "adamw", "weight_decay": 0.01, "schedule": "cosine"},
    **{"warmup": 1.5, "ema": 0.8, "label_smoothing": 0.1, "learning_rate": 0.01},
}


class Stopping(TrainingCallback):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, stop):
        self.stop, self.count = stop, 0

    def batch(self, done, loss):
        self.count += 1
        if self.count == self.stop:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_store, mini_models):
    path = tmp_path_factory.mktemp("whole") / "run"
    return experiment.train(FeatureStore(small_store), Recipe(**SETTINGS), path)[0]


@pytest.mark.parametrize("warmup", [0, 1.5, 2])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_course_of_the_learning_rate(schedule, warmup):
    from asc.training.optimizer import learning_rate

    recipe = Recipe(schedule=schedule, warmup=warmup, epochs=5, learning_rate=0.02)
    course = learning_rate(recipe, Length(10, 5))
    for step in range(60):
        if step < warmup * 10:
            expected = 0.02 * step / (warmup * 10)
        elif schedule == "constant":
            expected = 0.02
        else:
            past = min(1, (step - warmup * 10) / (50 - warmup * 10))
            expected = 0.01 * (1 + math.cos(math.pi * past))
        given = course if isinstance(course, float) else float(course(step))
        assert given == pytest.approx(expected, abs=1e-8)


def test_the_history_tells_the_learning_rate(whole):
    # Two batches an epoch: after 2, 4, 6 and 8 steps, of which 3 are warm-up.
    expected = [0.01 * 2 / 3] + [
        0.005 * (1 + math.cos(math.pi * past / 5)) for past in (1, 3, 5)
    ]
    told = [record["learning_rate"] for record in whole.history()]
    assert told == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("stop", [4, 7])
def test_an_interruption_changes_nothing(tmp_path, small_store, whole, stop):
    """Iterations, moments and averages go on, in the middle of warm-up too."""
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt) as caught:
        experiment.train(
            FeatureStore(small_store), whole.recipe, path, listener=Stopping(stop)
        )
    assert f"--resume {path}" in caught.value.__notes__[0]
    experiment.resume(path)
    resumed = Run(path)
    timeless = {"seconds": 0}
    assert [r | timeless for r in resumed.history()] == [
        r | timeless for r in whole.history()
    ]
    assert resumed.metrics() | timeless == whole.metrics() | timeless
    for name in ("predictions.csv", "batch.png"):
        assert (path / name).read_bytes() == (whole.path / name).read_bytes()
    for a, b in zip(
        resumed.load_model().get_weights(),
        whole.load_model().get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def averaged():
    """A compiled model, the averages after some steps, and the weights."""
    from asc.pipeline.tensorflow import keras
    from asc.training.optimizer import compile_model, make_optimizer

    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(2, activation="softmax")(inputs)
    model = keras.Model(inputs, outputs)
    recipe = Recipe(**SETTINGS)
    compile_model(model, recipe, make_optimizer(recipe, Length(4, recipe.epochs)))
    rng = np.random.default_rng(0)
    averages = None
    for _ in range(5):
        x = rng.normal(size=(8, 3)).astype(np.float32)
        y = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 8)]
        model.train_on_batch(x, y)
        now = [np.array(v, np.float64) for v in model.trainable_variables]
        averages = averages or now
        averages = [0.8 * a + 0.2 * w for a, w in zip(averages, now, strict=True)]
    return model, averages


def test_averages_are_those_of_the_formula_and_weights_come_back(averaged):
    from asc.training.optimizer import EmaWeights

    model, expected = averaged
    before = [np.array(v) for v in model.trainable_variables]
    with EmaWeights(model, Recipe(**SETTINGS)).applied():
        inside = [np.array(v) for v in model.trainable_variables]
    for a, b in zip(inside, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    for a, b, c in zip(model.trainable_variables, before, inside, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(b, c)


def test_the_averages_are_what_is_validated_and_kept(whole, small_store):
    """Validation loss of the kept model, computed again by hand."""
    store = FeatureStore(small_store)
    rows = store.split("random").validation
    values = store.features("mel")[rows].astype(np.float32)
    given = np.asarray(whole.load_model()(values, training=False), np.float64)
    labels = np.eye(4)[store.labels()[rows]] * 0.9 + 0.1 / 4
    loss = -(labels * np.log(given)).sum(axis=1).mean()
    assert loss == pytest.approx(min(r["val_loss"] for r in whole.history()), rel=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16"])
def test_other_precisions(tmp_path, small_store, precision):
    from asc.pipeline.tensorflow import keras

    recipe = Recipe(**(SETTINGS | {"precision": precision, "epochs": 2}))
    path, store = tmp_path / "run", FeatureStore(small_store)
    with pytest.raises(KeyboardInterrupt):
        experiment.train(store, recipe, path, listener=Stopping(3))
    resumed, _ = experiment.resume(path)
    assert keras.config.dtype_policy().name == "float32"  # for those who come after
    model = resumed.load_model()
    assert model.output.dtype == "float32"
    assert {layer.compute_dtype for layer in model.layers} == {precision[6:], "float32"}
    assert {str(v.dtype) for v in model.trainable_variables} == {"float32"}
    session = Session.create(store, recipe, tmp_path / "again")
    trainer.fit(session)
    assert [r | {"seconds": 0} for r in session.run.history()] == [
        r | {"seconds": 0} for r in resumed.history()
    ]
