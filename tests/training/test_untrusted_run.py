"""A run folder of others: no link is followed, one process writes, damage is named."""

from __future__ import annotations

import json
import shutil

import pytest
from world import finish_run

from asc.errors import Busy, InputError, UsageError
from asc.experiments import experiment
from asc.experiments.compare import compare
from asc.experiments.comparison import Comparison
from asc.experiments.grid import Grid, run_name
from asc.files import write_json
from asc.reporting.entries import gather
from asc.store import FeatureStore
from asc.training.callback import TrainingCallback
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.run import Run

RECIPE = Recipe(model="dense", epochs=2, freq_width=4, time_width=4)


@pytest.fixture(scope="module", autouse=True)
def models(mini_models):
    """The models for tests are registered."""


class AtEpoch(TrainingCallback):
    def __init__(self, action):
        self.action = action

    def epoch(self, record, best):
        self.action()


@pytest.mark.parametrize("name", ["state", "log.txt", ".lock", "tensorboard"])
def test_resuming_follows_no_link(tmp_path, store, name):
    run = create_run(tmp_path / "run", RECIPE, store)
    home = tmp_path / "home"
    home.mkdir()
    (home / "epoch-mine.keras").write_text("precious")
    place = run.path / name
    place.unlink(missing_ok=True)
    folder = name in ("state", "tensorboard")
    place.symlink_to(home if folder else home / "epoch-mine.keras")
    with pytest.raises(InputError, match="is a symbolic link"):
        experiment.resume(run)
    assert [path.name for path in home.iterdir()] == ["epoch-mine.keras"]
    assert (home / "epoch-mine.keras").read_text() == "precious"


def test_links_in_place_of_files_are_replaced(tmp_path, store):
    run = create_run(tmp_path / "run", RECIPE, store)
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in ("history.csv", "history.new.csv", "model.new.keras", "curves.png"):
        (run.path / name).symlink_to(precious)
    (run.path / "history.csv").unlink()
    experiment.resume(run)
    assert precious.read_text() == "precious"
    assert not (run.path / "curves.png").is_symlink()
    assert len(run.history()) == 2


def test_a_run_that_is_trained_is_busy(tmp_path, store):
    errors = []

    def again():
        with pytest.raises(Busy) as caught:
            experiment.resume(tmp_path / "run")
        errors.append(caught.value)

    experiment.train(store, RECIPE, tmp_path / "run", listener=AtEpoch(again))
    assert len(errors) == 2 and errors[0].exit_code == 7
    assert not (tmp_path / "run" / ".lock").exists()


def test_a_run_that_is_removed_in_training(tmp_path, store):
    path = tmp_path / "run"
    listener = AtEpoch(lambda: shutil.rmtree(path, ignore_errors=True))
    with pytest.raises(InputError, match="run was removed"):
        experiment.train(store, RECIPE, path, listener=listener)
    assert not path.exists()


def test_a_run_in_place_of_the_one_in_training_is_not_touched(tmp_path, store):
    path = tmp_path / "run"

    def replace():
        path.rename(tmp_path / "moved")
        finish_run(path, store)

    with pytest.raises(InputError, match="removed or replaced"):
        experiment.train(store, RECIPE, path, listener=AtEpoch(replace))
    assert Run(path).recipe == Recipe() and not (path / "state").exists()


STATE = {
    "epoch": 1,
    "best_epoch": 1,
    "best_value": 1.0,
    "history": [{"epoch": 1, "seconds": 1.0, "val_loss": 1.0}],
    "stopped": False,
}


@pytest.mark.parametrize(
    "values",
    [
        {"epoch": 2},
        {"epoch": True},
        {"best_epoch": 2},
        {"best_value": "1"},
        {"stopped": 1},
        {"history": [{"epoch": 1, "seconds": 1.0}]},
        {"history": [{**STATE["history"][0], "\ntouch owned #": 1.0}]},
        {"other": 1},
    ],
)
def test_a_state_that_cannot_be(tmp_path, store, values):
    run = create_run(tmp_path / "run", RECIPE, store)
    (run.path / "state").mkdir()
    write_json(run.path / "state" / "state.json", STATE | values)
    with pytest.raises(InputError, match=r"state\.json is damaged"):
        experiment.resume(run)


@pytest.mark.parametrize(
    "text",
    ["epoch,seconds\nx,y\n", "epoch,seconds\n1\n", "epoch\n1,2\n", "epoch\n-1\n"]
    + ["epoch,seconds\n1,nan\n", "\x1b[2J\n1\n", "epoch\n" + "9" * 200_000],
)
def test_a_history_that_is_damaged(tmp_path, store, text):
    run = finish_run(tmp_path / "run", store)
    (run.path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=r"history\.csv is damaged") as caught:
        run.history()
    assert str(caught.value).isprintable()


# Comparisons


def make_comparison(path, store):
    """Make a comparison of one run, which leads to a run outside."""
    grid = Grid(models=("dense",), settings={"epochs": 1}, baseline=False)
    (recipe,) = grid.recipes()
    facts = {"path": str(store.path), "fingerprint": store.fingerprint}
    facts["digest"] = store.digest
    (path / "runs").mkdir(parents=True)
    write_json(path / "grid.json", {"grid": grid.to_dict(), "store": facts})
    finish_run(path.parent / "secret", store, **recipe.to_dict())
    (path / "runs" / run_name(recipe)).symlink_to(path.parent / "secret")
    return grid


def test_a_run_outside_is_no_run_of_a_comparison(tmp_path, store):
    grid = make_comparison(tmp_path / "cmp", store)
    (entry,) = Comparison.load(tmp_path / "cmp").entries
    assert entry.status == "failed" and "symbolic link" in entry.error
    (shown,) = gather([tmp_path / "cmp"])
    assert shown.evaluation is None and "symbolic link" in shown.missing[0]
    with pytest.raises(InputError, match="symbolic link"):
        compare(FeatureStore(store.path), grid, tmp_path / "cmp")


@pytest.mark.parametrize("split", ["../../secret", "a\0", "/", "x" * 300])
def test_a_run_of_a_grid_is_the_name_of_a_folder(tmp_path, store, split):
    make_comparison(tmp_path / "cmp", store)
    file = tmp_path / "cmp" / "grid.json"
    record = json.loads(file.read_text())
    record["grid"]["splits"] = [split]
    file.write_text(json.dumps(record))
    comparison = Comparison.load(tmp_path / "cmp")
    (entry,) = comparison.entries
    assert entry.status == "pending"
    assert entry.path.parent == tmp_path / "cmp" / "runs"
    assert entry.path.name.isprintable() and len(entry.path.name) < 200


def test_a_grid_has_a_limit():
    with pytest.raises(UsageError, match="at most 10,000 runs. Got 50,000,000"):
        Grid(seeds=tuple(range(5000)), splits=tuple(map(str, range(10_000))))
