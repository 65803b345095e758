"""The linear model: fitted at once, to the train part alone, and resumed like any."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from asc.errors import UsageError
from asc.experiments import experiment
from asc.training import last_layer
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe

RECIPE = Recipe(model="linear", split="recording", epochs=7)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, store):
    path = tmp_path_factory.mktemp("linear") / "run"
    return experiment.train(store, RECIPE, path, keep_state=True)


def moments(store, rows):
    """Mean and standard deviation of each row, in decibels or codes alike."""
    values = store.features("mel")[rows].astype(float)[..., 0]
    return np.concatenate([values.mean(axis=2), values.std(axis=2)], axis=1)


def test_it_is_a_logistic_regression_of_the_train_part(trained, store):
    split, labels = store.split("recording"), store.labels()
    scaler = StandardScaler().fit(moments(store, split.train))
    solver = LogisticRegression(C=0.3, max_iter=10_000)
    solver.fit(scaler.transform(moments(store, split.train)), labels[split.train])
    expected = solver.predict_proba(scaler.transform(moments(store, split.test)))
    np.testing.assert_allclose(trained[1].probabilities, expected, atol=1e-3)


def test_its_history_is_one_epoch_without_augmentation(trained, store):
    run, evaluation = trained
    (record,) = run.history()
    rows = store.split("recording").validation
    given = np.asarray(run.load_model()(store.features("mel")[rows].astype("float32")))
    chosen = given[np.arange(len(rows)), store.labels()[rows]]
    assert record["val_loss"] == pytest.approx(-np.log(chosen).mean(), rel=1e-4)
    assert {"loss", "accuracy", "val_accuracy", "seconds"} < set(record)
    assert evaluation.metrics["epochs"] == 1
    assert (run.recipe.augment, run.recipe.epochs) == ("none", 1)
    assert "epochs, batches" in (run.path / "log.txt").read_text()
    assert not list((run.path / "state").glob("*.keras"))


def test_the_sources_say_what_is_not_used():
    sources = RECIPE.unused
    assert sources["epochs"] == sources["optimizer"] == "not used by linear"
    assert "split" not in sources and Recipe().unused == {}


def test_an_interrupted_fit_is_repeated(trained, store, tmp_path, monkeypatch):
    class Stopping(TrainingCallback):
        def epoch(self, record, best):
            raise KeyboardInterrupt

    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        experiment.train(store, RECIPE, path, listener=Stopping())
    _, evaluation = experiment.resume(path)
    np.testing.assert_array_equal(evaluation.probabilities, trained[1].probabilities)
    monkeypatch.delattr(last_layer, "describe")  # it must not be fitted again
    assert experiment.finish(store, RECIPE, path).metrics == evaluation.metrics


def test_it_cannot_be_trained_further(trained):
    with pytest.raises(UsageError, match="fitted at once"):
        experiment.resume(trained[0].path, epochs=9)
    assert json.loads((trained[0].path / "recipe.json").read_text())["recipe"]
    assert trained[0].is_finished()
