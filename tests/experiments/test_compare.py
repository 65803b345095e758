"""Comparisons: what a grid trains, what is kept, and how it goes on."""

from __future__ import annotations

import csv
import json
import shutil
import socket
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from asc.errors import Busy, InputError, SettingsMismatch, UsageError
from asc.evaluation.evaluate import evaluate
from asc.evaluation.gap import unpaired_difference
from asc.evaluation.intervals import both_intervals
from asc.experiments import compare as running
from asc.experiments import experiment
from asc.experiments.compare import compare, default_folder
from asc.experiments.comparison import Comparison
from asc.experiments.grid import GRIDS, Grid
from asc.locking import locked
from asc.pipeline.transforms import TRANSFORMS, register_augmentation
from asc.store import FeatureStore
from asc.training.recipe import Recipe
from asc.training.run import Run

SLIDES = Grid(**GRIDS["slides"])

SETTINGS = {"epochs": 1, "batch_size": 8, "monitor": "loss", "learning_rate": 0.01}


@pytest.fixture(scope="module")
def grid(mini_models):
    """A model that works under two splits and two seeds, and one that fails."""
    return Grid(
        models=("dense", "broken"),
        augments=("none",),
        splits=("random", "recording"),
        seeds=(0, 1),
        settings=SETTINGS,
        baseline=False,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory, store, grid):
    """A comparison that nothing interrupted, and what its progress was told."""
    told = []
    path = tmp_path_factory.mktemp("compared") / "c"
    compare(store, grid, path, progress=lambda *values: told.append(values))
    return Comparison.load(path), told


# The grid


def test_a_grid_is_every_combination_in_order():
    grid = Grid(
        models=("simple-cnn", "cnn-rnn"),
        features=("stft", "mel"),
        splits=("random", "fold1"),
        seeds=(0, 1, 2),
        settings={"epochs": 3},
    )
    recipes = grid.recipes()
    assert len(recipes) == len(set(recipes)) == 24
    assert recipes[0] == Recipe(feature="stft", epochs=3)
    assert recipes[-1] == Recipe("cnn-rnn", "mel", "fold1", epochs=3, seed=2)
    assert [recipe.split for recipe in recipes] == ["random"] * 12 + ["fold1"] * 12


def test_the_grid_of_the_slides():
    recipes = SLIDES.recipes()
    assert len(recipes) == 20
    assert {recipe.split for recipe in recipes} == {"random"}
    assert {recipe.augment for recipe in recipes} == {"none", "thirds"}


def test_a_grid_survives_json(tmp_path):
    grid = Grid(seeds=(3, 4), settings={"epochs": 2, "limit": None})
    file = tmp_path / "grid.json"
    file.write_text(json.dumps(grid.to_dict()))
    assert Grid.load(file) == grid
    file.write_text('{"models": ["cnn-rnn"]}')
    assert Grid.load(file) == Grid(models=("cnn-rnn",))
    file.write_text(json.dumps({"grid": grid.to_dict(), "store": {}}))
    assert Grid.load(file) == grid  # grid.json of a comparison


def test_a_store_in_place_of_a_grid(small_store):
    with pytest.raises(InputError, match="is a store, not a grid"):
        Grid.load(small_store)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": ["simple-cnn"]}, "Did you mean 'models'"),
        ({"models": "simple-cnn"}, "must be a list"),
        ({"models": []}, "distinct values"),
        ({"seeds": [1, 1]}, "distinct values"),
        ({"models": ["simple_cnn"]}, "Invalid name of a model"),
        ({"settings": {"epoch": 3}}, "Did you mean 'epochs'"),
        ({"settings": {"seed": 3}}, "a grid varies it"),
        ({"settings": 3}, "must be fields of a recipe"),
        ([], "A grid must be"),
    ],
)
def test_what_is_no_grid(values, sentence, tmp_path):
    file = tmp_path / "grid.json"
    file.write_text(json.dumps(values))
    with pytest.raises(UsageError, match=sentence):
        Grid.load(file)


def test_a_comparison_opens_without_the_modules_that_it_names(tmp_path, monkeypatch):
    grid = Grid(models=("mine",), settings={"imports": ["brought"]}, baseline=False)
    record = {
        "grid": grid.to_dict(),
        "store": dict.fromkeys(("path", "fingerprint", "digest"), "x"),
    }
    (tmp_path / "grid.json").write_text(json.dumps(record))
    (tmp_path / "brought.py").write_text("raise SystemExit('it ran')")
    monkeypatch.chdir(tmp_path)
    (entry,) = Comparison.load(tmp_path).entries
    assert (entry.recipe.model, entry.recipe.imports) == ("mine", ("brought",))
    assert entry.status == "pending"


def test_an_unknown_model_is_refused_before_anything_is_made(small_store, tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'simple-cnn'"):
        compare(small_store, Grid(models=("simple-cmn",)), tmp_path / "comparison")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [None, "{", "[" * 100_000])
def test_a_grid_that_cannot_be_read(text, tmp_path):
    file = tmp_path / "grid.json"
    if text:
        file.write_text(text)
    with pytest.raises(InputError, match="grid.json is not (there|JSON)"):
        Grid.load(file)


# What comes out


def test_entries_are_ordinary_runs_in_the_order_of_the_grid(whole, grid, store):
    comparison, _ = whole
    assert [entry.recipe for entry in comparison.entries] == grid.recipes()
    assert comparison.grid == grid and comparison.store["digest"] == store.digest
    for entry in comparison.entries:
        if entry.recipe.model == "broken":
            assert (entry.status, entry.metrics, entry.evaluation) == (
                "failed",
                None,
                None,
            )
            assert entry.error == "ValueError: no layers at all"
            assert not entry.path.exists()
        else:
            assert (entry.status, entry.error) == ("done", None)
            assert Run(entry.path).recipe == entry.recipe
            assert evaluate(entry.path).metrics == entry.metrics
            np.testing.assert_array_equal(
                entry.evaluation.truth,
                store.labels()[store.split(entry.recipe.split).test],
            )


def test_progress_counts_and_tells_the_time_left(whole):
    comparison, told = whole
    assert [values[1:3] for values in told] == [(n, 8) for n in range(1, 9)]
    assert {entry.name for entry, *_ in told} == {e.name for e in comparison.entries}
    assert all(left >= 0 for *_, left in told) and told[-1][-1] == 0


def test_cells_by_hand(whole):
    comparison, _ = whole
    cells = comparison.cells()
    assert [(c.split, c.model) for c in cells] == [
        ("random", "dense"),
        ("random", "broken"),
        ("recording", "dense"),
        ("recording", "broken"),
    ]
    for cell in cells:
        of_cell = [
            entry
            for entry in comparison.entries
            if (entry.recipe.split, entry.recipe.model) == (cell.split, cell.model)
        ]
        if cell.model == "broken":
            assert (cell.mean, cell.ci95, cell.failed, cell.pending) == (
                None,
                None,
                2,
                0,
            )
            continue
        first, second = (entry.metrics["accuracy"] for entry in of_cell)
        assert cell.accuracies == (first, second)
        assert cell.mean == pytest.approx((first + second) / 2)
        assert cell.deviation == pytest.approx(abs(first - second) / 2**0.5)
        assert cell.leakage == of_cell[0].metrics["leakage"]
        recalls = [entry.metrics["class_accuracy"] for entry in of_cell]
        assert cell.class_mean == pytest.approx(sum(recalls) / 2)
        assert (cell.fold_mean, cell.fold_deviation) == (None, None)
        results = [entry.evaluation for entry in of_cell]
        right = [r.probabilities.argmax(axis=1) == r.truth for r in results]
        names = [name for r in results for name in r.recordings]
        both = both_intervals(np.concatenate(right), names)
        assert (cell.ci95, cell.ci95_cautious) == both
        assert cell.recordings == of_cell[0].metrics["recordings"]


def test_the_gap_is_between_splits_that_leak_and_those_that_do_not(whole):
    comparison, _ = whole
    random, apart = (c.mean for c in comparison.cells() if c.model == "dense")
    (gap,) = comparison.gaps()
    assert (gap.model, gap.leaking, gap.apart) == ("dense", "random", "recording")
    assert gap.points == pytest.approx(100 * (random - apart))
    results = [
        [
            entry.evaluation
            for entry in comparison.entries
            if entry.recipe.split == split and entry.evaluation is not None
        ]
        for split in ("random", "recording")
    ]
    found = unpaired_difference(*results)
    for name in ("ci95", "ci95_cautious"):
        expected = [100 * limit for limit in getattr(found, name)]
        assert getattr(gap, name) == pytest.approx(expected)
    assert gap.few_recordings


def test_results_as_csv_and_json(whole):
    comparison, _ = whole
    with open(comparison.path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row, entry in zip(rows, comparison.entries, strict=True):
        assert row["name"] == entry.name and row["status"] == entry.status
        assert row["seed"] == str(entry.recipe.seed)
        if entry.metrics:
            assert float(row["accuracy"]) == entry.metrics["accuracy"]
            assert float(row["ci95_low"]) == entry.metrics["ci95"][0]
            assert float(row["leakage"]) == entry.metrics["leakage"]
        else:
            assert row["accuracy"] == "" and row["error"] == entry.error
    record = json.loads((comparison.path / "results.json").read_text())
    assert record == json.loads(json.dumps(comparison.to_dict()))
    assert len(record["gaps"]) == 1
    log = (comparison.path / "log.txt").read_text()
    assert "8 of 8 runs to do" in log and "leakage 0 %" in log
    assert "Traceback" in log  # where a run failed


def test_a_run_of_folds_is_an_entry_like_any_other(store, mini_models, tmp_path):
    options = {"splits": ("folds",), "settings": SETTINGS, "baseline": False}
    grid = Grid(("dense",), augments=("none",), **options)
    comparison = compare(store, grid, tmp_path / "c")
    (entry,) = Comparison.load(comparison.path).entries
    assert entry.status == "done" and list(entry.metrics["folds"]) == ["fold1", "fold2"]
    assert Run(entry.path / "fold2").is_finished()
    assert len(entry.evaluation.paths) == len(store)
    (cell,) = comparison.cells()
    assert cell.ci95 == tuple(entry.metrics["ci95"])
    each = [fold["accuracy"] for fold in entry.metrics["folds"].values()]
    assert cell.fold_mean == pytest.approx(np.mean(each))
    assert cell.fold_deviation == pytest.approx(abs(each[0] - each[1]) / 2**0.5)
    assert cell.class_mean == entry.metrics["class_accuracy"]


# Going on


def test_an_interrupted_comparison_goes_on(whole, store, grid, tmp_path, monkeypatch):
    few = replace(grid, models=("dense",), splits=("recording",))

    def stop(entry, done, total, left):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        compare(store, few, tmp_path / "c", progress=stop)
    assert "the same command" in caught.value.__notes__[0]
    half = Comparison.load(tmp_path / "c")
    assert [entry.status for entry in half.entries] == ["done", "pending"]
    assert (half.cells()[0].pending, half.gaps()) == (1, [])
    trained = []
    train = experiment.train
    monkeypatch.setattr(
        experiment,
        "train",
        lambda store, recipe, *a, **k: trained.append(recipe)
        or train(store, recipe, *a, **k),
    )
    compare(store, few, tmp_path / "c")
    assert trained == few.recipes()[1:]
    others = {entry.recipe: entry for entry in whole[0].entries}
    for entry in Comparison.load(tmp_path / "c").entries:
        assert entry.metrics["accuracy"] == others[entry.recipe].metrics["accuracy"]


def test_what_failed_is_tried_again_and_the_rest_is_left_alone(
    whole, store, grid, tmp_path
):
    path = shutil.copytree(whole[0].path, tmp_path / "c")
    files = {p: p.stat().st_mtime_ns for p in (path / "runs").rglob("*")}
    told = []
    comparison = compare(
        store, grid, path, progress=lambda entry, *_: told.append(entry.recipe)
    )
    assert told == [recipe for recipe in grid.recipes() if recipe.model == "broken"]
    assert {p: p.stat().st_mtime_ns for p in (path / "runs").rglob("*")} == files
    assert sum(entry.status == "failed" for entry in comparison.entries) == 4


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv"])
def test_a_damaged_run_is_passed_over_and_evaluated_again_when_asked(
    whole, store, grid, tmp_path, name
):
    few = replace(grid, models=("dense",), splits=("recording",))
    path = tmp_path / "c"
    (path / "runs").mkdir(parents=True)
    record = json.loads((whole[0].path / "grid.json").read_text())
    (path / "grid.json").write_text(json.dumps(record | {"grid": few.to_dict()}))
    for entry in whole[0].entries:
        if entry.recipe in few.recipes():
            shutil.copytree(entry.path, path / "runs" / entry.name)
    hurt, sound = Comparison.load(path).entries
    file = hurt.path / name
    # Cut where a line ends, so that what is left can be read.
    file.write_bytes(b"".join(file.read_bytes().splitlines(True)[:-2]))

    found = compare(store, few, path)
    assert [entry.status for entry in found.entries] == ["failed", "done"]
    assert "damaged" in found.entries[0].error and "Delete" in found.entries[0].error
    assert found.cells()[0].accuracies == (sound.metrics["accuracy"],)

    (hurt.path / "metrics.json").unlink()
    again = compare(store, few, path).entries[0]
    assert again.status == "done"
    np.testing.assert_array_equal(
        again.evaluation.probabilities, hurt.evaluation.probabilities
    )


def test_another_grid_or_store_is_refused_and_nothing_touched(
    whole, store, grid, own_store
):
    path = whole[0].path
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    other = replace(grid, settings=SETTINGS | {"epochs": 2})
    with pytest.raises(
        SettingsMismatch, match=r"grid.settings.epochs +1 -> 2"
    ) as caught:
        compare(store, other, path)
    assert caught.value.exit_code == 6
    another = FeatureStore(own_store)
    another.fingerprint = "0" * 64
    with pytest.raises(SettingsMismatch, match="store.fingerprint"):
        compare(another, grid, path)
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*")} == before


def test_a_moved_store_is_the_same_store(whole, grid, own_store, tmp_path):
    path = shutil.copytree(whole[0].path, tmp_path / "c")
    assert len(compare(own_store, grid, path).entries) == 8


def test_a_folder_of_something_else_is_refused(store, grid, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.txt").write_text("all I have")
    with pytest.raises(SettingsMismatch, match="not the folder of a comparison"):
        compare(store, grid, tmp_path / "c")
    with pytest.raises(InputError, match="no grid.json"):
        Comparison.load(tmp_path / "c")


def test_one_process_at_a_time(store, grid, tmp_path):
    with locked(tmp_path / "c"), pytest.raises(Busy):
        compare(store, grid, tmp_path / "c")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"splits": ("random", "fold9")}, "fold9"),
        ({"splits": ("recording1of99",)}, "12"),
    ],
)
def test_what_does_not_fit_the_store_is_told_before_anything(
    values, sentence, store, tmp_path
):
    with pytest.raises(UsageError, match=sentence):
        compare(store, Grid(**values), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_the_default_folder_is_named_for_store_and_grid(store):
    assert default_folder(store, SLIDES).name == "small-slides"
    one, two = (default_folder(store, Grid(seeds=(seed,))) for seed in (1, 2))
    assert one != two and one == default_folder(store, Grid(seeds=(1,)))


# Several at a time


class Louder:
    def draw(self, rng, rows, shape):
        return {}

    def apply(self, features, labels):
        features += 6


def test_processes_train_what_one_process_trains(whole, store, grid, tmp_path):
    """Also with models and augmentations that only this process has registered."""
    few = replace(grid, splits=("recording",), seeds=(1,), augments=("none", "louder"))
    with TRANSFORMS.restored():
        register_augmentation("louder")(Louder)
        comparison = compare(store, few, tmp_path / "c", jobs=2)
    others = {entry.recipe: entry for entry in whole[0].entries}
    for entry in comparison.entries:
        other = others[replace(entry.recipe, augment="none")]
        assert (entry.status, entry.error) == (other.status, other.error)
        if other.metrics is not None and entry.recipe.augment == "none":
            np.testing.assert_allclose(
                entry.evaluation.probabilities,
                other.evaluation.probabilities,
                atol=1e-4,
            )


def test_a_worker_clears_nothing_while_another_of_its_threads_trains(
    grid, store, tmp_path, monkeypatch
):
    """Keras has one state for all threads of a worker."""
    import keras

    cleared = []
    monkeypatch.setattr(
        keras.backend,
        "clear_session",
        lambda: cleared.append(running._ONE_AT_A_TIME.locked()),
    )
    broken = replace(grid, models=("broken",), splits=("recording",), seeds=(0,))
    (entry,) = compare(store, broken, tmp_path / "c").entries
    assert entry.status == "failed"
    assert cleared == [True]
    assert not running._ONE_AT_A_TIME.locked()


# Where its port is taken, Dask leaves the socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_trains_what_one_process_trains(whole, store, grid, tmp_path):
    """A Dask cluster on this machine, where another one has the dashboard's port."""
    pytest.importorskip("distributed")
    few = replace(grid, splits=("recording",), seeds=(1,))
    with socket.socket() as dashboard:
        with suppress(OSError):  # it is taken already
            dashboard.bind(("", 8787))
            dashboard.listen()
        comparison = compare(store, few, tmp_path / "c", jobs=1, backend="dask")
    others = {entry.recipe: entry for entry in whole[0].entries}
    for entry in comparison.entries:
        other = others[entry.recipe]
        assert (entry.status, entry.error) == (other.status, other.error)
        if other.metrics is not None:
            assert entry.metrics["accuracy"] == other.metrics["accuracy"]


def test_a_backend_that_is_none(store, grid, tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'dask'"):
        compare(store, grid, tmp_path / "c", backend="dusk")
    assert running.BACKENDS == ("local", "loky", "dask", "ray")
