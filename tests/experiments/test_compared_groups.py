"""Accuracies of a comparison by device and city."""

from __future__ import annotations

import json

import numpy as np
import pytest
from world import finish_run

from asc.cli.comparison import comparison_lines
from asc.experiments.comparison import Comparison
from asc.experiments.grid import Grid
from asc.files import write_json
from asc.store import FeatureStore
from asc.training.recipe import Recipe


@pytest.fixture
def comparison(tau_store, tmp_path):
    """A comparison of two seeds: they have one and three errors."""
    store = FeatureStore(tau_store)
    grid = Grid(splits=("recording",), seeds=(0, 1), baseline=False)
    facts = {"path": "tau.h5", "fingerprint": "x", "digest": "y"}
    write_json(tmp_path / "grid.json", {"grid": grid.to_dict(), "store": facts})
    for run, wrong in zip(grid.runs(), [(0,), (0, 1, 2)], strict=True):
        path = tmp_path / "runs" / run.name
        path.parent.mkdir(exist_ok=True)
        finish_run(path, store, wrong=wrong, split="recording", seed=run.recipe.seed)
    return Comparison.load(tmp_path)


def test_accuracy_by_group_is_the_mean_over_seeds(comparison):
    (cell,) = comparison.cells()
    results = [entry.evaluation for entry in comparison.entries]
    assert [int((~one.correct).sum()) for one in results] == [1, 3]
    assert set(cell.per_group) == {"city", "device"}
    for name, group in cell.per_group.items():
        values = np.array(results[0].groups[name])
        assert set(group.values) == set(values)
        for value, figures in group.values.items():
            shares = [one.correct[values == value].mean() for one in results]
            assert figures.accuracy == pytest.approx(np.mean(shares))
            assert figures.clips == (values == value).sum()
            assert figures.ci95[0] <= figures.accuracy <= figures.ci95[1]
            one = results[0].metrics.per_group[name].values[value]
            assert (figures.seen, figures.recordings) == (one.seen, one.recordings)


def test_groups_are_in_results_and_in_a_short_table(comparison, monkeypatch):
    comparison.save()
    (cell,) = json.loads((comparison.path / "results.json").read_text())["cells"]
    device = cell["per_group"]["device"]["values"]["a"]
    lines = list(comparison_lines(comparison))
    at = lines.index("accuracy % by device (test clips):")
    clips = device["clips"]
    assert lines[at + 1].endswith("  ".join(f"{each} ({clips})" for each in "abc"))
    assert lines[at + 2].split()[3] == f"{100 * device['accuracy']:.1f}"
    monkeypatch.setattr("asc.cli.comparison._MOST_VALUES", 2)
    assert "by device: 3 values, in results.json" in comparison_lines(comparison)


def test_the_linear_model_is_trained_once():
    """It has no augmentation, and draws nothing."""
    models, augments = ("linear", "simple-cnn"), ("thirds", "none")
    grid = Grid(models, augments=augments, seeds=(0, 1), settings={"epochs": 3})
    linear, *others = grid.runs()
    assert linear.name == "random-linear-none-mel-seed0"
    assert linear.recipe == Recipe(model="linear", augment="none").effective()
    assert len(others) == 4 and {run.recipe.model for run in others} == {"simple-cnn"}
