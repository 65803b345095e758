"""Figures against scikit-learn and against sums by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from asc.evaluation.intervals import both_intervals, recording_interval
from asc.evaluation.measure import measure

FACTS = {
    "split": "random",
    "part": "test",
    "leakage": 0.5,
    "store": "s.h5",
    "model": "simple-cnn",
    "feature": "mel",
    "augment": "none",
    "parameters": 7,
    "epochs": 2,
    "seconds": 1.5,
    "seed": 0,
}
SCENES = ("beach", "bus", "cafe/restaurant", "home", "tram")


def drawn(seed, clips=60, scenes=4):
    """Truth and probabilities of a classifier that is right now and then."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, scenes, clips)
    logits = rng.normal(size=(clips, len(SCENES))) + 1.5 * np.eye(len(SCENES))[truth]
    given = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    recordings = [f"r{number}" for number in rng.integers(0, 12, clips)]
    return truth, given.astype(np.float32), recordings


def measured(truth, given, recordings, scenes, **facts):
    return measure(truth, given, recordings, scenes, **FACTS | facts)


# Figures


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed):
    """Of five scenes the last does not occur, though it is predicted."""
    truth, given, recordings = drawn(seed)
    predicted = given.argmax(axis=1)
    assert 4 in predicted
    result = measured(truth, given, recordings, SCENES)
    assert result.accuracy == reference.accuracy_score(truth, predicted)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        balanced = reference.balanced_accuracy_score(truth, predicted)
    assert result.class_accuracy == pytest.approx(balanced)
    f1 = reference.f1_score(truth, predicted, labels=range(4), average="macro")
    assert result.macro_f1 == pytest.approx(f1)
    confusion = reference.confusion_matrix(truth, predicted, labels=range(5))
    assert result["confusion"] == confusion.tolist()
    # Renormalised, because scikit-learn wants sums of exactly 1.
    sums = given.astype(float) / given.astype(float).sum(axis=1, keepdims=True)
    loss = reference.log_loss(truth, sums, labels=range(5))
    assert result.log_loss == pytest.approx(loss, rel=1e-6)
    assert result.clips == 60
    assert result.recordings == len(set(recordings))


def test_figures_by_hand():
    """Two beaches right, one of two buses taken for a beach, nothing else."""
    truth = np.array([0, 0, 1, 1])
    given = np.array([[0.8, 0.2, 0], [0.5, 0.4, 0.1], [0.6, 0.4, 0], [0.25, 0.5, 0.25]])
    result = measured(truth, given, list("aabb"), ("beach", "bus", "home"))
    assert result.accuracy == 0.75
    assert result.class_accuracy == 0.75
    assert result["confusion"] == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert result["per_scene"] == {
        "beach": {
            "recall": 1.0,
            "precision": pytest.approx(2 / 3),
            "f1": pytest.approx(0.8),
            "clips": 2,
        },
        "bus": {
            "recall": 0.5,
            "precision": 1.0,
            "f1": pytest.approx(2 / 3),
            "clips": 2,
        },
        "home": {"recall": None, "precision": 0.0, "f1": 0.0, "clips": 0},
    }
    assert result.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    expected = -np.log([0.8, 0.5, 0.4, 0.5]).mean()
    assert result.log_loss == pytest.approx(expected)


def test_class_accuracy_is_not_accuracy_where_scenes_differ_in_size():
    truth = np.array([0] * 9 + [1])
    given = np.tile([0.9, 0.1, 0, 0, 0], (10, 1))
    result = measured(truth, given, range(10), SCENES)
    assert result.accuracy == 0.9
    assert result.class_accuracy == 0.5


def test_a_certain_mistake_costs_much_but_not_everything():
    given = np.array([[1, 0], [0, 1]], np.float32)
    result = measured(np.array([0, 0]), given, ["a", "b"], ("beach", "bus"))
    assert 20 < result.log_loss < 50


def test_everything_is_plain_json():
    result = measured(*drawn(7), SCENES)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == result
    assert set(result.per_scene) == set(SCENES)


def test_intervals_belong_to_their_figures():
    """By recording, by class and by clip."""
    truth, given, recordings = drawn(3)
    result = measured(truth, given, recordings, SCENES)
    correct = given.argmax(axis=1) == truth
    both = (result.ci95, result.ci95_cautious)
    assert both == both_intervals(correct, recordings)
    by_class = recording_interval(correct, recordings, groups=truth)
    assert result.ci95_class_accuracy == by_class
    assert result.ci95_clips == recording_interval(correct, range(60))
    for figure, interval in (
        ("accuracy", "ci95"),
        ("class_accuracy", "ci95_class_accuracy"),
        ("accuracy", "ci95_clips"),
    ):
        low, high = result[interval]
        assert low < result[figure] < high


def test_unknown_recordings_and_other_facts_are_kept():
    truth, given, _ = drawn(1)
    result = measured(truth, given, range(60), SCENES, named=False, seed=4)
    assert result.recordings is None
    assert {name: result[name] for name in FACTS} == FACTS | {"seed": 4}


def test_only_recordings_that_are_known_are_counted():
    truth, given, recordings = drawn(1)
    named = np.arange(60) < 50
    mixed = [recordings[n] if named[n] else f"clip {n}" for n in range(60)]
    result = measured(truth, given, mixed, SCENES, named=named)
    assert result.recordings == len(set(recordings[:50]))
    assert result.without_recording == 10
    assert result.few_recordings  # of 22 units
    alone = measured(truth, given, range(60), SCENES, named=False)
    assert not alone.few_recordings and "without_recording" not in alone
