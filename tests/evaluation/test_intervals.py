"""Intervals against closed forms, SciPy and simulations."""

from __future__ import annotations

import interval_coverage
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from asc.errors import UsageError
from asc.evaluation import intervals
from asc.evaluation.intervals import (
    bonett_price_interval,
    both_intervals,
    effective_size,
    korn_graubard_interval,
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


def mean_recall(*columns, axis):
    """Return the mean over all scenes of right clips by all clips, as SciPy asks it."""
    sums = np.array(columns).sum(axis=axis)
    right, clips = np.split(sums, 2)
    drawn = clips > 0
    shares = np.where(drawn, right / np.where(drawn, clips, 1), 0)
    return shares.sum(axis=0) / drawn.sum(axis=0)


def percentiles(correct, recordings, draws, scenes=None):
    """Return the percentile interval of SciPy, which draws recordings one by one."""
    scenes = np.zeros(len(correct), int) if scenes is None else np.asarray(scenes)
    names, member = np.unique(recordings, return_inverse=True)
    count = scenes.max() + 1
    place = member * count + scenes
    columns = [
        np.bincount(place, values, len(names) * count).reshape(-1, count)
        for values in (correct, None)
    ]
    found = stats.bootstrap(
        np.concatenate(columns, axis=1).T,
        mean_recall,
        paired=True,
        vectorized=True,
        n_resamples=draws,
        method="percentile",
        rng=np.random.default_rng(100),
    )
    return found.confidence_interval


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 25)
    recordings = np.repeat([f"r{number}" for number in range(25)], sizes)
    correct = rng.random(len(recordings)) < np.repeat(rng.random(25), sizes)
    found = recording_interval(correct, recordings)
    expected = percentiles(correct, recordings, 10_000)
    np.testing.assert_allclose(found, expected, atol=0.012)
    assert found[0] < correct.mean() < found[1]


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
    expected = percentiles(correct, recordings, 1500, scenes)
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


def share_held(interval, recordings, right, alike):
    """Return in what share of 300 simulated tests an interval holds the truth."""
    rng = np.random.default_rng(recordings)
    held = 0
    for trial in range(300):
        correct, names = simulated(rng, recordings, 12, right, alike)
        low, high = interval(correct, names, draws=400, seed=trial)
        held += low <= right <= high
    return held / 300


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
)
def test_an_interval_is_one(clips, level):
    correct, recordings = map(np.array, zip(*clips, strict=True))
    for interval, options in (
        (recording_interval, {"draws": 500}),
        (korn_graubard_interval, {}),
    ):
        low, high = interval(correct, recordings, level=level, **options)
        assert 0 <= low <= high <= 1
        wide = interval(correct, recordings, level=0.995, **options)
        assert wide[0] <= low and high <= wide[1]
    assert low <= correct.mean() <= high


# The conservative interval of an accuracy


def test_korn_and_graubard_by_hand():
    """Four recordings of 4, 4, 8 and 4 clips, of which 4, 2, 5 and 3 are right.

    0.7 are right. Residuals: 1.2, -0.8, -0.6, 0.2 of 20, so the variance of the mean
    is 4/3 of (1.44 + 0.64 + 0.36 + 0.04) / 400, and the effective size
    0.21 / 0.0082667 = 25.4, which is more than 20 clips; so 20, times the square of
    the t-quantiles of 19 and of 3 degrees of freedom, 2.093 and 3.182.
    """
    clips, right = np.array([4, 4, 8, 4]), np.array([4, 2, 5, 3])
    names = np.repeat(list("abcd"), clips)
    correct = np.concatenate([np.arange(n) < r for n, r in zip(clips, right)])
    size = 20 * (2.0930240 / 3.1824463) ** 2
    assert effective_size(right, clips, 0.21) == pytest.approx(size)
    expected = (
        stats.beta.ppf(0.025, 0.7 * size, 0.3 * size + 1),
        stats.beta.ppf(0.975, 0.7 * size + 1, 0.3 * size),
    )
    assert korn_graubard_interval(correct, names) == pytest.approx(expected)
    assert (np.diff(korn_graubard_interval(correct, names, level=0.9))) < 0.6


def test_the_effective_size_follows_the_design_effect():
    """20 recordings of 5 clips that are right or wrong as a whole are 20 clips.

    Of a mean of 20 zeros and ones with their variance: 19 of 20, and the t-quantiles.
    """
    right = np.repeat([0, 5], 10)
    few = (stats.t.ppf(0.975, 99) / stats.t.ppf(0.975, 19)) ** 2
    found = effective_size(right, np.full(20, 5), 0.25)
    assert found == pytest.approx(19 * few)


@pytest.mark.parametrize(("right", "clips"), [(7, 10), (10, 10), (0, 4), (90, 120)])
def test_of_independent_clips_it_is_that_of_clopper_and_pearson(right, clips):
    """For one clip less, which the estimate of the variance costs."""
    correct = np.arange(clips) < right
    size = clips - 1 if 0 < right < clips else clips
    hits = size * right / clips
    low, high = korn_graubard_interval(correct, range(clips))
    least = stats.beta.ppf(0.025, hits, size - hits + 1) if right else 0
    most = stats.beta.ppf(0.975, hits + 1, size - hits) if right < clips else 1
    assert (low, high) == pytest.approx((least, most))


@pytest.mark.parametrize("share", [0, 1])
def test_recordings_that_are_all_alike_count_as_one_clip_each(share):
    """10 recordings of 3 clips each, and of 12 and 4 clips: 256 / 160."""
    found = korn_graubard_interval(np.full(30, share), np.arange(30) // 3)
    exact = stats.binomtest(10 * share, 10).proportion_ci(0.95, "exact")
    assert found == pytest.approx(exact)
    assert effective_size(np.array([12, 4]), np.array([12, 4]), 0) == 1.6


def test_one_recording_tells_little_about_others():
    correct, recordings = np.array([True, False, True, True]), ["r"] * 4
    assert recording_interval(correct, recordings) == (0.75, 0.75)
    low, high = korn_graubard_interval(correct, recordings)
    assert low < 0.05 and high > 0.95
    assert korn_graubard_interval(correct[:1], ["r"]) == pytest.approx((0.025, 1))


def test_the_order_of_sums_does_not_change_the_interval():
    """Two recordings with a third of their clips right have no variance."""
    for clips in (3, 9, 30, 300):
        correct = np.arange(2 * clips) % 3 == 0
        size = effective_size(np.full(2, clips / 3), np.full(2, clips), 2 / 9)
        assert size == 2
        low, high = korn_graubard_interval(correct, np.arange(2 * clips) // clips)
        assert low < 0.05 and high > 0.9


def test_with_many_recordings_it_is_close_to_the_bootstrap():
    correct, recordings, _ = of_tut_size()
    np.testing.assert_allclose(
        korn_graubard_interval(correct, recordings),
        recording_interval(correct, recordings),
        atol=0.006,
    )


def test_the_conservative_interval_is_never_the_narrower_one():
    rng = np.random.default_rng(4)
    for recordings in (1, 3, 10, 40):
        correct, names = simulated(rng, recordings)
        (low, high), (least, most) = both_intervals(correct, names)
        assert (low, high) == recording_interval(correct, names)
        found = korn_graubard_interval(correct, names)
        assert (least, most) == (min(low, found[0]), max(high, found[1]))


@pytest.mark.parametrize("recordings", [5, 10, 20])
@pytest.mark.parametrize(
    ("accuracy", "correlation"), [(0.5, 0.8), (0.85, 0.4), (0.97, 0.8)]
)
def test_it_covers_the_truth_with_few_recordings(recordings, accuracy, correlation):
    """0.90 is what high accuracies come down to; percentiles get down to 0.24."""
    intervals = {"kg": interval_coverage.OF_ONE["Korn-Graubard"]}
    found = interval_coverage.of_one(recordings, accuracy, correlation, 300, intervals)
    assert found["kg"][0] >= 0.9


# The conservative interval of a difference


def test_bonett_and_price_of_independent_clips():
    """Of 20 clips one model alone has 6 right, the other alone 2.

    The variance of a difference is 0.4 - 0.04, so that of the mean over 20 clips
    is 0.36 / 19 and the effective size 19. Shares of 19 clips, with one more each.
    """
    gained = np.repeat([1, 0], [6, 14])
    lost = np.repeat([0, 1, 0], [6, 2, 12])
    better, worse = (19 * 0.3 + 1) / 21, (19 * 0.1 + 1) / 21
    error = 1.959964 * ((better + worse - (better - worse) ** 2) / 21) ** 0.5
    expected = better - worse - error, better - worse + error
    found = bonett_price_interval(gained, lost, np.ones(20))
    assert found == pytest.approx(expected, abs=1e-6)
    back = bonett_price_interval(lost, gained, np.ones(20))
    assert back == pytest.approx((-expected[1], -expected[0]), abs=1e-6)


@pytest.mark.parametrize("recordings", [5, 20, 500])
def test_models_that_never_differ_may_still_differ(recordings):
    """As if each recording were one clip, with one more gained and one lost."""
    none = np.zeros(recordings)
    low, high = bonett_price_interval(none, none, np.full(recordings, 7))
    assert high == -low == pytest.approx(1.959964 * 2**0.5 / (recordings + 2))


def test_a_difference_stays_within_bounds():
    clips = np.full(3, 2)
    assert bonett_price_interval(clips, np.zeros(3), clips)[1] == 1
    assert bonett_price_interval(np.zeros(3), clips, clips)[0] == -1


@pytest.mark.parametrize("recordings", [5, 10, 50])
@pytest.mark.parametrize("pair", [(0.85, 0.8, 0.4), (0.97, 0.93, 0.8), (1, 0.97, 0.8)])
def test_it_covers_a_difference_with_few_recordings(recordings, pair):
    """A t-interval gets down to 0.12."""
    found = interval_coverage.of_two(recordings, pair, 300)
    assert found["Bonett-Price"][0] >= 0.89
    if pair[0] == 1:
        assert found["t"][0] < 0.85


def test_mean_and_deviation():
    assert mean_and_deviation([0.7, 0.8, 0.9]) == pytest.approx((0.8, 0.1))
    assert mean_and_deviation(iter([0.5])) == (0.5, None)
    with pytest.raises(UsageError, match="no value"):
        mean_and_deviation([])
