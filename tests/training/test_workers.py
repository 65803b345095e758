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
from world import run_python, wait_for

from asc.errors import MissingInputError, SettingsMismatch, UsageError
from asc.experiments import experiment
from asc.store import FeatureStore
from asc.training.callback import TrainingCallback
from asc.training.distributed import tf_config
from asc.training.distributed.tf_config import read_cluster
from asc.training.new_run import create_run
from asc.training.recipe import Recipe

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
def start(tmp_path):
    """Start two workers with the same command; they end with the test."""
    begun = []

    def begin(*arguments, only=(0, 1)):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        for index in only:
            config = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            begun.append(
                subprocess.Popen(
                    [sys.executable, "-m", "asc.cli", "train", *map(str, arguments)],
                    cwd=tmp_path,
                    env=os.environ | {"TF_CONFIG": json.dumps(config)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        return begun[-len(only) :]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def options(store, run, epochs, model="normalised"):
    yield from (store, "--split", "recording", "--run", run, "--epochs", epochs)
    yield from ("--model", model, "--import", "mini_models", "--patience", 0)
    yield from ("--batch-size", 4, "--strategy", "multiworker")


def history(run):
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "seconds"]
    return np.array([[float(row[name]) for name in names] for row in rows])


def test_a_worker_is_killed_and_all_resume(small_store, tmp_path, start):
    """The result is that of two workers that nothing interrupted."""
    run, whole = tmp_path / "run", tmp_path / "whole"
    pair = start(*options(small_store, run, 12))
    wait_for(lambda: (run / "history.csv").exists() and len(history(run)) > 1)
    pair[1].send_signal(signal.SIGKILL)
    _, told = pair[0].communicate(timeout=300)
    assert pair[0].returncode == 1
    assert "Another worker can no longer be reached" in told
    kept = len(history(run))
    assert kept < 12

    said = [one.communicate(timeout=300) for one in start("--resume", run)]
    results = [output.splitlines()[-2:] for output, _ in said]
    assert results[0] == results[1] and "accuracy" in results[0][0], said
    log = (run / "log.txt").read_text("utf-8")  # the chief alone writes it
    assert log.count("on 2 devices, here CPU:0") == 2
    assert log.count("resumed after epoch") == log.count("finished after") == 1
    uninterrupted = start(*options(small_store, whole, 12))
    for process in uninterrupted:
        process.communicate(timeout=300)
        assert process.returncode == 0
    assert len(history(run)) == 12
    np.testing.assert_allclose(history(run), history(whole), rtol=1e-5, atol=1e-6)
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (run, whole)]
    assert metrics[0]["confusion"] == metrics[1]["confusion"]


def test_two_workers_are_like_one_device(small_store, tmp_path, start, mini_models):
    """Except for batch normalisation, which uses its part: this model has none."""
    pair = start(*options(small_store, tmp_path / "pair", 2, "linear"))
    for process in pair:
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
    recipe = json.loads((tmp_path / "pair" / "recipe.json").read_text())["recipe"]
    alone = Recipe.from_dict(recipe | {"strategy": "none"})
    experiment.train(small_store, alone, tmp_path / "alone")
    np.testing.assert_allclose(
        history(tmp_path / "pair"), history(tmp_path / "alone"), rtol=1e-4, atol=1e-5
    )


def test_one_device_needs_no_code_for_several(small_store, tmp_path):
    program = (
        "import sys; from asc.experiments import experiment;"
        "from asc.training.recipe import Recipe;"
        "recipe = Recipe(epochs=1, batches_per_epoch=1, freq_width=4, time_width=4);"
        "experiment.train(sys.argv[1], recipe, sys.argv[2]);"
        "sys.exit('asc.training.distributed' in sys.modules)"
    )
    done = run_python(program, small_store, tmp_path / "run")
    assert done.returncode == 0, done.stderr


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
    recipe, listener = Recipe(strategy="multiworker"), Notes()
    for begin in (
        lambda path: experiment.train(small_store, recipe, path, listener=listener),
        lambda path: experiment.resume(path, listener=listener),
    ):
        with pytest.raises(MissingInputError, match="file system that all workers see"):
            begin(tmp_path / "run")
        assert listener.notes.pop().startswith(
            f"waiting for the chief (127.0.0.1:1) to write {tmp_path / 'run'}"
        )
        assert not (tmp_path / "run").exists()


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


def test_tf_config_does_not_concern_other_runs(monkeypatch, small_store, tmp_path):
    """It may be set for another program."""
    recipe = Recipe(epochs=1, batches_per_epoch=1, freq_width=4, time_width=4)
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
