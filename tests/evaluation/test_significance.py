"""Paired tests against SciPy, all flips by hand, and simulations."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats
from world import evaluation_of

from asc.errors import UsageError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.sentences import difference_sentence
from asc.evaluation.significance import PairedTest, holm, paired_test, paired_tests

# The paired test

#: A test reads nothing of the figures but whether recordings are known.
KNOWN = evaluation_of(
    [0, 1], np.eye(2), ["a", "b"], ["a", "b"], ("bus", "home")
).metrics
UNKNOWN = dataclasses.replace(KNOWN, recordings=None)


def evaluation(correct, recordings=None, paths=None, scenes=("bus", "home")):
    """An evaluation in which the given clips are right; all are of one scene."""
    correct = np.asarray(correct, bool)
    paths = [f"{row}.wav" for row in range(len(correct))] if paths is None else paths
    known = recordings is not None
    return Evaluation(
        KNOWN if known else UNKNOWN,
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
    for one, other in (
        (back.ci95, there.ci95),
        (back.ci95_cautious, there.ci95_cautious),
    ):
        assert one == pytest.approx((-other[1], -other[0]), abs=0.01)
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


def differing(rng, recordings, better):
    """Two models of which one fails in a recording now and then, in all clips of it."""
    lost = rng.random(recordings) < better
    a, b = np.ones((recordings, 4), bool), ~lost[:, None] & np.ones(4, bool)
    return a.ravel(), b.ravel(), np.repeat(np.arange(recordings), 4)


@pytest.mark.parametrize(("recordings", "least"), [(10, 0.4), (20, 0.3), (40, 0)])
def test_the_conservative_interval_has_a_rare_difference_that_flips_do_not_see(
    recordings, least
):
    """One in thirty recordings is lost. Of ten, often none is in the sample."""
    rng = np.random.default_rng(recordings)
    missed = {"ci95": 0, "ci95_cautious": 0}
    for trial in range(100):
        a, b, names = differing(rng, recordings, 1 / 30)
        test = paired_test(
            evaluation(a, names), evaluation(b, names), draws=400, seed=trial
        )
        for name in missed:
            low, high = getattr(test, name)
            missed[name] += not low <= 1 / 30 <= high
    assert missed["ci95"] / 100 >= least
    assert missed["ci95_cautious"] / 100 <= 0.08


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
    low, high = result.ci95_cautious  # the next recording may still differ
    assert high == -low == pytest.approx(1.96 * 2**0.5 / (30 + 2), rel=0.2)


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
    with pytest.raises(UsageError, match=rf"{len(a)} clips and {len(a) - 2}"):
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
    with pytest.raises(UsageError, match="0.wav.* Got scene bus and tram"):
        paired_test(a, dataclasses.replace(a, scenes=("tram", "home")))
    with pytest.raises(UsageError, match="1.wav.* Got recording s and t"):
        paired_test(a, evaluation([True, True], ["r", "t"]))


def test_nothing_is_refused():
    with pytest.raises(UsageError, match="no evaluation"):
        paired_test([], evaluation([True]))


# Several at once


def test_p_values_of_several_know_of_one_another():
    a, b, names = two(6, better=0.2)
    first = evaluation(b, names)
    less = evaluation(a[:-1], names[:-1])
    others = [evaluation(a, names), less, [first]]
    better, refused, same = paired_tests((other, first) for other in others)
    alone = paired_test(evaluation(a, names), first)
    assert better == dataclasses.replace(alone, p_holm=2 * alone.p_value)
    assert isinstance(refused, UsageError) and isinstance(better, PairedTest)
    assert same.p_holm == same.p_value == 1


def test_a_difference_in_one_line():
    a, b, names = two(6, better=0.2)
    result = paired_test(evaluation(a, names), evaluation(b, names))
    (low, high), (least, most) = (
        [f"{100 * limit:+.1f}" for limit in limits]
        for limits in (result.ci95, result.ci95_cautious)
    )
    clips = f"{len(a)} clips"
    assert difference_sentence(result) == (
        f"{100 * result.difference:+.1f} percentage points [95 % CI {low} to {high};"
        f" conservative {least} to {most}; {clips}, 30 recordings],"
        f" p {result.p_value:.4f}"
    )
    many = dataclasses.replace(result, recordings=50)
    assert f"to {high}; {clips}, 50 recordings], p {many.p:.4f}" in difference_sentence(
        many
    )
    corrected = dataclasses.replace(result, p_holm=0.5, recordings=None)
    assert difference_sentence(corrected).endswith(
        f"{clips} taken as independent, recordings unknown], p 0.5000"
    )


def test_holm_by_hand():
    """Holm 1979: times 4, 3, 2, 1 from the smallest, and never falling."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []
