"""Runs that were never trained, and pages about them."""

from __future__ import annotations

import shutil

import pytest
from page_reader import Page
from world import finish_run

import asc


@pytest.fixture(scope="session")
def runs(tmp_path_factory, store):
    """A leaky and a recording-disjoint run of one recipe; not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    finish_run(folder / "leaky", store, split="random", wrong=[0])
    finish_run(folder / "disjoint", store, split="recording", wrong=[0, 1, 2, 5])
    return folder


@pytest.fixture
def own_runs(tmp_path, runs):
    """Copies that a test may damage."""
    return shutil.copytree(runs, tmp_path / "runs")


@pytest.fixture
def read(tmp_path):
    """Return the function that writes a report, checks it and returns its page."""

    def written(paths, **options) -> Page:
        options = {"baseline": False} | options
        target = asc.report(paths, tmp_path / "report.html", **options)
        page = Page(target.read_text("utf-8"))
        page.assert_harmless()
        if page.find(data_accuracy=""):
            page.assert_accuracies_have_their_protocol()
        return page

    return written


@pytest.fixture(scope="session")
def modelled(tmp_path_factory, store):
    """A run with a small model that was not trained; not to be changed."""
    from asc.pipeline.tensorflow import keras

    run = tmp_path_factory.mktemp("modelled") / "run"
    finish_run(run, store, split="recording", wrong=[0, 1])
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(len(store.scenes), activation="softmax")(x)
    keras.Model(inputs, x).save(run / "model.keras")
    return run
