"""Figures of a report: intervals, folds, choices, and what is said beside them."""

from __future__ import annotations

import numpy as np
import pytest
from reports import Page, evaluation_of, finish_run, probabilities_of

from asc.evaluation.anchors import SCENES
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.intervals import both_intervals
from asc.evaluation.significance import paired_test
from asc.experiments.grid import Grid
from asc.files import write_json
from asc.reporting import report
from asc.reporting.facts import Subject
from asc.reporting.page import page
from asc.store import FeatureStore


@pytest.fixture(scope="module")
def store(small_store):
    return FeatureStore(small_store)


def on_tut(**facts) -> Page:
    truth = np.repeat(np.arange(15), 2)
    evaluation = evaluation_of(
        truth,
        probabilities_of(truth, 15, [0, 7, 8]),
        [f"a{clip // 2:03}" for clip in range(30)],
        [f"audio/{clip}.wav" for clip in range(30)],
        SCENES,
        **facts,
    )
    return Page(page([Subject("result-0", "tut", evaluation=evaluation)]))


@pytest.mark.parametrize(
    ("split", "told"),
    [
        ("folds", ""),
        ("fold3", " This result is of one fold alone."),
        ("recording", " This result is of another split"),
    ],
)
def test_what_published_figures_are_held_against(split, told):
    text = on_tut(split=split).text
    start = "Published figures are pooled over the four official folds."
    assert start + (told or " Source:") in text
    assert "27 of 30" in text


def test_an_evaluation_set_is_held_against_its_own_figures():
    found = on_tut(split="all clips", part="all").text
    assert "Published figures are of the evaluation set" in found
    assert "61.0 %" in found and "74.8 %" not in found


def test_folds_have_their_spread_in_the_table():
    each = {"accuracy": 0.5, "class_accuracy": 0.5, "clips": 15, "leakage": 0.0}
    each |= {"epochs": 1, "seconds": 1.0}
    found = on_tut(
        split="folds",
        folds={"fold1": each, "fold2": each | {"accuracy": 0.7}},
        accuracy_mean=0.6,
        accuracy_deviation=0.1414,
        tested_again=0,
        never_tested=0,
    )
    assert "60.00 ± 14.14 over 2 folds" in found.text


def test_the_safer_interval_is_beside_the_other_where_recordings_are_few():
    found = on_tut().text
    truth = np.repeat(np.arange(15), 2)
    right = probabilities_of(truth, 15, [0, 7, 8]).argmax(axis=1) == truth
    interval, safer = both_intervals(right, np.arange(30) // 2)
    ends = [f"{100 * low:.1f} to {100 * high:.1f}" for low, high in (interval, safer)]
    assert f"{ends[0]} safer: {ends[1]}" in found


def test_choices_are_tested_over_all_trainings(tmp_path, store):
    wrong = {("mel", "none"): [0], ("mel", "both"): [1, 2]}
    wrong |= {("stft", "none"): [0, 3, 4], ("stft", "both"): [3, 4, 5]}
    results = {}
    for (feature, augment), clips in wrong.items():
        folder = tmp_path / f"{feature}-{augment}"
        values = {"feature": feature, "augment": augment, "split": "recording"}
        finish_run(folder, store, wrong=clips, **values)
        results[feature, augment] = Evaluation.load(folder)
    report(sorted(tmp_path.iterdir()), tmp_path / "r.html")
    found = Page((tmp_path / "r.html").read_text()).text
    sides = [[results[f, a] for a in ("none", "both")] for f in ("stft", "mel")]
    test = paired_test(*sides)
    # Folders are sorted, so mel comes first.
    told = f"stft less mel 2 {100 * test.difference:+.1f}".replace("-", "\u2212")
    assert told in found
    assert "none less both 2" in found


def test_one_reason_of_several_failures_is_told_once(tmp_path, small_store):
    grid = Grid(seeds=(0, 1, 2))
    told = {"path": str(small_store), "fingerprint": "f", "digest": "d"}
    write_json(tmp_path / "grid.json", {"grid": grid.to_dict(), "store": told})
    names = [f"random-simple-cnn-thirds-mel-seed{seed}" for seed in range(3)]
    errors = [{"name": name, "error": "no memory"} for name in names[:2]]
    write_json(tmp_path / "results.json", {"entries": errors})
    report(tmp_path, tmp_path / "r.html")
    found = Page((tmp_path / "r.html").read_text()).text
    assert f"{names[0]}, {names[1]}: No result, failed: no memory." in found
    assert f"{names[2]}: No result, pending." in found


def damaged_record(run):
    (run / "recipe.json").write_text("{}")


def lost_record(run):
    (run / "recipe.json").unlink()


def cut_predictions(run):
    lines = (run / "predictions.csv").read_text().splitlines()
    (run / "predictions.csv").write_text("\n".join(lines[:-1]))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damaged_record, "is not a run folder that can be used"),
        (lost_record, "it has no recipe.json"),
        (cut_predictions, "is damaged"),
    ],
)
def test_a_damaged_run_does_not_keep_the_others_from_being_told(
    damage, sentence, tmp_path, small_store, store
):
    grid = Grid(splits=("recording",), seeds=(0, 1))
    told = {"path": str(small_store), "fingerprint": "f", "digest": "d"}
    for seed in (0, 1):
        folder = tmp_path / "runs" / f"recording-simple-cnn-thirds-mel-seed{seed}"
        finish_run(folder, store, wrong=[0], split="recording", seed=seed)
    write_json(tmp_path / "grid.json", {"grid": grid.to_dict(), "store": told})
    damage(folder)
    report(tmp_path, tmp_path / "r.html")
    found = Page((tmp_path / "r.html").read_text()).text
    assert sentence in found and str(tmp_path) not in found
    honest = tmp_path / "runs" / "recording-simple-cnn-thirds-mel-seed0"
    accuracy = Evaluation.load(honest).metrics["accuracy"]
    assert f"{100 * accuracy:.2f} %" in found
