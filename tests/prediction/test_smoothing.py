"""Smoothing against definitions that try everything, and segments of windows."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc.errors import UsageError
from asc.prediction import Prediction
from asc.prediction.segments import segments
from asc.prediction.smoothing import Smoothing, best_path, median_filter


def random_windows(seed, count, scenes):
    return np.random.default_rng(seed).dirichlet(np.ones(scenes), count)


def cost_of(path, windows, switch_cost):
    chosen = windows[np.arange(len(windows)), list(path)]
    return -np.log(chosen).sum() + switch_cost * np.count_nonzero(np.diff(path))


@settings(derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 999),
    count=st.integers(1, 6),
    scenes=st.integers(1, 3),
    switch_cost=st.sampled_from([0.0, 0.2, 1.0, 5.0]),
)
def test_no_path_costs_less(seed, count, scenes, switch_cost):
    windows = random_windows(seed, count, scenes)
    found = cost_of(best_path(windows, switch_cost), windows, switch_cost)
    paths = itertools.product(range(scenes), repeat=count)
    least = min(cost_of(path, windows, switch_cost) for path in paths)
    assert found == pytest.approx(least)


def test_paths_without_and_with_a_high_cost():
    windows = random_windows(0, 40, 4)
    np.testing.assert_array_equal(best_path(windows, 0), windows.argmax(axis=1))
    assert len(set(best_path(windows, 1000))) == 1
    assert len(best_path(windows[:0], 1)) == 0
    certain = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])  # zeros have a logarithm
    np.testing.assert_array_equal(best_path(certain, 3), [0, 1, 1])


@settings(derandomize=True, deadline=None)
@given(seed=st.integers(0, 999), length=st.integers(1, 9), half=st.integers(0, 4))
def test_medians(seed, length, half):
    windows = random_windows(seed, length, 3)
    for number, row in enumerate(median_filter(windows, 2 * half + 1)):
        around = windows[max(0, number - half) : number + half + 1]
        medians = np.median(around, axis=0)
        np.testing.assert_allclose(row, medians / medians.sum())


def test_medians_that_are_all_zero():
    windows = np.eye(3)
    np.testing.assert_array_equal(median_filter(windows, 3)[1], windows[1])


def test_what_smoothing_changes():
    windows = np.array([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1]])
    for kind, labels in (
        ("none", [0, 1, 0]),
        ("median", [0, 0, 0]),
        ("viterbi", [0, 0, 0]),
    ):
        smoothed, found = Smoothing(kind, 3, 1.0)(windows)
        np.testing.assert_array_equal(found, labels)
        assert np.array_equal(smoothed, windows) == (kind != "median")


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "mean"},
        {"windows": 4},
        {"windows": 0},
        {"switch_cost": -1},
        {"switch_cost": np.nan},
    ],
)
def test_what_is_no_smoothing(options):
    with pytest.raises(UsageError, match=r"Got|Unknown smoothing 'mean'"):
        Smoothing(**options)


# Segments


def predicted(labels, start, end, confidence=None):
    confidence = np.full(len(labels), 0.8) if confidence is None else confidence
    windows = np.zeros((len(labels), 3))
    windows[np.arange(len(labels)), labels] = confidence
    return Prediction(
        Path("a.wav"),
        windows,
        np.array(start),
        np.array(end),
        labels=np.array(labels, int),
    )


def test_neighbours_of_one_scene_are_one_segment():
    found = predicted([0, 0, 1], [0.0, 1, 2], [1.0, 2, 3], [0.5, 0.7, 0.9])
    first, second = segments(found)
    assert first == (0, 2, 0, pytest.approx(0.6))
    assert second == (2, 3, 1, pytest.approx(0.9))
    assert list(segments(predicted([], [], []))) == []


def test_windows_that_overlap_meet_halfway():
    found = predicted([0, 1, 1, 2], [0.0, 1, 2, 2.5], [4.0, 5, 6, 6.5])
    assert [s[:3] for s in segments(found)] == [
        (0, 2.5, 0),
        (2.5, 4.25, 1),
        (4.25, 6.5, 2),
    ]


def test_gaps_and_unsure_windows_are_in_no_segment():
    found = predicted([0, 0], [0.0, 5], [1.0, 6])
    assert [s[:2] for s in segments(found)] == [(0, 1), (5, 6)]
    unsure = predicted([0, 0, 0], [0.0, 1, 2], [1.0, 2, 3], [0.8, 0.3, 0.8])
    assert [s[:2] for s in segments(unsure, 0.5)] == [(0, 1), (2, 3)]
