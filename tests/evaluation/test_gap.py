"""Differences of accuracies on different clips."""

from __future__ import annotations

import dataclasses

import interval_coverage
import numpy as np
import pytest
from world import evaluation_of, probabilities_of

from asc.errors import UsageError
from asc.evaluation.gap import unpaired_difference
from asc.evaluation.intervals import (
    korn_graubard_interval,
    newcombe_interval,
    recording_interval,
)

SCENES = ("beach", "bus", "home")


def result_of(recordings, clips, wrong, first=0, **facts):
    """Return a result on clips of some recordings, of which some are wrong."""
    names = [f"r{first + n // clips}" for n in range(recordings * clips)]
    truth = np.arange(len(names)) % 3
    given = probabilities_of(truth, 3, wrong)
    paths = [f"{name}_{n}.wav" for n, name in enumerate(names)]
    return evaluation_of(truth, given, names, paths, SCENES, **facts)


def test_the_difference_is_that_of_the_accuracies():
    a, b = result_of(60, 1, range(6)), result_of(10, 8, range(40), first=60)
    found = unpaired_difference(a, b)
    assert found.difference == pytest.approx(0.9 - 0.5)
    low, high = found.ci95
    assert low < 0.4 < high
    least, most = found.ci95_cautious
    assert least <= low and high <= most
    assert (found.first.clips, found.first.recordings) == (60, 60)
    assert (found.second.clips, found.second.recordings) == (80, 10)
    assert found.few_recordings
    turned = unpaired_difference(b, a)
    assert turned.difference == -found.difference
    np.testing.assert_allclose(turned.ci95, (-high, -low), atol=0.02)


def test_its_interval_is_as_wide_as_those_of_both_sides_together():
    a, b = result_of(80, 1, range(16)), result_of(70, 1, range(35))
    low, high = unpaired_difference(a, b).ci95
    widths = [
        np.diff(recording_interval(one.correct, one.recordings)) for one in (a, b)
    ]
    assert high - low == pytest.approx(np.hypot(*widths).item(), rel=0.05)


def test_a_side_without_errors_has_no_interval_of_no_width():
    found = unpaired_difference(result_of(6, 2, ()), result_of(6, 2, (), first=6))
    assert found.ci95 == (0, 0)
    assert found.ci95_cautious[0] < -0.2 and found.ci95_cautious[1] > 0.2


def test_seeds_are_averaged_and_drawn_together():
    seeds = [result_of(20, 3, range(n), seed=n) for n in (6, 12)]
    one = result_of(20, 3, range(30), first=20)
    found = unpaired_difference(seeds, one)
    assert found.difference == pytest.approx(1 - 9 / 60 - 0.5)
    assert (found.first.clips, found.first.recordings) == (60, 20)
    twice = unpaired_difference([seeds[0], seeds[0]], one)
    assert twice.ci95 == pytest.approx(unpaired_difference(seeds[0], one).ci95)


def test_newcombe_by_hand():
    low, high = newcombe_interval((0.8, 0.5), [(0.6, 0.9), (0.3, 0.7)])
    assert low == pytest.approx(0.3 - np.hypot(0.2, 0.2))
    assert high == pytest.approx(0.3 + np.hypot(0.1, 0.2))


def test_the_sentence_says_that_nothing_is_tested():
    a, b = result_of(60, 1, range(6)), result_of(10, 8, range(40), first=60)
    text = unpaired_difference(a, b).sentence()
    assert text.startswith("+40.0 percentage points [conservative 95 % CI +")
    assert "; 60 and 80 clips, 60 recordings and 10 recordings]" in text
    assert text.endswith("on other test clips, so not paired and not tested")


def test_unknown_recordings_are_said_to_be():
    a, b = result_of(60, 1, range(6)), result_of(10, 8, range(40), first=60)
    unnamed = dataclasses.replace(b, recordings=b.paths)
    mixed = dataclasses.replace(b, recordings=b.recordings[:60] + b.paths[60:])
    found = unpaired_difference(a, unnamed)
    assert (found.second.recordings, found.second.without_recording) == (None, None)
    assert "recordings unknown (clips taken as independent)" in found.sentence()
    assert not found.few_recordings  # 80 clips
    found = unpaired_difference(a, mixed)
    assert (found.second.recordings, found.second.without_recording) == (8, 20)
    assert "8 recordings (20 clips without one)" in found.sentence()


def test_what_cannot_be_compared():
    a = result_of(6, 2, ())
    other = dataclasses.replace(a, scenes=("a", "b", "c"))
    with pytest.raises(UsageError, match="same scenes"):
        unpaired_difference(a, other)
    with pytest.raises(UsageError, match="no evaluation"):
        unpaired_difference(a, [])


@pytest.mark.parametrize("case", interval_coverage.UNPAIRED[1:5])
def test_the_conservative_interval_covers_the_truth(case):
    found = interval_coverage.of_unpaired(
        case, 200, {"Newcombe": interval_coverage.OF_UNPAIRED["Newcombe"]}
    )
    assert found["Newcombe"][0] >= 0.93


def test_each_side_has_its_korn_graubard_interval():
    a, b = result_of(12, 3, range(9)), result_of(8, 3, range(12), first=12)
    limits = [korn_graubard_interval(one.correct, one.recordings) for one in (a, b)]
    expected = newcombe_interval((a.metrics.accuracy, b.metrics.accuracy), limits)
    found = unpaired_difference(a, b)
    assert found.ci95_cautious[0] == min(expected[0], found.ci95[0])
    assert found.ci95_cautious[1] == max(expected[1], found.ci95[1])
