"""What goes wrong in a training ends in a sentence, and loses nothing."""

from __future__ import annotations

import errno
import os
import shutil
import signal

import numpy as np
import pytest
from world import run_python

from asc.errors import AscError, InputError, StoreError, UsageError
from asc.experiments import experiment
from asc.files import write_json
from asc.store import FeatureStore, verification
from asc.training import trainer
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session

#: Two batches an epoch.
SETTINGS = {
    **{"model": "stateful", "imports": ["mini_models"], "epochs": 4, "patience": 2},
    **{"batch_size": 8, "augment": "both", "freq_width": 4, "time_width": 4},
    **{"optimizer": "adamw", "schedule": "cosine", "warmup": 1.5, "ema": 0.8},
    "seed": 2,
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory, mini_models):
    """Return the current folder of these tests, an empty one."""
    path = tmp_path_factory.mktemp("bad")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        yield path


def recipe(**values):
    return Recipe(**(SETTINGS | values))


class At(TrainingCallback):
    """Does something after a batch, counted through all epochs."""

    def __init__(self, batch, action):
        self.count, self.batch_wanted, self.action = 0, batch, action
        self.notes = []

    def batch(self, done, loss):
        self.count += 1
        if self.count == self.batch_wanted:
            self.action()

    def note(self, sentence):
        self.notes.append(sentence)


# Killed

KILLED = """
import json, os, signal, sys
import mini_models
from asc.experiments import experiment
from asc.training import checkpoint
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe

store, path, moment, count = sys.argv[1:]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counting(call):
    calls = []
    def wrapped(*arguments, **more):
        calls.append(1)
        if len(calls) == int(count):
            die()
        return call(*arguments, **more)
    return wrapped

class Listener(TrainingCallback):
    calls = 0
    def batch(self, done, loss):
        Listener.calls += 1
        if moment == "batch" and Listener.calls == int(count):
            die()

if moment == "state":  # the model of the epoch is written, its state is not
    checkpoint.write_json = counting(checkpoint.write_json)
if os.path.exists(path):
    experiment.resume(path, listener=Listener())
else:
    experiment.train(store, Recipe(**json.load(open("settings.json"))), path,
                     listener=Listener())
"""


def test_kills_change_nothing(folder, small_store):
    """SIGKILL in the middle of an epoch and while its files are written."""
    write_json(folder / "settings.json", SETTINGS)

    def kill(moment, count):
        done = run_python(KILLED, small_store, "killed", moment, count)
        assert done.returncode == -signal.SIGKILL, done.stderr
        return len(Run("killed").history())

    assert kill("batch", 4) == 1
    assert kill("state", 2) == 2
    resumed, _ = experiment.resume("killed")
    whole, _ = experiment.train(small_store, recipe(), "whole")
    timeless = {"seconds": 0}
    assert [r | timeless for r in resumed.history()] == [
        r | timeless for r in whole.history()
    ]
    assert resumed.metrics() | timeless == whole.metrics() | timeless
    for name in ("predictions.csv", "confusion.csv", "batch.png"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()
    for a, b in zip(
        resumed.load_model().get_weights(),
        whole.load_model().get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    states = {path.name for path in (resumed.path / "state").iterdir()}
    assert states == {path.name for path in (whole.path / "state").iterdir()}


# The store


def test_a_store_that_is_replaced(tmp_path, own_store, extract, few_clips):
    other = extract(few_clips, settings={"mel_floor": -120.0}).store
    listener = At(3, lambda: os.replace(other, own_store))
    with pytest.raises(StoreError, match="is not the store"):
        experiment.train(
            FeatureStore(own_store), recipe(), tmp_path / "run", listener=listener
        )
    run = Run(tmp_path / "run")
    assert len(run.history()) == 1  # the epoch on other data is no part of it
    assert run.load_model().output.shape == (None, 4)
    assert (run.path / "curves.png").is_file()


def test_a_store_that_is_replaced_by_its_copy(tmp_path, own_store):
    copy = shutil.copy(own_store, tmp_path / "copy.h5")
    listener = At(1, lambda: os.replace(copy, own_store))
    run, _ = experiment.train(
        FeatureStore(own_store), recipe(epochs=2), tmp_path / "r", listener=listener
    )
    assert len(run.history()) == 2


def test_a_store_that_is_gone(tmp_path, own_store):
    listener = At(3, own_store.unlink)
    with pytest.raises(InputError, match="There is no store at"):
        experiment.train(
            FeatureStore(own_store), recipe(), tmp_path / "run", listener=listener
        )
    assert len(Run(tmp_path / "run").history()) == 1


def overwrite(path, place, byte):
    """Change one byte of a file in place, without changing its size or its time."""
    facts = path.stat()
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(byte)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("batch", [3, 8])
def test_a_store_that_is_changed_in_place(tmp_path, own_store, batch):
    """In the second epoch, or in the evaluation: an epoch on other data is no part."""
    place = FeatureStore(own_store).arrays()["features/mel"].offset
    listener = At(batch, lambda: overwrite(own_store, place + 300, b"\0"))
    with pytest.raises(StoreError, match="was changed while it was in use. Clip"):
        experiment.train(
            FeatureStore(own_store),
            recipe(epochs=4, patience=0),
            tmp_path / "run",
            listener=listener,
        )
    run = Run(tmp_path / "run")
    assert len(run.history()) == (batch - 1) // 2
    assert not run.is_finished()


def test_a_store_that_is_touched_is_read_again_once(tmp_path, own_store, monkeypatch):
    """And one that nobody touches is not."""
    verified = []
    whole = verification.verify

    def counting(*arguments, **options):
        verified.append(options)
        return whole(*arguments, **options)

    monkeypatch.setattr(verification, "verify", counting)
    options = {"recipe": recipe(epochs=2, patience=0)}
    experiment.train(FeatureStore(own_store), run=tmp_path / "a", **options)
    assert verified == []
    listener = At(1, own_store.touch)
    run, _ = experiment.train(
        FeatureStore(own_store), run=tmp_path / "b", listener=listener, **options
    )
    assert len(run.history()) == 2
    assert verified == [{"features": ("mel",)}]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_store_that_is_cut_off(tmp_path, own_store, part):
    """Through a memory map, the system would end the process without a word."""
    rows = FeatureStore(own_store).split("recording").part(part)
    array = FeatureStore(own_store).arrays()["features/mel"]
    end = array.offset + int(rows.min()) * array.row_bytes + 1
    listener = At(3, lambda: os.truncate(own_store, end))
    with pytest.raises(StoreError, match="was cut off while it was read"):
        experiment.train(
            FeatureStore(own_store),
            recipe(epochs=9),
            tmp_path / "run",
            listener=listener,
        )
    assert Run(tmp_path / "run").history()


# The disk


def test_a_disk_that_gets_full(tmp_path, small_store, monkeypatch):
    from asc.training import checkpoint

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    store, path = FeatureStore(small_store), tmp_path / "run"
    with monkeypatch.context() as patch:

        def fill():
            patch.setattr(checkpoint, "_save_model", full)
            patch.setattr(Run, "log", full)

        with pytest.raises(AscError, match=r"(?s)The disk of .* is full.*--resume"):
            experiment.train(store, recipe(), path, listener=At(3, fill))
    assert len(Run(path).history()) == 1
    resumed, _ = experiment.resume(path)
    assert len(resumed.history()) > 1


def test_a_memory_that_is_too_small(tmp_path, small_store):
    """Its error is made here: TensorFlow waits ten seconds for memory to get free."""
    from asc.pipeline.tensorflow import tf

    def exhaust():
        message = "OOM when allocating tensor with shape[16,256,256,32]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    with pytest.raises(
        AscError, match="training stateful with batches of 8.*smaller --batch-size"
    ):
        experiment.train(
            small_store, recipe(), tmp_path / "run", listener=At(3, exhaust)
        )
    assert len(Run(tmp_path / "run").history()) == 1


# What is odd, and what cannot be


def test_oddities_are_noted(tmp_path, small_store):
    wanted = recipe(epochs=1, warmup=0, limit=3, batch_size=100, augment="thirds")
    listener = At(0, None)
    session = Session.create(FeatureStore(small_store), wanted, tmp_path / "run")
    trainer.fit(session, listener=listener)
    *missing, large = listener.notes
    assert len(missing) == 3
    for part, sentence in zip(("train", "validation", "test"), missing, strict=True):
        assert sentence.startswith(f"part {part} has no clips of ")
    assert "batch size 100 is above the 4 rows" in large
    log = (session.run.path / "log.txt").read_text()
    assert all(f"note: {sentence}" in log for sentence in listener.notes)


def test_a_usual_training_has_nothing_odd(tmp_path, small_store):
    listener = At(0, None)
    store, wanted = FeatureStore(small_store), recipe(epochs=1, warmup=0)
    session = Session.create(store, wanted, tmp_path / "run")
    trainer.fit(session, listener=listener)
    assert listener.notes == []


@pytest.mark.parametrize(
    ("options", "values", "error", "sentence"),
    [
        ({"device": "gpu"}, {}, UsageError, "finds no GPU"),
        ({"device": "tpu"}, {}, UsageError, "Known: cpu, gpu"),
        ({"threads": 0}, {}, UsageError, r"threads must be a whole number in \[1"),
        ({"threads": 77}, {}, UsageError, "has begun to compute"),
        ({}, {"weights": "other.keras"}, InputError, "do not fit model 'stateful'"),
        ({}, {"weights": "none.keras"}, InputError, "no weights file"),
    ],
)
def test_what_cannot_be_leaves_no_folder(
    tmp_path, folder, small_store, options, values, error, sentence
):
    from asc.pipeline.tensorflow import keras, tf

    inputs = keras.Input((16, 16, 1))
    other = keras.layers.Dense(4)(keras.layers.Flatten()(inputs))
    keras.Model(inputs, other).save(folder / "other.keras")
    if tf.config.list_physical_devices("GPU") and options.get("device") == "gpu":
        pytest.skip("there is a GPU")
    with pytest.raises(error, match=sentence):
        experiment.train(small_store, recipe(**values), tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_tensorboard_that_is_not_installed(tmp_path, small_store, monkeypatch):
    from asc.training import machine

    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"pip install 'acoustic-scenes\[tensorboard\]'"
    ):
        experiment.train(small_store, recipe(), tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()
