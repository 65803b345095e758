"""Differences of a comparison: what is tested against what, and how it is shown."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import pytest
from world import evaluation_of, finish_run, probabilities_of

from asc.cli.comparison import comparison_lines
from asc.errors import UsageError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.significance import holm, paired_test
from asc.experiments.comparison import Comparison
from asc.experiments.differences import best_against
from asc.experiments.grid import Grid, run_name
from asc.files import write_json
from asc.store import FeatureStore

#: Training -> test clips that it gets wrong.
WRONG = {
    ("simple-cnn", "none", "stft"): (0, 1, 2, 3, 4, 5),
    ("simple-cnn", "none", "mel"): (0, 1, 2),
    ("simple-cnn", "thirds", "stft"): (0, 1, 2, 4),
    ("simple-cnn", "thirds", "mel"): (0,),
    ("cnn-rnn", "none", "stft"): (0, 1, 2, 3, 4),
    ("cnn-rnn", "none", "mel"): (1, 2),
    ("cnn-rnn", "thirds", "mel"): (2, 3),
}


@pytest.fixture(scope="module")
def comparison(tmp_path_factory, small_store):
    """A comparison as if it had been trained; one run of it failed."""
    path = tmp_path_factory.mktemp("differences") / "c"
    store = FeatureStore(small_store)
    grid = Grid(
        models=("simple-cnn", "cnn-rnn"),
        augments=("none", "thirds"),
        features=("stft", "mel"),
        splits=("recording",),
        baseline=False,
    )
    (path / "runs").mkdir(parents=True)
    told = {"path": str(small_store), "fingerprint": "f", "digest": store.digest}
    write_json(path / "grid.json", {"grid": grid.to_dict(), "store": told})
    for recipe in grid.recipes():
        wrong = WRONG.get((recipe.model, recipe.augment, recipe.feature))
        if wrong is not None:
            folder = path / "runs" / run_name(recipe)
            finish_run(folder, store, wrong=wrong, **recipe.to_dict())
    found = Comparison.load(path)
    found.entries[:] = [
        (
            entry
            if entry.metrics
            else type(entry)(entry.recipe, entry.path, "failed", None, "no memory")
        )
        for entry in found.entries
    ]
    found.save()
    return found


def evaluation(comparison, *training):
    (entry,) = (
        entry
        for entry in comparison.entries
        if (entry.recipe.model, entry.recipe.augment, entry.recipe.feature) == training
    )
    return entry.evaluation


def test_the_best_is_tested_against_each_of_the_others(comparison):
    best = ("simple-cnn", "thirds", "mel")
    found = comparison.differences()
    assert {tuple(each.first.values()) for each in found} == {best}
    seconds = [tuple(each.second.values()) for each in found]
    assert sorted(seconds) == sorted({*WRONG} - {best})
    assert [len(WRONG[name]) for name in seconds] == sorted(
        len(WRONG[name]) for name in seconds
    )
    tests = [
        paired_test(evaluation(comparison, *best), evaluation(comparison, *second))
        for second in seconds
    ]
    assert [each.test.p_value for each in found] == [test.p_value for test in tests]
    corrected = holm([test.p_value for test in tests])
    for each, test, p in zip(found, tests, corrected, strict=True):
        assert each.test.difference == test.difference >= 0
        assert (each.test.ci95, each.test.p_holm) == (test.ci95, p)


def test_a_choice_is_tested_over_all_that_has_both(comparison):
    """Without the training that failed, on either side."""
    found = {tuple(each.first.values()): each for each in comparison.choices()}
    assert {name: each.pairs for name, each in found.items()} == {
        ("cnn-rnn",): 3,
        ("thirds",): 3,
        ("mel",): 3,
    }
    thirds = found["thirds",]
    assert (thirds.first, thirds.second) == ({"augment": "thirds"}, {"augment": "none"})
    shared = [("simple-cnn", "stft"), ("simple-cnn", "mel"), ("cnn-rnn", "mel")]
    sides = [
        [evaluation(comparison, model, augment, feature) for model, feature in shared]
        for augment in ("thirds", "none")
    ]
    test = paired_test(*sides)
    clips = test.clips * 3
    assert test.difference == pytest.approx((4 + 1 + 2 - 6 - 3 - 2) / -clips)
    assert thirds.test.ci95 == test.ci95
    p_values = [each.test.p_value for each in found.values()]
    assert [each.test.p_holm for each in found.values()] == holm(p_values)


def test_differences_in_json_and_csv(comparison):
    facts = json.loads((comparison.path / "results.json").read_text())
    assert facts == json.loads(json.dumps(comparison.to_dict()))
    assert (len(facts["differences"]), len(facts["choices"])) == (6, 3)
    with open(comparison.path / "differences.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, told in zip(rows, facts["differences"] + facts["choices"], strict=True):
        assert row["split"] == "recording" and row["error"] == ""
        assert row["second"] == " ".join(told["second"].values())
        assert float(row["difference"]) == told["difference"]
        assert float(row["ci95_high"]) == told["ci95"][1]
        assert float(row["cautious_low"]) == told["ci95_cautious"][0]
        assert float(row["p_holm"]) == told["p_holm"]
        assert int(row["pairs"]) == told["pairs"]


def test_differences_as_people_read_them(comparison):
    lines = list(comparison_lines(comparison))
    start = next(n for n, line in enumerate(lines) if line.startswith("model "))
    rows = [re.split(r"  +", line) for line in lines[start : start + 8]]
    header, *rows = rows
    assert header[:4] == ["model", "augment", "feature", "accuracy %"]
    by_name = {tuple(row[:3]): dict(zip(header, row, strict=False)) for row in rows[:8]}
    assert by_name["simple-cnn", "thirds", "mel"]["best minus it"] == "best"
    test = comparison.differences()[-1].test
    low, high = (f"{100 * limit:+.1f}" for limit in test.ci95_cautious)
    worst = by_name[tuple(comparison.differences()[-1].second.values())]
    assert worst["best minus it"] == f"{100 * test.difference:+.1f} [{low} to {high}]"
    assert worst["p"] == f"{test.p_holm:.3f}"
    note = next(line for line in lines if "Holm" in line)
    assert f"over recordings ({test.clips} clips, {test.recordings} recordings)" in note
    assert "conservative 95 % CI" in note
    assert "(6 tests)" in note
    assert any("simple-cnn thirds mel, selected on these clips" in it for it in lines)
    options = [re.split(r"  +", line) for line in lines]
    assert any(row[:3] == ["thirds", "none", "3"] for row in options)


def test_every_feature_of_a_grid_has_its_rows(comparison):
    """Whatever it is called."""
    entries = [
        replace(
            entry, recipe=replace(entry.recipe, feature=names[entry.recipe.feature])
        )
        for names in [{"mel": "pcen", "stft": "stft"}]
        for entry in comparison.entries
    ]
    renamed = replace(comparison, entries=entries)
    rows = [line.split()[:3] for line in comparison_lines(renamed)]
    for entry in entries:
        recipe = entry.recipe
        assert [recipe.model, recipe.augment, recipe.feature] in rows


def test_nothing_is_tested_while_runs_are_pending(comparison):
    entries = list(comparison.entries)
    entries[0] = type(entries[0])(entries[0].recipe, entries[0].path, "pending")
    growing = Comparison(comparison.path, comparison.grid, comparison.store, entries)
    facts = growing.to_dict()
    assert (facts["differences"], facts["choices"]) == ([], [])
    assert len(growing.differences()) == 5


def test_one_training_is_compared_with_nothing(comparison):
    alone = [entry for entry in comparison.entries if entry.metrics][:1]
    single = Comparison(comparison.path, comparison.grid, comparison.store, alone)
    assert (single.differences(), single.choices()) == ([], [])


def test_two_trainings_are_told_once(comparison):
    """A choice that one pair stands for is the difference of the two."""
    two = [entry for entry in comparison.entries if entry.metrics][:2]
    small = Comparison(comparison.path, comparison.grid, comparison.store, two)
    assert (len(small.differences()), small.choices()) == (1, [])


def made(wrong, clips=8) -> Evaluation:
    truth = [0, 1] * (clips // 2)
    names = [f"{number}.wav" for number in range(clips)]
    return evaluation_of(
        truth, probabilities_of(truth, 2, wrong), names, names, ("bus", "home")
    )


def test_seeds_are_taken_together_and_equals_are_sorted_by_name():
    best, tests = best_against(
        {"b": [made([0]), made([1])], "a": [made([2]), made([3])], "c": [made([0, 1])]}
    )
    assert best == "a" and list(tests) == ["b", "c"]
    assert tests["b"].difference == 0 and tests["c"].difference == pytest.approx(1 / 8)


def test_what_cannot_be_paired_is_told():
    best, tests = best_against({"a": [made([])], "b": [made([0], clips=6)]})
    assert best == "a" and isinstance(tests["b"], UsageError)
