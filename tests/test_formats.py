"""Stores, runs and comparisons of the first formats open and give the same figures."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

import asc

FORMAT1 = Path(__file__).parent / "resources" / "format1"
EXPECTED = json.loads((FORMAT1 / "expected.json").read_text("utf-8"))


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    """Let the modules that the recipes name be found."""
    monkeypatch.syspath_prepend(str(FORMAT1))


@pytest.fixture(scope="module")
def store():
    return asc.FeatureStore(FORMAT1 / "store.h5")


def test_the_store_says_the_same(store):
    info = EXPECTED["info"]
    assert store.digest == info["digest"]
    assert store.fingerprint == info["fingerprint"]
    assert list(store.scenes) == info["scenes"]
    assert len(store) == info["clips"]
    for name, facts in info["splits"].items():
        split = store.split(name)
        for part in ("train", "validation", "test"):
            assert len(split.part(part)) == facts[part]
        assert split.leakage == facts["leakage"]
    assert asc.verify(store) == []


def test_the_store_holds_the_same_arrays(store):
    with h5py.File(FORMAT1 / "store.h5") as file:
        for name in ("mel", "stft"):
            np.testing.assert_array_equal(
                store.features(name), file["features"][name][...]
            )
            assert len(np.unique(store.features(name))) > 50


def test_the_run_evaluates_to_the_same_figures(store):
    result = asc.evaluate(FORMAT1 / "run", store=store)
    with open(FORMAT1 / "run" / "predictions.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert result.paths == [row["path"] for row in rows]
    expected = [[float(row[scene]) for scene in store.scenes] for row in rows]
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-5)
    for name in ("accuracy", "class_accuracy", "ci95", "confusion", "leakage"):
        assert result.metrics[name] == EXPECTED["evaluate"][name]
    assert result.metrics["log_loss"] == pytest.approx(
        EXPECTED["evaluate"]["log_loss"], rel=1e-5
    )


def test_the_run_predicts_the_same(store, tmp_path):
    rng = np.random.default_rng(7)
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    y = (0.05 * rng.standard_normal(44100) + tone).astype(np.float32)
    soundfile.write(tmp_path / "probe.wav", y, 44100, subtype="FLOAT")
    (found,) = asc.predict(FORMAT1 / "run", [tmp_path / "probe.wav"])
    for scene, probability in EXPECTED["predict"].items():
        label = store.scenes.index(scene)
        assert found.probabilities[label] == pytest.approx(probability, abs=1e-4)


def test_an_interrupted_run_is_resumed(store, tmp_path):
    run = Path(shutil.copytree(FORMAT1 / "interrupted", tmp_path / "run"))
    before = (run / "history.csv").read_text().splitlines()
    finished, result = asc.resume(run, store=store)
    after = (run / "history.csv").read_text().splitlines()
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1 == 3
    assert finished.is_finished()
    assert 0 <= result.metrics["accuracy"] <= 1


def test_the_comparison_has_the_same_results():
    comparison = asc.Comparison.load(FORMAT1 / "comparison")
    with open(FORMAT1 / "comparison" / "results.csv", newline="") as lines:
        rows = {row["name"]: row for row in csv.DictReader(lines)}
    assert len(comparison.entries) == len(rows) == 2
    for entry in comparison.entries:
        assert entry.status == "done"
        accuracy = float(rows[entry.name]["accuracy"])
        assert entry.evaluation.metrics["accuracy"] == accuracy
