"""One model on two processes that TF_CONFIG connects."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from asc.errors import MissingInputError, SettingsMismatch, UsageError
from asc.experiments import experiment
from asc.store import FeatureStore
from asc.training.callback import TrainingCallback
from asc.training.distributed import tf_config
from asc.training.distributed.tf_config import read_cluster
from asc.training.new_run import create_run
from asc.training.recipe import Recipe

#: One layer, beside a batch normalisation whose moving mean is that of one device and
#: whose output has no weight. The second worker of ``DIES`` is killed in epoch 2.
MODEL = """
import os, signal, time
import asc

@asc.register_model("one-layer")
def one_layer(x, scenes):
    from asc.pipeline.tensorflow import keras

    x = keras.layers.Flatten()(x)
    normalised = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Add()([x, keras.layers.Rescaling(0.0)(normalised)])
    return keras.layers.Dense(scenes, activation="softmax")(x)

if "DIES" in os.environ and '"index": 1' in os.environ["TF_CONFIG"]:
    from asc.training.checkpoint import CheckpointCallback

    begin = CheckpointCallback.on_epoch_begin

    def die(self, epoch, logs=None):
        if epoch == 1:
            while not (self._session.run.path / "history.csv").exists():
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
        begin(self, epoch, logs)

    CheckpointCallback.on_epoch_begin = die
"""
#: Trains on one device, and fails if the code for several was imported.
ALONE = """
import sys
from asc.cli.train import train

train(sys.argv[1:], standalone_mode=False)
sys.exit("asc.training.distributed" in sys.modules)
"""
EXAMPLE = {
    "cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]},
    "task": {"type": "worker", "index": 1},
}


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture
def start_pair(tmp_path):
    """Start two workers with the same command; they end with the test."""
    started = []

    def start(*arguments, **environment):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        for index in (0, 1):
            task = {"type": "worker", "index": index}
            config = {"cluster": {"worker": addresses}, "task": task}
            worker = subprocess.Popen(
                [sys.executable, "-m", "asc.cli", "train", *map(str, arguments)],
                cwd=tmp_path,
                env=os.environ | {"TF_CONFIG": json.dumps(config)} | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(worker)
        return started[-2:]

    yield start
    for worker in started:
        worker.kill()
        worker.communicate()


def options(store, run, strategy):
    yield from (store, "--split", "recording", "--run", run, "--epochs", 3)
    yield from ("--model", "one-layer", "--import", "one_layer", "--patience", 0)
    yield from ("--batch-size", 4, "--augment", "none", "--strategy", strategy)


def values_of(run):
    """Return the history without seconds, and the moving mean of the model."""
    from asc.pipeline.tensorflow import keras

    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "seconds"]
    model = keras.saving.load_model(run / "model.keras", compile=False)
    mean = np.asarray(model.get_layer("norm").moving_mean)
    return np.array([[float(row[name]) for name in names] for row in rows]), mean


def test_a_worker_is_killed_and_all_resume(small_store, tmp_path, start_pair):
    """The result is that of one device that nothing interrupted."""
    (tmp_path / "one_layer.py").write_text(MODEL)
    run, alone = tmp_path / "run", tmp_path / "alone"
    chief, worker = start_pair(*options(small_store, run, "multiworker"), DIES="yes")
    _, message = chief.communicate()
    assert worker.wait() == -signal.SIGKILL
    assert chief.returncode == 1, message
    assert "Another worker can no longer be reached" in message
    assert len(values_of(run)[0]) == 1

    outputs = [worker.communicate() for worker in start_pair("--resume", run)]
    results = [output.splitlines()[-3:] for output, _ in outputs]
    assert results[0] == results[1] and "accuracy" in results[0][0], outputs
    log = (run / "log.txt").read_text("utf-8")  # the chief alone writes it
    assert log.count("on 2 devices, here CPU:0") == 2
    assert log.count("resumed after epoch 1") == log.count("finished after") == 1

    command = [sys.executable, "-c", ALONE]
    command += map(str, options(small_store, alone, "none"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (history, mean), (history_alone, mean_alone) = values_of(run), values_of(alone)
    assert len(history) == 3
    np.testing.assert_allclose(history, history_alone, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mean, mean_alone, rtol=1e-4, atol=1e-5)
    metrics = [json.loads((x / "metrics.json").read_text()) for x in (run, alone)]
    assert metrics[0]["confusion"] == metrics[1]["confusion"]


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps({"cluster": EXAMPLE["cluster"]}),
        json.dumps(EXAMPLE | {"task": {"type": "worker", "index": 2}}),
        json.dumps(EXAMPLE | {"task": {"type": "worker", "index": "x"}}),
        json.dumps(EXAMPLE | {"task": {"type": "ps", "index": 0}}),
        json.dumps(EXAMPLE | {"cluster": {"worker": ["host", "host:2"]}}),
        json.dumps(EXAMPLE | {"cluster": {"worker": ["host:1", "host:99999"]}}),
    ],
)
def test_an_invalid_cluster(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UsageError, match="TF_CONFIG.*Expected something like"):
        read_cluster()


@pytest.mark.parametrize(
    ("task", "index"),
    [(("chief", 0), 0), (("worker", 0), 1), (("worker", 1), 2)],
)
def test_the_first_worker_is_the_chief(monkeypatch, task, index):
    config = {
        "cluster": {"worker": ["host1:1", "host2:2"], "chief": ["host0:3"]},
        "task": {"type": task[0], "index": task[1]},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    cluster = read_cluster()
    assert (cluster.index, cluster.is_chief) == (index, index == 0)
    assert cluster.addresses == ("host0:3", "host1:1", "host2:2")


@pytest.fixture
def second(monkeypatch):
    """Make this process the second worker, which waits no longer than it must."""
    monkeypatch.setenv("TF_CONFIG", json.dumps(EXAMPLE))
    monkeypatch.setattr(tf_config, "WAIT_SECONDS", 0.3)


class Notes(TrainingCallback):
    def __init__(self):
        self.notes = []

    def note(self, sentence):
        self.notes.append(sentence)


def test_a_worker_that_does_not_see_the_run_folder(second, small_store, tmp_path):
    recipe, listener, path = Recipe(strategy="multiworker"), Notes(), tmp_path / "run"
    with pytest.raises(MissingInputError, match="file system that all workers see"):
        experiment.train(small_store, recipe, path, listener=listener)
    waiting = f"waiting for the chief (127.0.0.1:1) to write {path / 'recipe.json'}."
    assert listener.notes == [waiting]
    with pytest.raises(MissingInputError, match="not a run folder"):
        experiment.resume(path)
    assert not path.exists()


def test_a_worker_waits_for_the_statistics_of_the_chief(second, small_store, tmp_path):
    recipe = Recipe(strategy="multiworker")
    run = create_run(tmp_path / "run", recipe, FeatureStore(small_store))
    before = sorted(run.path.rglob("*"))
    with pytest.raises(MissingInputError, match=r"No .*statistics\.json"):
        experiment.train(small_store, recipe, run.path)
    assert sorted(run.path.rglob("*")) == before  # a worker writes nothing


def test_a_chief_with_another_recipe(second, small_store, tmp_path):
    chief = Recipe(strategy="multiworker", seed=1)
    run = create_run(tmp_path / "run", chief, FeatureStore(small_store))
    with pytest.raises(SettingsMismatch, match=r"seed\s+1 -> 2"):
        experiment.train(small_store, replace(chief, seed=2), run.path)


def test_a_run_that_exists_is_not_joined_as_a_new_one(second, small_store, tmp_path):
    recipe = Recipe(strategy="multiworker")
    run = create_run(tmp_path / "run", recipe, FeatureStore(small_store))
    (run.path / "history.csv").write_text("epoch,loss\n1,2\n")
    with pytest.raises(UsageError, match="never overwritten"):
        experiment.train(small_store, recipe, run.path)


def test_tf_config_does_not_concern_other_runs(
    monkeypatch, small_store, mini_models, tmp_path
):
    """It may be set for another program."""
    recipe = Recipe(model="dense", epochs=1, freq_width=4, time_width=4)
    run, _ = experiment.train(small_store, recipe, tmp_path / "run")
    monkeypatch.setenv("TF_CONFIG", "{")
    result = experiment.resume(run.path)[1]
    assert result.metrics["confusion"] == run.metrics()["confusion"]


def test_workers_need_a_folder_that_all_know(second, small_store):
    with pytest.raises(UsageError, match="--run"):
        experiment.train(small_store, Recipe(strategy="multiworker"))


def test_several_trainings_cannot_be_connected(small_store, tmp_path):
    recipe = Recipe(split="folds", strategy="multiworker")
    with pytest.raises(UsageError, match="one training at a time"):
        experiment.train(FeatureStore(small_store), recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
