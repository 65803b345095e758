"""Leakage: from its definitions, on lists small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from asc.corpus.leakage import (
    Leakage,
    Origins,
    Split,
    equal_in_train,
    leakage,
    pooled_leakage,
    similar_in_train,
)


def test_leakage_of_nothing():
    assert leakage(["r1"], []) == (0.0, 0.0)
    assert leakage([], ["r1"]) == (0.0, 0.0)
    assert leakage(["r1", "r2"], ["r1", "r1", "r3", "r4"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        # A capital letter is a clip whose recording is not known.
        ("ab", "aC", (None, 0.5)),
        ("aB", "ac", (None, 0.5)),  # c may be from the recording of B
        ("aB", "aa", (1.0, 1.0)),  # whatever B is from
        ("AB", "CD", (None, 0.0)),
        ("AB", "AB", (1.0, 1.0)),  # the clips themselves
        ("AB", "AC", (None, 0.5)),
        ("AB", "", (0.0, 0.0)),
        ("aB", "", (0.0, 0.0)),
    ],
)
def test_leakage_is_known_only_if_it_depends_on_known_recordings(train, test, expected):
    named = ([name.islower() for name in names] for names in (train, test))
    assert leakage(list(train), list(test), *named) == expected


@pytest.mark.parametrize(
    ("leakages", "clips", "expected"),
    [
        ([(1.0, 1.0), (0.0, 0.0)], [3, 1], (0.75, 0.75)),
        ([(0.5, 0.5)], [7], (0.5, 0.5)),
        ([(0.5, 0.5), (None, 0.0)], [1, 1], (None, 0.25)),
    ],
)
def test_pooled_leakage_weighs_clips(leakages, clips, expected):
    found = pooled_leakage([Leakage(*each) for each in leakages], clips)
    assert found == expected


def test_origins_measure_a_split():
    paths = ["a_0_10.wav", "a_10_20.wav", "a_40_50.wav", "b_0_10.wav", "c_0_10.wav"]
    origins = Origins([path[0] for path in paths], paths)
    parts = [np.array(rows) for rows in ([0, 4], [], [1, 2, 3])]
    split = origins.split("random", *parts)
    assert split.name == "random"
    assert split.part("test").tolist() == [1, 2, 3]
    assert (split.leakage, split.adjacent) == (2 / 3, 1 / 3)
    apart = origins.split("recording", parts[0], parts[1], np.array([3]))
    assert (apart.leakage, apart.adjacent) == (0.0, 0.0)


def test_unknown_recordings_leak_nobody_knows_how_much():
    origins = Origins(["x.wav", "y.wav"], ["x.wav", "y.wav"])
    split = origins.split("random", np.array([0]), np.array([], int), np.array([1]))
    assert (split.leakage, split.adjacent) == (None, None)


def test_only_test_clips_that_are_in_train_count():
    rows = np.arange(8)
    split = Split("random", rows[:3], rows[3:5], rows[5:], None)
    groups = np.array([-1, 0, 1, 2, -1, 0, 0, 2])
    assert equal_in_train(split, groups) == 2  # rows 5 and 6; 7 is in validation
    assert equal_in_train(split, np.full(8, -1)) == 0


def test_test_clips_with_a_near_duplicate_in_train_count_once():
    at = np.arange(10)
    split = Split("random", at[:4], at[4:6], at[6:], 0.0)
    pairs = [(0, 6), (1, 6), (2, 3), (6, 7), (5, 8), (3, 9), (0, 1)]
    assert similar_in_train(split, pairs) == 2
