"""Class weights: in the loss of training alone, and the same after an interruption."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from asc.corpus import open_corpus
from asc.errors import UsageError
from asc.store import FeatureStore
from asc.training import start, trainer
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session

pytestmark = pytest.mark.usefixtures("mini_models")


@pytest.fixture
def unbalanced(few_clips, extract):
    """A store of 6 clips of three scenes and 2 of beach."""
    corpus = open_corpus(few_clips)
    clips = [c for c in corpus.clips if c.scene != "beach" or c.recording == "a000"]
    corpus = replace(corpus, clips=tuple(clips), folds={})
    return FeatureStore(extract(corpus).store)


def recipe(**values):
    settings = {"model": "dense", "split": "development", "augment": "none"}
    settings |= {"balance": "scene", "epochs": 1, "batch_size": 64, "seed": 2}
    return Recipe(**settings | values)


def cross_entropy(model, store, rows):
    values = store.features("mel")[rows].astype(np.float32)
    given = np.asarray(model(values, training=False))
    return -np.log(given[np.arange(len(rows)), store.labels()[rows]])


def test_weights_by_hand(unbalanced, tmp_path):
    session = Session.create(unbalanced, recipe(), tmp_path / "run")
    labels = unbalanced.labels()[session.rows["train"]]
    assert np.bincount(labels).tolist() == [2, 4, 4, 4]
    assert session.scene_weights.tolist() == [14 / (4 * 2), *[14 / (4 * 4)] * 3]
    assert session.scene_weights[labels].mean() == 1
    plain = Session.create(unbalanced, recipe(balance="none"), tmp_path / "plain")
    assert plain.scene_weights is None


def test_they_are_in_the_loss_of_training_alone(unbalanced, tmp_path):
    session = Session.create(unbalanced, recipe(), tmp_path / "run")
    before = start.new_model(session)
    trainer.fit(session)
    train, validation = session.rows["train"], session.rows["validation"]
    (record,) = session.run.history()
    weights = session.scene_weights[unbalanced.labels()[train]]
    losses = cross_entropy(before, unbalanced, train)
    assert record["loss"] == pytest.approx((weights * losses).mean(), rel=1e-4)
    assert record["loss"] != pytest.approx(losses.mean(), rel=1e-3)
    after = cross_entropy(session.run.load_model(), unbalanced, validation)
    assert record["val_loss"] == pytest.approx(after.mean(), rel=1e-4)


def test_an_interruption_changes_nothing(unbalanced, tmp_path):
    class Stopping(TrainingCallback):
        def epoch(self, record, best):
            raise KeyboardInterrupt

    wanted = recipe(epochs=2, batch_size=5, augment="mixup")
    session = Session.create(unbalanced, wanted, tmp_path / "whole")
    trainer.fit(session)
    whole = session.run
    with pytest.raises(KeyboardInterrupt):
        session = Session.create(unbalanced, wanted, tmp_path / "run")
        trainer.fit(session, listener=Stopping())
    session = Session.open(Run(tmp_path / "run"), unbalanced)
    trainer.fit(session)
    resumed = session.run
    assert len(resumed.history()) == 2
    for one, other in zip(resumed.history(), whole.history(), strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    for one, other in zip(
        resumed.load_model().get_weights(),
        whole.load_model().get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_the_linear_model_is_balanced_too(unbalanced, tmp_path):
    session = Session.create(unbalanced, recipe(model="linear"), tmp_path / "run")
    trainer.fit(session)
    split, labels = unbalanced.split("development"), unbalanced.labels()
    values = unbalanced.features("mel").astype(float)[..., 0]
    moments = np.concatenate([values.mean(axis=2), values.std(axis=2)], axis=1)
    scaler = StandardScaler().fit(moments[split.train])
    solver = LogisticRegression(C=0.3, max_iter=10_000, class_weight="balanced")
    solver.fit(scaler.transform(moments[split.train]), labels[split.train])
    expected = solver.predict_proba(scaler.transform(moments))
    given = session.run.load_model()(unbalanced.features("mel").astype(np.float32))
    np.testing.assert_allclose(np.asarray(given), expected, atol=2e-3)


def test_other_balances():
    with pytest.raises(
        UsageError, match="Unknown balance 'device'. Known: none, scene"
    ):
        recipe(balance="device")
