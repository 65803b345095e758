"""Intervals and tests against closed forms, SciPy, slow loops and simulations."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from asc.errors import UsageError
from asc.evaluation import significance
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.significance import (
    cautious_interval,
    holm,
    mean_and_deviation,
    paired_test,
    paired_tests,
    recording_interval,
)


def simulated(rng, recordings=40, clips=8, right=0.7, alike=0.5):
    """Clips of a recording are right or wrong together, the more so the more alike."""
    counts = (1 - alike) / alike
    chance = rng.beta(right * counts, (1 - right) * counts, recordings)
    correct = rng.random((recordings, clips)) < chance[:, None]
    return correct.ravel(), np.repeat(np.arange(recordings), clips)


# The interval of an accuracy


def percentiles(correct, recordings, draws, seed, weights=None):
    """Draw recordings with replacement, with a loop: the ordinary bootstrap."""
    rng = np.random.default_rng(seed)
    weights = np.ones(len(correct)) if weights is None else weights
    names = sorted(set(recordings))
    of = {name: np.flatnonzero(np.array(recordings) == name) for name in names}
    found = []
    for _ in range(draws):
        chosen = rng.choice(names, size=len(names), replace=True)
        rows = np.concatenate([of[name] for name in chosen])
        found.append(np.average(correct[rows], weights=weights[rows]))
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
    """Clips of 248 recordings, how much each counts for class accuracy."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(12, 26, 248)
    recordings = np.repeat(np.arange(248), sizes)
    chance = np.repeat(rng.beta(2.4, 0.6, 248), sizes)
    scenes = np.repeat(rng.integers(0, 15, 248), sizes)
    weights = 1 / np.bincount(scenes)[scenes]
    return rng.random(len(recordings)) < chance, recordings, weights


def test_the_interval_of_class_accuracy():
    correct, recordings, weights = of_tut_size()
    given = recording_interval(correct, recordings, weights=weights)
    expected = percentiles(correct, recordings, 1500, 1, weights)
    np.testing.assert_allclose(given, expected, atol=0.006)


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
        monkeypatch.setattr(significance, "_BLOCK", block)
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


# The paired test


def evaluation(correct, recordings=None, paths=None, scenes=("bus", "home")):
    """An evaluation in which the given clips are right; all are of one scene."""
    correct = np.asarray(correct, bool)
    paths = [f"{row}.wav" for row in range(len(correct))] if paths is None else paths
    known = recordings is not None
    return Evaluation(
        {"recordings": len(set(recordings)) if known else None},
        scenes,
        list(paths),
        list(map(str, recordings)) if known else list(paths),
        np.zeros(len(correct), int),
        np.where(correct[:, None], [0.9, 0.1], [0.2, 0.8]),
    )


def two(seed, recordings=30, clips=6, better=0.1):
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(recordings), rng.integers(1, clips, recordings))
    hard = rng.random(recordings)[names]
    a, b = (rng.random(len(names)) < hard + more for more in (better, 0.0))
    return a, b, names


@pytest.mark.parametrize("seed", range(4))
def test_p_values_are_those_of_scipy(seed):
    a, b, names = two(seed)
    result = paired_test(evaluation(a, names), evaluation(b, names))
    gained = np.bincount(names, a.astype(int) - b)
    reference = stats.permutation_test(
        (gained,),
        lambda sample, axis: sample.sum(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    )
    assert result.p_value == pytest.approx(reference.pvalue, abs=0.025)
    assert result.difference == pytest.approx(a.mean() - b.mean())
    assert result.accuracies == pytest.approx((a.mean(), b.mean()))
    assert (result.clips, result.recordings) == (len(a), 30)


def test_all_flips_by_hand():
    """Eleven recordings: all 2,048 patterns of signs, each tried."""
    a, b, names = two(9, recordings=11, better=0.4)
    result = paired_test(evaluation(a, names), evaluation(b, names), draws=100_000)
    gained = np.bincount(names, a.astype(int) - b)
    sizes = np.bincount(names)
    sums = [
        (np.array(signs) * gained).sum()
        for signs in itertools.product((1, -1), repeat=11)
    ]
    expected = np.mean(np.abs(sums) >= abs(gained.sum()))
    assert 0 < expected < 1
    assert result.p_value == pytest.approx(expected, abs=0.006)
    # Differences that the same test does not rule out are those in the interval.
    low, high = result.ci95
    for shift, held in (
        (low - 0.02, False),
        (low + 0.02, True),
        (high - 0.02, True),
        (high + 0.02, False),
    ):
        left = gained - shift * sizes
        sums = np.array(list(itertools.product((1, -1), repeat=11))) @ left
        assert (np.mean(np.abs(sums) >= abs(left.sum()) - 1e-9) >= 0.05) == held


@pytest.mark.parametrize("seed", range(12))
def test_the_interval_agrees_with_the_p_value(seed):
    """They cannot contradict one another, however small the sample."""
    a, b, names = two(seed, recordings=5 + 3 * seed, better=0.15)
    result = paired_test(evaluation(a, names), evaluation(b, names), draws=2000)
    low, high = result.ci95
    assert low <= result.difference <= high
    assert (low <= 0 <= high) == (result.p_value >= 0.05)


def test_the_other_way_round():
    a, b, names = two(0)
    there = paired_test(evaluation(a, names), evaluation(b, names))
    back = paired_test(evaluation(b, names), evaluation(a, names))
    assert back.difference == -there.difference
    assert back.ci95 == (-there.ci95[1], -there.ci95[0])
    assert back.p_value == there.p_value


def test_equally_good_models_are_seldom_told_apart():
    """And by clips they would be, though one recording decides for all its clips."""
    rng = np.random.default_rng(0)
    wrong = {"recordings": 0, "clips": 0}
    for trial in range(200):
        names = np.repeat(np.arange(30), 10)
        a, b = (np.repeat(rng.random(30) < 0.7, 10) for _ in range(2))
        for unit, of in (("recordings", names), ("clips", range(300))):
            test = paired_test(
                evaluation(a, of), evaluation(b, of), draws=300, seed=trial
            )
            wrong[unit] += test.p_value < 0.05
    assert wrong["recordings"] / 200 <= 0.09
    assert wrong["clips"] / 200 > 0.3


def test_few_recordings_cannot_tell():
    """Of five, one pattern of signs in 32 is all alike: nothing is below 0.05."""
    a, b, names = np.ones(10, bool), np.zeros(10, bool), np.repeat(np.arange(5), 2)
    result = paired_test(evaluation(a, names), evaluation(b, names))
    assert (result.difference, result.ci95) == (1, (-1, 1))
    assert result.p_value == pytest.approx(2 / 32, abs=0.01)


def test_a_p_value_is_never_zero():
    a, b = np.ones(60, bool), np.zeros(60, bool)
    test = paired_test(evaluation(a, range(60)), evaluation(b, range(60)), draws=999)
    assert test.p_value == 2 / 1000


def test_a_model_does_not_differ_from_itself():
    a, _, names = two(1)
    result = paired_test(evaluation(a, names), evaluation(a, names))
    assert (result.difference, result.ci95, result.p_value) == (0, (0, 0), 1)


def test_clips_are_paired_by_path():
    a, b, names = two(2)
    order = np.random.default_rng(0).permutation(len(a))
    paths = np.array([f"{row}.wav" for row in range(len(a))])
    shuffled = evaluation(b[order], names[order], paths[order])
    expected = paired_test(evaluation(a, names), evaluation(b, names))
    assert paired_test(evaluation(a, names), shuffled) == expected


def test_folds_and_seeds_are_taken_together():
    """Two folds of two seeds, against two folds of one, are all clips of each."""
    a, b, names = two(3)
    other = ~a
    paths = np.array([f"{row}.wav" for row in range(len(a))])
    in_first = names < 12
    folds = [
        evaluation(right[fold], names[fold], paths[fold])
        for right in (a, other)
        for fold in (in_first, ~in_first)
    ]
    against = [evaluation(b[fold], names[fold], paths[fold]) for fold in (~in_first,)]
    against.append(evaluation(b[in_first], names[in_first], paths[in_first]))
    result = paired_test(folds, against)
    assert result.accuracies == pytest.approx((0.5, b.mean()))
    assert result.clips == len(a)
    assert paired_test(iter(folds), iter(against)) == result


def test_a_clip_that_two_folds_test_counts_twice():
    """As in the accuracy of all folds together (b031 in TUT 2017)."""
    paths = ["a.wav", "b.wav", "c.wav"]
    first = [
        evaluation([True, True], ["a", "b"], paths[:2]),
        evaluation([True, False], ["a", "c"], ["a.wav", "c.wav"]),
    ]
    second = [
        evaluation([False, True], ["a", "b"], paths[:2]),
        evaluation([False, False], ["a", "c"], ["a.wav", "c.wav"]),
    ]
    assert paired_test(first, second).accuracies == pytest.approx((3 / 4, 1 / 4))
    with pytest.raises(UsageError, match="equally often"):
        paired_test(first, evaluation([True] * 3, "abc", paths))


def test_unknown_recordings_are_said_to_be():
    a, b, _ = two(4)
    assert paired_test(evaluation(a), evaluation(b)).recordings is None


def test_other_clips_are_refused_unless_common_ones_are_wanted():
    a, b, names = two(5)
    less = evaluation(b[:-2], names[:-2])
    with pytest.raises(UsageError, match=rf"{len(a)} clips, the other {len(a) - 2}"):
        paired_test(evaluation(a, names), less)
    expected = paired_test(evaluation(a[:-2], names[:-2]), less)
    assert paired_test(evaluation(a, names), less, common=True) == expected
    with pytest.raises(UsageError, match="no clip in common"):
        paired_test(
            evaluation([True], ["r"], ["x.wav"]),
            evaluation([True], ["r"], ["y.wav"]),
            common=True,
        )


def test_clips_that_only_share_a_name_are_refused():
    a = evaluation([True, True], ["r", "s"])
    with pytest.raises(UsageError, match="0.wav.* scene is bus in one and tram"):
        paired_test(a, dataclasses.replace(a, scenes=("tram", "home")))
    with pytest.raises(UsageError, match="1.wav.* recording is s in one and t"):
        paired_test(a, evaluation([True, True], ["r", "t"]))


def test_nothing_is_refused():
    with pytest.raises(UsageError, match="no evaluation"):
        paired_test([], evaluation([True]))


# Several at once


def test_several_are_tested_against_the_first():
    a, b, names = two(6, better=0.2)
    first = evaluation(b, names)
    less = evaluation(a[:-1], names[:-1])
    better, refused, same = paired_tests(first, [evaluation(a, names), less, [first]])
    alone = paired_test(evaluation(a, names), first)
    assert better == dataclasses.replace(alone, p_holm=2 * alone.p_value)
    assert isinstance(refused, UsageError)
    assert same.p_holm == same.p_value == 1


def test_a_difference_is_said_with_its_uncertainty():
    a, b, names = two(6, better=0.2)
    result = paired_test(evaluation(a, names), evaluation(b, names))
    low, high = (100 * value for value in result.ci95)
    assert result.sentence() == (
        f"{100 * result.difference:+.2f} points (95 % interval {low:+.1f} to"
        f" {high:+.1f}; 30 recordings), p {result.p_value:.4f}"
    )
    corrected = dataclasses.replace(result, p_holm=0.5, recordings=None)
    assert corrected.sentence().endswith("recordings unknown), p 0.5000")


def test_holm_by_hand():
    """Holm 1979: times 4, 3, 2, 1 from the smallest, and never falling."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []


def test_mean_and_deviation():
    assert mean_and_deviation([0.7, 0.8, 0.9]) == pytest.approx((0.8, 0.1))
    assert mean_and_deviation(iter([0.5])) == (0.5, None)
    with pytest.raises(UsageError, match="no value"):
        mean_and_deviation([])
