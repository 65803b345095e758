"""Intervals against closed forms, slow loops and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from asc.errors import UsageError
from asc.evaluation import intervals
from asc.evaluation.intervals import (
    both_intervals,
    cautious_interval,
    mean_and_deviation,
    recording_interval,
)


def simulated(rng, recordings=40, clips=8, right=0.7, alike=0.5):
    """Clips of a recording are right or wrong together, the more so the more alike."""
    counts = (1 - alike) / alike
    chance = rng.beta(right * counts, (1 - right) * counts, recordings)
    correct = rng.random((recordings, clips)) < chance[:, None]
    return correct.ravel(), np.repeat(np.arange(recordings), clips)


# The interval of an accuracy


def percentiles(correct, recordings, draws, seed, scenes=None):
    """Draw recordings with replacement, with a loop: the ordinary bootstrap."""
    rng = np.random.default_rng(seed)
    scenes = np.zeros(len(correct)) if scenes is None else scenes
    names = sorted(set(recordings))
    of = {name: np.flatnonzero(np.array(recordings) == name) for name in names}
    found = []
    for _ in range(draws):
        chosen = rng.choice(names, size=len(names), replace=True)
        rows = np.concatenate([of[name] for name in chosen])
        there = np.unique(scenes[rows])
        recalls = [correct[rows][scenes[rows] == scene].mean() for scene in there]
        found.append(np.mean(recalls))
    return np.percentile(found, [2.5, 97.5])


def weighted(correct, recordings, draws, seed, unseen=0.5):
    """The same figure as that of the module, from its definition, with a loop."""
    rng = np.random.default_rng(seed)
    names, sizes = np.unique(recordings, return_counts=True)
    low, high = [], []
    for _ in range(draws):
        weight = {name: rng.exponential() for name in names}
        extra = rng.gamma(unseen) * sizes.mean()
        each = np.array([weight[name] for name in recordings])
        total = each.sum() + extra
        low.append((each * correct).sum() / total)
        high.append(((each * correct).sum() + extra) / total)
    return np.percentile(low, 2.5), np.percentile(high, 97.5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("interval", "slow"),
    [(recording_interval, percentiles), (cautious_interval, weighted)],
)
def test_the_interval_is_that_of_a_slow_bootstrap(interval, slow, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 25)
    recordings = np.repeat([f"r{number}" for number in range(25)], sizes)
    correct = rng.random(len(recordings)) < np.repeat(rng.random(25), sizes)
    given = interval(correct, recordings)
    expected = slow(correct, recordings, 4000, seed + 100)
    np.testing.assert_allclose(given, expected, atol=0.012)
    assert given[0] < correct.mean() < given[1]


def of_tut_size():
    """Clips of 248 recordings with their scenes."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(12, 26, 248)
    recordings = np.repeat(np.arange(248), sizes)
    chance = np.repeat(rng.beta(2.4, 0.6, 248), sizes)
    scenes = np.repeat(rng.integers(0, 15, 248), sizes)
    return rng.random(len(recordings)) < chance, recordings, scenes


def test_the_interval_of_class_accuracy():
    correct, recordings, scenes = of_tut_size()
    given = recording_interval(correct, recordings, groups=scenes)
    expected = percentiles(correct, recordings, 1500, 1, scenes)
    np.testing.assert_allclose(given, expected, atol=0.006)


def test_class_accuracy_does_not_swing_with_the_scenes_that_are_drawn():
    """One scene is always right, the other always wrong: the mean is half."""
    scenes = np.repeat([0, 1], 40)
    recordings = np.repeat(np.arange(20), 4)
    assert recording_interval(scenes == 0, recordings, groups=scenes) == (0.5, 0.5)
    low, high = recording_interval(scenes == 0, recordings)
    assert low < 0.4 and high > 0.6


def test_a_scene_that_is_not_drawn_does_not_count():
    """Of two recordings of one scene each, both or one are drawn."""
    low, high = recording_interval(
        np.array([True, False]), ["a", "b"], groups=np.array([0, 1])
    )
    assert (low, high) == (0, 1)


def test_with_many_recordings_caution_changes_little():
    correct, recordings, _ = of_tut_size()
    np.testing.assert_allclose(
        cautious_interval(correct, recordings),
        recording_interval(correct, recordings),
        atol=0.006,
    )


@pytest.mark.parametrize(("right", "clips"), [(7, 10), (10, 10), (0, 4), (90, 120)])
def test_of_independent_clips_it_is_known_in_closed_form(right, clips):
    """Narrower than the exact interval, wider than the one of equal tails."""
    correct = np.arange(clips) < right
    low, high = cautious_interval(correct, range(clips), draws=100_000)
    wrong = clips - right
    expected_low = stats.beta.ppf(0.025, right, wrong + 0.5) if right else 0
    expected_high = stats.beta.ppf(0.975, right + 0.5, wrong) if wrong else 1
    assert (low, high) == pytest.approx((expected_low, expected_high), abs=0.004)
    exact = stats.binomtest(right, clips).proportion_ci(0.95, "exact")
    assert exact.low - 0.004 <= low <= high <= exact.high + 0.004


def share_held(interval, recordings, right, alike):
    """Return in what share of 300 simulated tests an interval holds the truth."""
    rng = np.random.default_rng(recordings)
    held = 0
    for trial in range(300):
        correct, names = simulated(rng, recordings, 12, right, alike)
        low, high = interval(correct, names, draws=400, seed=trial)
        held += low <= right <= high
    return held / 300


@pytest.mark.parametrize("recordings", [5, 10, 20, 60])
@pytest.mark.parametrize(("right", "alike"), [(0.5, 0.8), (0.8, 0.4), (0.97, 0.4)])
def test_caution_holds_the_truth_as_often_as_it_says(recordings, right, alike):
    """0.92 is two deviations below 0.95; percentiles get down to 0.41."""
    assert share_held(cautious_interval, recordings, right, alike) >= 0.92


@pytest.mark.parametrize(("recordings", "least"), [(60, 0.9), (250, 0.92)])
def test_the_interval_holds_the_truth_if_recordings_are_many(recordings, least):
    assert share_held(recording_interval, recordings, 0.8, 0.4) >= least


def test_an_interval_over_clips_would_not():
    rng = np.random.default_rng(3)
    held = 0
    for trial in range(200):
        correct, _ = simulated(rng)
        low, high = recording_interval(correct, range(len(correct)), draws=400)
        held += low <= 0.7 <= high
    assert held / 200 < 0.75


def test_recordings_that_fail_as_a_whole_widen_the_interval():
    correct, recordings = simulated(np.random.default_rng(2))
    by_recording = np.diff(recording_interval(correct, recordings))
    by_clip = np.diff(recording_interval(correct, np.arange(len(correct))))
    assert 1.5 < by_recording / by_clip < 3  # sqrt(8) at most


def test_memory_does_not_change_the_interval(monkeypatch):
    rng = np.random.default_rng(0)
    correct, recordings = rng.random(50) < 0.7, rng.integers(0, 20, 50)
    expected = recording_interval(correct, recordings)
    for block in (100, 333, 20 * 9_999):
        monkeypatch.setattr(intervals, "_BLOCK", block)
        np.testing.assert_allclose(
            recording_interval(correct, recordings), expected, rtol=1e-12
        )


def test_the_order_of_clips_does_not_matter():
    rng = np.random.default_rng(1)
    correct, recordings = rng.random(80) < 0.6, rng.integers(0, 15, 80)
    order = rng.permutation(80)
    assert recording_interval(correct, recordings) == recording_interval(
        correct[order], recordings[order]
    )


@settings(derandomize=True)
@given(
    clips=st.lists(
        st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=40
    ),
    level=st.floats(0.5, 0.99),
    interval=st.sampled_from([recording_interval, cautious_interval]),
)
def test_an_interval_is_one(clips, level, interval):
    correct, recordings = map(np.array, zip(*clips, strict=True))
    low, high = interval(correct, recordings, level=level, draws=500)
    assert 0 <= low <= high <= 1
    wide = interval(correct, recordings, level=0.995, draws=500)
    assert wide[0] <= low and high <= wide[1]
    if interval is cautious_interval:
        assert low <= correct.mean() <= high


def test_one_recording_tells_little_about_others():
    correct, recordings = np.array([True, False, True, True]), ["r"] * 4
    assert recording_interval(correct, recordings) == (0.75, 0.75)
    low, high = cautious_interval(correct, recordings)
    assert low < 0.05 and high > 0.95


def test_all_right_is_not_sure_to_stay_so():
    """Of ten recordings that are all right: 0.5 / (10 * 0.5) and a bit."""
    assert recording_interval(np.ones(10, bool), range(10)) == (1, 1)
    low, high = cautious_interval(np.ones(10, bool), range(10))
    assert high == 1
    assert 0.7 < low < 0.9
    assert cautious_interval(np.ones(1000, bool), range(1000))[0] > 0.99


def test_the_safer_interval_is_never_the_narrower_one():
    rng = np.random.default_rng(4)
    for recordings in (1, 3, 10, 40):
        correct, names = simulated(rng, recordings)
        (low, high), (least, most) = both_intervals(correct, names)
        assert (low, high) == recording_interval(correct, names)
        cautious = cautious_interval(correct, names)
        assert (least, most) == (min(low, cautious[0]), max(high, cautious[1]))


def test_mean_and_deviation():
    assert mean_and_deviation([0.7, 0.8, 0.9]) == pytest.approx((0.8, 0.1))
    assert mean_and_deviation(iter([0.5])) == (0.5, None)
    with pytest.raises(UsageError, match="no value"):
        mean_and_deviation([])
