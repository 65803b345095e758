"""What a comparison will take, told before it begins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import finish_run

from asc.experiments import estimate as estimates
from asc.experiments.grid import Grid, run_name

pytestmark = pytest.mark.usefixtures("mini_models")


def test_trainings_room_and_time(store, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, "_speed", lambda: 1e6)
    grid = Grid(
        models=("dense",),
        augments=("none", "both"),
        splits=("random", "folds"),
        settings={"epochs": 2, "monitor": "loss"},
        baseline=False,
    )
    found = estimates.estimate(store, grid, tmp_path, jobs=2)
    # Two folds and one random split, with two augmentations.
    assert (found.runs, found.finished, found.trainings) == (4, 0, 6)
    kernel = 16 * 16 * 3 * 4  # models get three channels
    weights = kernel + 4
    assert found.bytes == 6 * 4 * weights
    assert found.working_bytes == 2 * 2 * 12 * weights

    clips = 0
    for name in ("random", "fold1", "fold2"):
        split = store.split(name)
        clips += 2 * (3 * len(split.train) + len(split.validation))
    products = 2 * kernel * clips  # of two augmentations, each for two epochs
    assert found.seconds == pytest.approx(products / (estimates._EFFICIENCY * 1e6))

    longer = replace(grid, settings={"epochs": 4, "monitor": "loss"})
    assert estimates.estimate(store, longer, tmp_path).seconds == pytest.approx(
        2 * found.seconds
    )


def test_finished_runs_are_not_counted(store, tmp_path):
    grid = Grid(models=("dense",), augments=("none",), baseline=False)
    (recipe,) = grid.recipes()
    finish_run(
        tmp_path / "runs" / run_name(recipe), store, augment="none", model="dense"
    )
    found = estimates.estimate(store, grid, tmp_path)
    assert (found.finished, found.trainings, found.bytes, found.seconds) == (1, 0, 0, 0)
