"""Figures against scikit-learn, against sums by hand, and against simulations."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from asc.evaluation import metrics
from asc.evaluation.metrics import recording_interval, scores

SCENES = ("beach", "bus", "cafe/restaurant", "home", "tram")


def drawn(seed, clips=60, scenes=4):
    """Truth and probabilities of a classifier that is right now and then."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, scenes, clips)
    logits = rng.normal(size=(clips, len(SCENES))) + 1.5 * np.eye(len(SCENES))[truth]
    given = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    recordings = [f"r{number}" for number in rng.integers(0, 12, clips)]
    return truth, given.astype(np.float32), recordings


# Figures


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed):
    """Of five scenes the last does not occur, though it is predicted."""
    truth, given, recordings = drawn(seed)
    predicted = given.argmax(axis=1)
    assert 4 in predicted
    result = scores(truth, given, recordings, SCENES)
    assert result["accuracy"] == reference.accuracy_score(truth, predicted)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        balanced = reference.balanced_accuracy_score(truth, predicted)
    assert result["class_accuracy"] == pytest.approx(balanced)
    f1 = reference.f1_score(truth, predicted, labels=range(4), average="macro")
    assert result["macro_f1"] == pytest.approx(f1)
    confusion = reference.confusion_matrix(truth, predicted, labels=range(5))
    assert result["confusion"] == confusion.tolist()
    # Renormalised, because scikit-learn wants sums of exactly 1.
    sums = given.astype(float) / given.astype(float).sum(axis=1, keepdims=True)
    loss = reference.log_loss(truth, sums, labels=range(5))
    assert result["log_loss"] == pytest.approx(loss, rel=1e-6)
    assert result["clips"] == 60
    assert result["recordings"] == len(set(recordings))


def test_figures_by_hand():
    """Two beaches right, one of two buses taken for a beach, nothing else."""
    truth = np.array([0, 0, 1, 1])
    given = np.array([[0.8, 0.2, 0], [0.5, 0.4, 0.1], [0.6, 0.4, 0], [0.25, 0.5, 0.25]])
    result = scores(truth, given, list("aabb"), ("beach", "bus", "home"))
    assert result["accuracy"] == 0.75
    assert result["class_accuracy"] == 0.75
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
    assert result["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    expected = -np.log([0.8, 0.5, 0.4, 0.5]).mean()
    assert result["log_loss"] == pytest.approx(expected)


def test_class_accuracy_is_not_accuracy_where_scenes_differ_in_size():
    truth = np.array([0] * 9 + [1])
    given = np.tile([0.9, 0.1, 0, 0, 0], (10, 1))
    result = scores(truth, given, range(10), SCENES)
    assert result["accuracy"] == 0.9
    assert result["class_accuracy"] == 0.5


def test_a_certain_mistake_costs_much_but_not_everything():
    given = np.array([[1, 0], [0, 1]], np.float32)
    result = scores(np.array([0, 0]), given, ["a", "b"], ("beach", "bus"))
    assert 20 < result["log_loss"] < 50


def test_everything_is_plain_json():
    result = scores(*drawn(7), SCENES)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result["per_scene"]) == set(SCENES)


# The interval


def slow_interval(correct, recordings, draws, seed):
    """Bootstrap recordings with a loop, and with draws of its own."""
    rng = np.random.default_rng(seed)
    names = sorted(set(recordings))
    of = {name: correct[np.array(recordings) == name] for name in names}
    found = []
    for _ in range(draws):
        chosen = rng.choice(names, size=len(names), replace=True)
        found.append(np.concatenate([of[name] for name in chosen]).mean())
    return np.percentile(found, [2.5, 97.5])


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_that_of_a_slow_bootstrap(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 25)
    recordings = np.repeat([f"r{number}" for number in range(25)], sizes)
    correct = rng.random(len(recordings)) < np.repeat(rng.random(25), sizes)
    expected = slow_interval(correct, recordings, 4000, seed + 100)
    given = recording_interval(correct, recordings, draws=20_000)
    np.testing.assert_allclose(given, expected, atol=0.012)
    assert given[0] < correct.mean() < given[1]


def test_memory_does_not_change_the_interval(monkeypatch):
    rng = np.random.default_rng(0)
    correct, recordings = rng.random(50) < 0.7, rng.integers(0, 20, 50)
    expected = recording_interval(correct, recordings)
    for block in (1, 333, 20 * 9_999):
        monkeypatch.setattr(metrics, "_BLOCK", block)
        assert recording_interval(correct, recordings) == expected


def test_the_order_of_clips_does_not_matter():
    rng = np.random.default_rng(1)
    correct, recordings = rng.random(80) < 0.6, rng.integers(0, 15, 80)
    order = rng.permutation(80)
    assert recording_interval(correct, recordings) == recording_interval(
        correct[order], recordings[order]
    )


def simulated(rng, recordings=40, clips=8, right=0.7):
    """Clips of a recording that are mostly right or wrong together."""
    chance = rng.beta(right, 1 - right, recordings)
    correct = rng.random((recordings, clips)) < chance[:, None]
    return correct.ravel(), np.repeat(np.arange(recordings), clips)


def test_recordings_that_fail_as_a_whole_widen_the_interval():
    correct, recordings = simulated(np.random.default_rng(2))
    by_recording = np.diff(recording_interval(correct, recordings))
    by_clip = np.diff(recording_interval(correct, np.arange(len(correct))))
    assert 1.5 < by_recording / by_clip < 3  # sqrt(8) at most


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """An interval over clips would hold it in little more than half of all cases."""
    rng = np.random.default_rng(3)
    held = {"recordings": 0, "clips": 0}
    for trial in range(200):
        correct, recordings = simulated(rng)
        for unit, names in (
            ("recordings", recordings),
            ("clips", np.arange(len(correct))),
        ):
            low, high = recording_interval(correct, names, draws=300, seed=trial)
            held[unit] += low <= 0.7 <= high
    assert 0.88 <= held["recordings"] / 200 <= 0.99
    assert held["clips"] / 200 < 0.75


@settings(derandomize=True, deadline=None)
@given(
    clips=st.lists(
        st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=40
    ),
    level=st.floats(0.5, 0.99),
)
def test_an_interval_is_one(clips, level):
    correct, recordings = map(np.array, zip(*clips, strict=True))
    low, high = recording_interval(correct, recordings, level=level, draws=500)
    assert 0 <= low <= high <= 1
    wide = recording_interval(correct, recordings, level=0.995, draws=500)
    assert wide[0] <= low and high <= wide[1]


def test_one_recording_tells_nothing_about_others():
    """There is nothing to resample, and the interval says no more than the mean."""
    low, high = recording_interval(np.array([True, False, True, True]), ["r"] * 4)
    assert low == high == 0.75


def test_all_right_is_all_right():
    assert recording_interval(np.ones(10, bool), range(10)) == (1.0, 1.0)
