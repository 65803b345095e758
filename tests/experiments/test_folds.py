"""All folds as one result: the arithmetic by hand, and going on fold by fold."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from world import evaluation_of

from asc.errors import InputError, SettingsMismatch, UsageError
from asc.evaluation.evaluate import Evaluation, evaluate
from asc.evaluation.folds import fold_names, pool
from asc.evaluation.sentences import fold_sentences, leakage_sentence
from asc.experiments import experiment
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.run import Run


class Named:
    """Stands for a store: its splits and paths alone."""

    def __init__(self, splits=(), paths=(), known=True):
        self.splits, self._paths, self.recordings_known = splits, paths, known

    def paths(self):
        return list(self._paths)


def evaluation(truth, predicted, paths, leakage=0.0, **facts):
    """Return the evaluation of a fold, with predictions that are certain."""
    return evaluation_of(
        np.array(truth),
        np.eye(2, dtype=np.float32)[predicted],
        [path.split("_")[0] for path in paths],
        paths,
        ("a", "b"),
        **{"leakage": leakage, "parameters": 7, "epochs": 2, "seconds": 1.5} | facts,
    )


@pytest.fixture
def folds():
    """Three folds of 4, 2 and 4 clips with 3, 1 and 4 right; r3 is tested twice."""
    return {
        "fold1": evaluation(
            [0, 0, 1, 1], [0, 1, 1, 1], ["r1_1", "r1_2", "r2_1", "r2_2"]
        ),
        "fold2": evaluation([0, 1], [0, 0], ["r3_1", "r4_1"], leakage=0.5),
        "fold3": evaluation(
            [0, 0, 0, 1], [0, 0, 0, 1], ["r3_1", "r5_1", "r5_2", "r6_1"]
        ),
    }


@pytest.fixture
def pooled(folds):
    paths = {path for fold in folds.values() for path in fold.paths}
    return pool(folds, Named(paths=[*paths, "r7_1", "r7_2"]))


# The arithmetic


def test_pooled_figures_by_hand(pooled):
    found = pooled.metrics
    # 8 of 10 clips are right; a: 5 of 6, b: 3 of 4.
    assert found["accuracy"] == pytest.approx(0.8)
    assert found["class_accuracy"] == pytest.approx((5 / 6 + 3 / 4) / 2)
    assert found["confusion"] == [[5, 1], [1, 3]]
    # Folds: 0.75, 0.5, 1. Squares of the deviations: 0, 1/16, 1/16, over 2.
    assert found["accuracy_mean"] == pytest.approx(0.75)
    assert found["accuracy_deviation"] == pytest.approx(0.25)
    assert [fold["accuracy"] for fold in found["folds"].values()] == [0.75, 0.5, 1.0]
    assert found["leakage"] == pytest.approx(0.1)  # one clip of ten
    assert (found["clips"], found["recordings"]) == (10, 6)
    assert (found["tested_again"], found["never_tested"]) == (1, 2)
    assert (found["split"], found["part"]) == ("folds", "test")
    assert (found["epochs"], found["seconds"], found["parameters"]) == (6, 4.5, 7)
    low, high = found["ci95"]
    assert 0 <= low < 0.8 < high <= 1
    json.dumps(found.to_dict(), allow_nan=False)


def test_pooled_predictions_are_those_of_the_folds_in_order(pooled, folds, tmp_path):
    assert pooled.paths == [path for fold in folds.values() for path in fold.paths]
    np.testing.assert_array_equal(pooled.truth, [0, 0, 1, 1, 0, 1, 0, 0, 0, 1])
    pooled.save(tmp_path)
    again = Evaluation.load(tmp_path)
    assert again.metrics == pooled.metrics
    assert again.paths == pooled.paths
    np.testing.assert_array_equal(again.probabilities, pooled.probabilities)


def test_what_is_said_of_folds(pooled):
    figures, stand_in_or_quirk = fold_sentences(pooled.metrics)
    assert figures == (
        "mean over 3 folds 75.0 ± 25.0 % (75.0, 50.0, 100.0); balanced accuracy 79.2 %"
    )
    assert "1 clip is tested in more than one fold and 2 in none" in stand_in_or_quirk


def test_folds_that_stand_in_are_told(folds):
    names = [f"recording{k}of5" for k in (1, 2, 3)]
    named = dict(zip(names, folds.values(), strict=True))
    said = fold_sentences(pool(named, Named()).metrics)
    assert "No official folds" in said[1] and "recording1of5" in said[1]


def test_leakage_is_said_where_there_is_some(folds):
    clean, leaky = folds["fold1"].metrics, folds["fold2"].metrics
    assert leakage_sentence(clean) is None
    unknown = leakage_sentence(replace(clean, leakage=None))
    assert unknown.startswith("leakage is unknown: test clips may come from recordings")
    bounded = replace(clean, leakage=None, leakage_at_least=0.25)
    assert leakage_sentence(bounded).startswith("At least 25 % of the test clips share")
    assert leakage_sentence(leaky).startswith(
        "50 % of the test clips share a recording"
    )


def test_unknown_leakage_and_recordings_stay_unknown(folds):
    first = folds["fold1"]
    metrics = replace(first.metrics, leakage=None, recordings=None)
    unknown = replace(first, metrics=metrics, recordings=first.paths)
    found = pool({"fold1": unknown}, Named()).metrics
    assert found["leakage"] is None and found["recordings"] is None
    assert found["accuracy_deviation"] is None


def test_folds_of_different_trainings_are_not_pooled(folds):
    other = folds["fold2"]
    folds["fold2"] = replace(other, metrics=replace(other.metrics, seed=1))
    with pytest.raises(InputError, match="fold2"):
        pool(folds, Named())


def test_folds_are_in_the_order_of_their_numbers():
    names = ("fold10", "fold2", "fold1", "random", "foldable")
    assert fold_names(Named(names)) == ("fold1", "fold2", "fold10")
    for known, unit in ((True, "recording"), (False, "random")):
        expected = tuple(f"{unit}{k}of5" for k in range(1, 6))
        assert fold_names(Named(("random",), known=known)) == expected


# Training


#: Fold 1 of the store trains on one recording of each scene and validates on none.
RECIPE = {
    "model": "dense",
    "epochs": 2,
    "batch_size": 8,
    "augment": "none",
    "monitor": "loss",
}


class Stop(TrainingCallback):
    """Interrupts after the first epoch of a split."""

    def __init__(self, split):
        self.split, self.current, self.started = split, None, []

    def start(self, run, batches, epochs, first):
        self.current = run.recipe.split
        self.started.append((self.current, first))

    def epoch(self, record, best):
        if self.current == self.split:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory, store, mini_models):
    """A run of both folds that nothing interrupted; not to be changed."""
    path = tmp_path_factory.mktemp("folds") / "run"
    return experiment.train(store, Recipe(split="folds", **RECIPE), path)


def test_a_run_of_folds_holds_an_ordinary_run_for_each(whole, store):
    run, result = whole
    for number in (1, 2):
        fold = Run(run.path / f"fold{number}")
        assert fold.recipe == replace(run.recipe, split=f"fold{number}")
        assert fold.is_finished() and fold.load_model() is not None
    tested = [store.split(name).test for name in ("fold1", "fold2")]
    paths = store.paths()
    assert result.paths == [paths[row] for row in np.concatenate(tested)]
    assert result.metrics["leakage"] == 0.0
    assert (result.metrics["tested_again"], result.metrics["never_tested"]) == (0, 0)
    correct = result.probabilities.argmax(axis=1) == result.truth
    assert result.metrics["accuracy"] == correct.mean()
    assert Run(run.path).metrics() == result.metrics
    assert {"predictions.csv", "confusion.csv", "confusion.png", "log.txt"} <= {
        path.name for path in run.path.iterdir()
    }


def test_an_interruption_in_a_fold_changes_nothing(whole, store, tmp_path):
    path, listener = tmp_path / "run", Stop("fold2")
    with pytest.raises(KeyboardInterrupt):
        experiment.train(store, whole[0].recipe, path, listener=listener)
    assert listener.started == [("fold1", 0), ("fold2", 0)]
    kept = (path / "fold1" / "metrics.json").stat().st_mtime_ns
    listener = Stop(None)
    run, result = experiment.resume(path, listener=listener)
    assert listener.started == [("fold2", 1)]
    assert (path / "fold1" / "metrics.json").stat().st_mtime_ns == kept
    for name in ("confusion", "accuracy", "ci95", "tested_again"):
        assert result.metrics[name] == whole[1].metrics[name]
    np.testing.assert_array_equal(result.probabilities, whole[1].probabilities)


def test_a_finished_run_of_folds_is_read_and_left_alone(whole):
    run, result = whole
    before = {p: p.stat().st_mtime_ns for p in run.path.rglob("*")}
    again = experiment.resume(run.path)[1]
    assert again.metrics["accuracy"] == result.metrics["accuracy"]
    assert evaluate(run.path).metrics == result.metrics
    assert {p: p.stat().st_mtime_ns for p in run.path.rglob("*")} == before
    with pytest.raises(UsageError, match="one by one"):
        evaluate(run.path, part="train")


def test_a_fold_of_another_recipe_is_not_pooled(whole, tmp_path):
    path = shutil.copytree(whole[0].path, tmp_path / "run")
    (path / "metrics.json").unlink()
    record = json.loads((path / "fold2" / "recipe.json").read_text())
    record["recipe"]["seed"] = 9
    (path / "fold2" / "recipe.json").write_text(json.dumps(record))
    with pytest.raises(SettingsMismatch, match=r"seed\s+9 -> 0"):
        experiment.resume(path)


def test_folds_of_splits_that_are_not_made_now_are_not_trained_again(whole, tmp_path):
    # Earlier versions made recording1of5 also where no recordings are known.
    path = shutil.copytree(whole[0].path, tmp_path / "run")
    old = path / "recording1of5"
    (path / "fold1").rename(old)
    record = json.loads((old / "recipe.json").read_text())
    record["recipe"]["split"] = old.name
    (old / "recipe.json").write_text(json.dumps(record))
    before = sorted(path.rglob("*"))
    for finished in (True, False):
        with pytest.raises(SettingsMismatch, match="Got recording1of5; the folds of"):
            experiment.resume(path, epochs=None if finished else 3)
        assert sorted(path.rglob("*")) == before
        (path / "metrics.json").unlink(missing_ok=True)
        before = sorted(path.rglob("*"))


def test_a_fold_that_cannot_be_trained_is_told_before_anything(
    store, mini_models, tmp_path
):
    recipe = Recipe(split="folds", **RECIPE | {"monitor": "val_loss"})
    with pytest.raises(UsageError, match="validation of split 'fold1' has no clips"):
        experiment.train(store, recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_folds_that_leave_no_folder_name_none_to_resume(store, mini_models, tmp_path):
    with pytest.raises(UsageError, match="Known: cpu, gpu") as caught:
        experiment.train(
            store, Recipe(split="folds", **RECIPE), tmp_path / "run", device="tpu"
        )
    assert not (tmp_path / "run").exists()
    assert caught.value.__notes__ == []


def test_development_concludes_with_its_validation_part(store, mini_models, tmp_path):
    recipe = Recipe(split="development", **RECIPE | {"epochs": 1})
    run, result = experiment.train(store, recipe, tmp_path / "run")
    assert result.metrics["part"] == "validation"
    assert "split development, part validation" in result.title()
    assert result.metrics["leakage"] == 0.0
    assert run.is_finished()
    assert experiment.resume(run.path)[1].metrics == result.metrics
