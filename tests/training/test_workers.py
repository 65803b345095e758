"""One model on two processes that TF_CONFIG connects."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import pytest

from asc.errors import UsageError
from asc.experiments import experiment
from asc.store import FeatureStore
from asc.training.distributed import workers
from asc.training.recipe import Recipe

MODEL = """
import asc

@asc.register_model("one-layer")
def one_layer(x, scenes):
    from asc.pipeline.tensorflow import keras

    x = keras.layers.BatchNormalization()(keras.layers.Flatten()(x))
    return keras.layers.Dense(scenes, activation="softmax")(x)
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
def start(tmp_path):
    """Start two workers with the same command; they end with the test."""
    (tmp_path / "one_layer.py").write_text(MODEL)
    begun = []

    def begin(*arguments):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        for index in range(2):
            config = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            begun.append(
                subprocess.Popen(
                    [sys.executable, "-m", "asc.cli", "train", *map(str, arguments)],
                    cwd=tmp_path,
                    env=os.environ
                    | {"TF_CONFIG": json.dumps(config), "PYTHONPATH": str(tmp_path)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        return begun[-2:]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def options(store, run, epochs):
    yield from (store, "--split", "recording", "--run", run, "--epochs", epochs)
    yield from ("--model", "one-layer", "--import", "one_layer", "--patience", 0)
    yield from ("--batch-size", 4, "--strategy", "multiworker")


def history(run):
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "seconds"]
    return np.array([[float(row[name]) for name in names] for row in rows])


def wait_for(happened):
    end = time.monotonic() + 60
    while not happened() and time.monotonic() < end:
        time.sleep(0.05)
    assert happened()


def test_a_worker_is_killed_and_all_go_on(small_store, tmp_path, start):
    """The result is that of two workers that nothing interrupted."""
    run, whole = tmp_path / "run", tmp_path / "whole"
    pair = start(*options(small_store, run, 12))
    wait_for(lambda: (run / "history.csv").exists() and len(history(run)) > 1)
    pair[1].send_signal(signal.SIGKILL)
    _, told = pair[0].communicate(timeout=60)
    assert pair[0].returncode == 1
    assert "Another worker can no longer be reached" in told
    kept = len(history(run))
    assert kept < 12

    said = [one.communicate(timeout=100) for one in start("--resume", run)]
    results = [output.splitlines()[-2:] for output, _ in said]
    assert results[0] == results[1] and "accuracy" in results[0][0], said
    uninterrupted = start(*options(small_store, whole, 12))
    for process in uninterrupted:
        process.communicate(timeout=100)
        assert process.returncode == 0
    assert len(history(run)) == 12
    np.testing.assert_allclose(history(run), history(whole), rtol=1e-5, atol=1e-6)
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (run, whole)]
    assert metrics[0]["confusion"] == metrics[1]["confusion"]


def test_two_workers_are_like_one_device(small_store, tmp_path, start, monkeypatch):
    """But for batch normalisation, which goes by the share: this model has none."""
    plain = MODEL.replace("keras.layers.BatchNormalization()", "")
    (tmp_path / "one_layer.py").write_text(plain)
    pair = start(*options(small_store, tmp_path / "pair", 2))
    for process in pair:
        _, told = process.communicate(timeout=100)
        assert process.returncode == 0, told
    assert not list(tmp_path.glob("asc-*"))
    monkeypatch.syspath_prepend(tmp_path)
    recipe = json.loads((tmp_path / "pair" / "recipe.json").read_text())["recipe"]
    alone = Recipe.from_dict(recipe | {"strategy": "none"})
    experiment.train(small_store, alone, tmp_path / "alone")
    np.testing.assert_allclose(
        history(tmp_path / "pair"), history(tmp_path / "alone"), rtol=1e-4, atol=1e-5
    )


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
def test_a_cluster_that_is_none(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UsageError, match="TF_CONFIG.*Expected something like"):
        workers.team.__wrapped__()


def test_who_leads(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(EXAMPLE))
    team = workers.team.__wrapped__()
    assert (team.index, team.leads) == (1, False)
    assert team.addresses == [("127.0.0.1", 1), ("127.0.0.1", 2)]


def test_several_trainings_cannot_be_connected(small_store, tmp_path):
    recipe = Recipe(split="folds", strategy="multiworker")
    with pytest.raises(UsageError, match="one training at a time"):
        experiment.train(FeatureStore(small_store), recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
