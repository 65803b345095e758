"""Training: its files, its choices, and that an interruption changes nothing."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil

import numpy as np
import pytest

from asc.errors import AscError, InputError, StoreError, UsageError
from asc.experiments import experiment
from asc.models.safety import load_model
from asc.store import FeatureStore
from asc.training import trainer
from asc.training.callback import TrainingCallback
from asc.training.new_run import create_run
from asc.training.parts import part_rows
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session

pytestmark = pytest.mark.usefixtures("mini_models")

#: For a store with 16, 4 and 4 clips of 16 x 16.
SETTINGS = {
    "model": "stateful",
    "epochs": 4,
    "patience": 0,
    "batch_size": 8,
    "freq_width": 4,
    "time_width": 4,
    "seed": 5,
}


def recipe(**values):
    return Recipe(**(SETTINGS | values))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, store, mini_models):
    """A training that nothing interrupted; not to be changed."""
    path = tmp_path_factory.mktemp("whole") / "run"
    options = {"command": ("asc-train", "s.h5"), "keep_state": True}
    return experiment.train(store, recipe(), path, **options)[0]


def trained(store, wanted, path, **options):
    """Train without the evaluation that follows."""
    session = Session.create(store, wanted, path)
    trainer.fit(session, **options)
    return session.run


def without_seconds(run):
    return [
        {name: value for name, value in record.items() if name != "seconds"}
        for record in run.history()
    ]


def state_of(run):
    from asc.training.checkpoint import State

    return State.load(run)


def last_weights(run):
    """Everything in the model of the last epoch, optimizer included."""
    model = state_of(run).load_model(run)
    return [np.asarray(value) for value in (*model.weights, *model.optimizer.variables)]


def assert_same_training(first, second):
    assert without_seconds(first) == without_seconds(second)
    for a, b in zip(last_weights(first), last_weights(second), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(
        first.load_model().get_weights(), second.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    for name in ("epoch", "best_epoch", "best_value", "stopped"):
        assert getattr(state_of(first), name) == getattr(state_of(second), name)


# What a training leaves


def test_the_files_of_a_run(whole):
    assert sorted(os.listdir(whole.path)) == [
        "batch.png",
        "confusion.csv",
        "confusion.png",
        "curves.png",
        "environment.json",
        "history.csv",
        "log.txt",
        "metrics.json",
        "model.keras",
        "predictions.csv",
        "recipe.json",
        "state",
    ]
    assert set(os.listdir(whole.path / "state")) == {
        "epoch-0004.keras",
        "state.json",
        "statistics.json",
    }
    for name in ("batch.png", "confusion.png", "curves.png"):
        assert (whole.path / name).read_bytes().startswith(b"\x89PNG")
    facts = json.loads((whole.path / "environment.json").read_text())
    assert facts["command"] == ["asc-train", "s.h5"]
    log = (whole.path / "log.txt").read_text()
    assert "training stateful" in log
    assert "finished after epoch 4" in log
    assert "leakage" in log


def test_the_history(whole):
    with open(whole.path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert set(rows[0]) == {
        *("epoch", "loss", "accuracy", "val_loss", "val_accuracy"),
        *("learning_rate", "seconds"),
    }
    for row in whole.history():
        assert all(map(math.isfinite, row.values()))
        assert row["learning_rate"] == pytest.approx(1e-3)
        assert row["seconds"] > 0
    assert whole.history() == state_of(whole).history


def test_the_metrics_hold_what_they_must(whole, store):
    metrics = whole.metrics()
    assert {
        *("accuracy", "class_accuracy", "macro_f1", "log_loss", "per_scene"),
        *("confusion", "clips", "recordings", "ci95", "split", "leakage", "model"),
        *("parameters", "feature", "epochs", "seconds", "seed"),
    } <= set(metrics)
    for name in ("model", "feature", "split", "seed"):
        assert metrics[name] == getattr(whole.recipe, name)
    assert metrics["epochs"] == 4
    assert metrics["clips"] == len(store.split("random").test) == 4
    assert metrics["leakage"] == store.split("random").leakage
    assert metrics["parameters"] == 112 + 16 + 7 * 7 * 4 * 4 + 4


def test_the_best_epoch_is_the_model(whole, store):
    """Its validation loss, computed again by hand, is the best in the history."""
    rows = store.split("random").validation
    values = store.features("mel")[rows].astype(np.float32)
    given = np.asarray(whole.load_model()(values, training=False), np.float64)
    loss = -np.log(given[np.arange(len(rows)), store.labels()[rows]]).mean()
    losses = [record["val_loss"] for record in whole.history()]
    assert loss == pytest.approx(min(losses), rel=1e-5)
    assert state_of(whole).best_epoch == 1 + int(np.argmin(losses))


def test_the_model_is_plain_and_without_an_optimizer(whole):
    model = whole.load_model()
    assert not model.compiled
    assert model.input.shape == (None, 16, 16, 1)
    size = (whole.path / "model.keras").stat().st_size
    assert size < (whole.path / "state" / "epoch-0004.keras").stat().st_size


def test_the_model_normalises_by_the_train_part_alone(whole, store):
    layer = whole.load_model().get_layer("normalise")
    split = store.split("random")
    values = store.features("mel").astype(float)
    for rows, expected in ((split.train, True), (np.arange(len(store)), False)):
        mean = values[rows].mean(axis=(0, 2, 3))
        variance = values[rows].var(axis=(0, 2, 3))
        assert np.allclose(np.ravel(layer.mean), mean, rtol=1e-6) == expected
        assert np.allclose(np.ravel(layer.variance), variance, rtol=1e-5) == expected


# Repeating and going on


def test_equal_recipes_give_equal_runs(tmp_path, store, whole):
    from asc.pipeline.tensorflow import keras

    keras.utils.set_random_seed(99)  # what went before has no say
    again = trained(store, recipe(), tmp_path / "run", in_memory=True)
    assert_same_training(again, whole)


def test_another_seed_gives_another_run(tmp_path, store, whole):
    other = trained(store, recipe(seed=6, epochs=1), tmp_path / "run")
    assert without_seconds(other)[0] != without_seconds(whole)[0]


class Interrupting(TrainingCallback):
    """Presses Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch, batch):
        self.epochs, self.when = 0, (epoch, batch)

    def start(self, run, batches, epochs, first):
        self.epochs = first

    def batch(self, done, loss):
        if (self.epochs + 1, done) == self.when:
            raise KeyboardInterrupt

    def epoch(self, record, best):
        self.epochs += 1


def test_an_interruption_changes_nothing(tmp_path, store, whole):
    from asc.pipeline.tensorflow import keras

    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        experiment.train(store, recipe(), path, listener=Interrupting(2, 2))
    run = Run(path)
    assert len(run.history()) == 1
    assert (path / "curves.png").is_file() and (path / "batch.png").is_file()
    assert run.load_model().output.shape == (None, 4)  # usable as it is
    assert not (path / "metrics.json").exists()

    keras.utils.set_random_seed(99)
    resumed, _ = experiment.resume(path, keep_state=True)
    assert_same_training(resumed, whole)
    timeless = {"seconds": None}
    assert resumed.metrics() | timeless == whole.metrics() | timeless
    for name in ("predictions.csv", "confusion.csv"):
        assert (path / name).read_bytes() == (whole.path / name).read_bytes()
    log = (path / "log.txt").read_text()
    assert "interrupted" in log
    assert "resumed after epoch 1" in log


def test_an_interruption_before_the_first_epoch_ends(tmp_path, store, whole):
    wanted = recipe(epochs=1)
    with pytest.raises(KeyboardInterrupt):
        experiment.train(store, wanted, tmp_path / "r", listener=Interrupting(1, 1))
    run = Run(tmp_path / "r")
    assert run.history() == []
    with pytest.raises(InputError, match="no epoch was finished"):
        run.load_model()
    trainer.fit(Session.open(run))
    assert without_seconds(run) == without_seconds(whole)[:1]


@pytest.mark.parametrize("lost", ["history.csv", "model.keras"])
def test_a_crash_between_two_files_is_made_up_for(tmp_path, whole, lost):
    """The state is written first; what follows from it is made again."""
    path = tmp_path / "run"
    shutil.copytree(whole.path, path)
    (path / "metrics.json").unlink()  # the run was not concluded
    if state_of(whole).best_epoch != 4 and lost == "model.keras":
        state = json.loads((path / "state" / "state.json").read_text())
        state["best_epoch"] = 4
        (path / "state" / "state.json").write_text(json.dumps(state))
    (path / lost).unlink()
    (path / "state" / "epoch-0003.keras").touch()
    trainer.fit(Session.open(Run(path)))
    assert Run(path).history() == whole.history()
    assert Run(path).load_model().output.shape == (None, 4)
    assert not (path / "state" / "epoch-0003.keras").exists()


def test_going_on_with_a_finished_run_trains_no_more(tmp_path, whole):
    class Unheard(TrainingCallback):
        def start(self, *arguments):
            pytest.fail("it trains")

    path = tmp_path / "run"
    shutil.copytree(whole.path, path)
    run, result = experiment.resume(path, listener=Unheard())
    assert run.history() == whole.history()
    assert result.metrics == whole.metrics()


def test_going_on_with_another_store(tmp_path, whole, extract, few_clips):
    other = FeatureStore(extract(few_clips, settings={"mel_floor": -120.0}).store)
    path = tmp_path / "run"
    shutil.copytree(whole.path, path)
    with pytest.raises(StoreError, match="is not the store"):
        experiment.resume(path, store=other)
    assert Run(path).history() == whole.history()


@pytest.mark.parametrize(
    ("file", "data"),
    [("state.json", b"[1, 2"), ("epoch-0004.keras", b""), ("epoch-0004.keras", None)],
)
def test_a_state_that_is_damaged(tmp_path, whole, file, data):
    path = tmp_path / "run"
    shutil.copytree(whole.path, path)
    (path / "metrics.json").unlink()  # the run was not concluded
    (path / "state" / file).unlink()
    if data is not None:
        (path / "state" / file).write_bytes(data)
    with pytest.raises(InputError, match="run"):
        trainer.fit(Session.open(Run(path)))


def test_a_run_that_is_there_is_not_touched(store, whole):
    before = {p: p.stat().st_mtime_ns for p in whole.path.rglob("*")}
    with pytest.raises(UsageError, match="never overwritten"):
        experiment.train(store, recipe(epochs=1), whole.path)
    assert {p: p.stat().st_mtime_ns for p in whole.path.rglob("*")} == before


# What is best, and when it is enough


@pytest.fixture
def keeper(tmp_path, store):
    """Return a function that plays epochs with given values to the callback."""
    from asc.pipeline.tensorflow import keras
    from asc.training.checkpoint import CheckpointCallback, State

    def play(name, values, path=None, **settings):
        if path is None:
            path = tmp_path / "run"
            create_run(path, recipe(monitor=name, **settings), store)
        run = Run(path)
        inputs = keras.Input((2,))
        model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        model.compile("sgd", "mse")
        state = State.load(run)
        keeper = CheckpointCallback(Session.open(run, store), state)
        keeper.set_model(model)
        for value in values:
            model.stop_training = False
            epoch = state.epoch
            model.layers[-1].bias.assign([epoch + 1.0])  # tells which model it is
            keeper.on_epoch_begin(epoch)
            keeper.on_train_batch_end(0, {"loss": 1.0})
            keeper.on_epoch_end(epoch, {"loss": 1.0} | {name: value})
            if model.stop_training:
                break
        kept = load_model(run.path / "model.keras").layers[-1].bias.numpy()
        assert kept == state.best_epoch
        return state

    return play


@pytest.mark.parametrize(
    ("monitor", "values", "patience", "best", "last"),
    [
        ("val_loss", [3, 2, 1, 4, 5], 5, 3, 5),
        ("val_loss", [3, 1, 2, 2, 0], 2, 2, 4),
        ("val_loss", [3, 1, 2, 0, 2, 2, 9], 2, 4, 6),
        ("val_loss", [1, 1, 1, 1], 3, 1, 4),  # equal is not better
        ("val_loss", [2, 3, 1], 1, 1, 2),
        ("val_loss", [1, 2, 3, 4, 5, 6], 0, 1, 6),  # 0 is for never
        ("val_accuracy", [0.1, 0.3, 0.2, 0.25, 0.9], 2, 2, 4),
        ("accuracy", [0.1, 0.2, 0.3], 1, 3, 3),
        ("loss", [3, 2, 2.5, 2.6], 2, 2, 4),
    ],
)
def test_the_best_epoch_and_the_last(keeper, monitor, values, patience, best, last):
    state = keeper(monitor, values, patience=patience)
    assert (state.best_epoch, state.epoch) == (best, last)
    assert state.best_value == values[best - 1]
    assert state.stopped == (patience > 0 and last - best == patience)


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_an_interruption_changes_neither(tmp_path, keeper, cut):
    """Keras' own callbacks forget the best value and how long they waited."""
    values = [3, 1, 2, 2.5, 2, 0]
    keeper("val_loss", values[:cut], patience=3)
    state = keeper("val_loss", values[cut:], tmp_path / "run")
    assert (state.best_epoch, state.best_value, state.epoch) == (2, 1, 5)
    assert state.stopped
    assert [record["val_loss"] for record in state.history] == values[:5]


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("when", ["batch", "validation"])
def test_a_loss_that_is_no_number_stops_and_the_best_is_kept(
    tmp_path, keeper, store, value, when
):
    from asc.training.checkpoint import CheckpointCallback

    state = keeper("val_loss", [2.0, 1.0])
    run = Run(tmp_path / "run")
    before = (run.path / "model.keras").read_bytes()
    late = CheckpointCallback(Session.open(run, store), state)
    with pytest.raises(AscError, match="in epoch 3.*--learning-rate") as caught:
        if when == "batch":
            late.on_train_batch_end(0, {"loss": value})
        else:
            late.on_epoch_end(2, {"loss": 1.0, "val_loss": value})
    assert caught.value.exit_code == 1
    assert (run.path / "model.keras").read_bytes() == before
    assert len(run.history()) == 2


def test_a_training_that_diverges(tmp_path, store):
    wanted = recipe(optimizer="sgd", learning_rate=99.0, augment="none", epochs=50)
    with pytest.raises(AscError, match="The loss became"):
        experiment.train(store, wanted, tmp_path / "run")


def test_patience_ends_a_training(tmp_path, store):
    """The accuracy of three clips cannot get better more than three times."""
    heard = []

    class Hearing(TrainingCallback):
        def start(self, run, batches, epochs, first):
            heard.append((batches, epochs, first))

        def batch(self, done, loss):
            heard.append(done)

        def epoch(self, record, best):
            heard.append((record["epoch"], best))

    few = {"limit": 3, "batch_size": 2, "augment": "none"}
    wanted = recipe(epochs=10, monitor="accuracy", patience=1, **few)
    run = trained(store, wanted, tmp_path / "run", listener=Hearing())
    stopped = len(run.history())
    assert 2 <= stopped <= 5
    assert state_of(run).stopped
    assert heard[:4] == [(2, 10, 0), 1, 2, (1, True)]
    assert heard[-1] == (stopped, False)
    trainer.fit(Session.open(run))
    assert len(run.history()) == stopped


# Which clips


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_limit_takes_some_clips_of_each_part(store, limit):
    whole = part_rows(store, recipe())
    some = part_rows(store, recipe(limit=limit))
    for part, rows in some.items():
        assert len(rows) == min(limit, len(whole[part]))
        assert set(rows) <= set(whole[part])
        assert (np.diff(rows) > 0).all()
    again = part_rows(store, recipe(limit=limit))
    assert all(np.array_equal(some[part], again[part]) for part in some)


def test_a_limit_takes_other_clips_with_another_seed(store):
    chosen = {
        tuple(part_rows(store, recipe(limit=3, seed=seed))["train"])
        for seed in range(5)
    }
    assert len(chosen) > 1


def test_a_split_that_is_not_there_makes_no_folder(tmp_path, store):
    with pytest.raises(UsageError, match="Did you mean 'fold1'"):
        experiment.train(store, recipe(split="folds1"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_feature_that_is_not_there_makes_no_folder(tmp_path, extract, few_clips):
    store = extract(few_clips, settings={"features": ("mel",)}).store
    with pytest.raises(UsageError, match="Unknown feature 'stft'"):
        experiment.train(store, recipe(feature="stft"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_split_without_a_validation_part(tmp_path, extract, make_corpus):
    """Two recordings a scene: a fold tests on one and trains on the other."""
    store = FeatureStore(
        extract(make_corpus(tmp_path / "tut", recordings=2, clips=1)).store
    )
    assert not len(store.split("fold1").validation)
    wanted = recipe(split="fold1", epochs=1)
    with pytest.raises(UsageError, match="Part validation.*--monitor loss"):
        experiment.train(store, wanted, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    wanted = recipe(split="fold1", epochs=1, monitor="loss")
    run, result = experiment.train(store, wanted, tmp_path / "run")
    assert "val_loss" not in run.history()[0]
    assert result.metrics["clips"] == 4
