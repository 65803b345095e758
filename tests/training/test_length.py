"""Steps in place of epochs, and validation every so many of them."""

from __future__ import annotations

import numpy as np
import pytest

from asc.errors import UsageError
from asc.experiments import experiment
from asc.training.callback import TrainingCallback
from asc.training.checkpoint import State
from asc.training.length import Length
from asc.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("mini_models")

#: Two batches an epoch of 16 clips.
SETTINGS = {
    **{"model": "stateful", "augment": "none", "batch_size": 8, "patience": 0},
    **{"ema": 0.8, "seed": 3, "steps": 9, "validate_steps": 4},
}


@pytest.mark.parametrize(
    ("values", "clips", "expected"),
    [
        ({}, 160, (10, 50, 1)),
        ({"steps": 4000}, 320, (20, 200, 1)),
        ({"steps": 4000}, 3276, (205, 20, 1)),
        ({"steps": 4000, "validate_steps": 200}, 320, (20, 200, 10)),
        ({"steps": 4000, "validate_steps": 200}, 3276, (205, 20, 1)),
        ({"validate_steps": 25, "epochs": 7}, 160, (10, 7, 2)),
        ({"validate_steps": 10**6, "epochs": 7}, 160, (10, 7, 7)),
        ({"augment": "thirds", "steps": 30}, 160, (15, 2, 1)),
        ({"batches_per_epoch": 4, "steps": 9}, 160, (4, 3, 1)),
    ],
)
def test_the_length_follows_from_recipe_and_clips(values, clips, expected):
    length = Length.of(Recipe(**({"augment": "none"} | values)), clips)
    assert (length.batches, length.epochs, length.every) == expected


def test_the_last_epoch_is_always_validated():
    assert Length(10, 7, 3).validated == [3, 6, 7]
    assert Length(10, 6, 3).validated == [3, 6]


def test_a_warmup_is_shorter_than_the_steps():
    recipe = Recipe(augment="none", schedule="cosine", warmup=3, steps=20)
    assert Length.of(recipe, 16).epochs == 20
    with pytest.raises(UsageError, match=r"shorter than epochs \(2\)"):
        Length.of(recipe, 160)


def test_patience_counts_validations():
    recipe, state = Recipe(patience=2), State()
    for epoch, value in ((10, 1.0), (20, 2.0), (25, 3.0)):
        assert not state.stopped
        state.update({"epoch": epoch, "val_loss": value}, recipe)
    assert (state.stopped, state.epoch, state.best_epoch) == (True, 25, 10)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, store, mini_models):
    path = tmp_path_factory.mktemp("whole") / "run"
    return experiment.train(store, Recipe(**SETTINGS), path, keep_state=True)


def timeless(run):
    return [record | {"seconds": 0} for record in run.history()]


def test_only_validated_epochs_are_recorded(whole):
    run, evaluation = whole
    assert [record["epoch"] for record in run.history()] == [2, 4, 5]
    assert evaluation.metrics["epochs"] == 5
    assert State.load(run).epoch == 5


def test_an_interruption_between_validations_changes_nothing(whole, store, tmp_path):
    class Stopping(TrainingCallback):
        count = 0

        def batch(self, done, loss):
            self.count += 1
            if self.count == 7:  # in the fourth epoch, after the third
                raise KeyboardInterrupt

    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        experiment.train(store, Recipe(**SETTINGS), path, listener=Stopping())
    run, evaluation = experiment.resume(path)
    assert timeless(run) == timeless(whole[0])
    np.testing.assert_array_equal(evaluation.probabilities, whole[1].probabilities)


def test_more_steps_are_those_of_a_longer_training(whole, store, tmp_path):
    shorter = Recipe(**SETTINGS | {"steps": 7})
    path = tmp_path / "run"
    experiment.train(store, shorter, path, keep_state=True)
    with pytest.raises(UsageError, match="Give a larger --steps"):
        experiment.resume(path, epochs=9)
    with pytest.raises(UsageError, match="has 4 epochs already"):
        experiment.resume(path, steps=4)
    run, evaluation = experiment.resume(path, steps=9)
    assert timeless(run) == timeless(whole[0])
    np.testing.assert_array_equal(evaluation.probabilities, whole[1].probabilities)
