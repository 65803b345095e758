"""Splits that test on a value of a group that was not trained on."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc.corpus.leakage import Origins, Split
from asc.corpus.splits import unseen_split, unseen_value
from asc.errors import UsageError


def made(
    recordings: list[str], values: list[str], scenes: list[str], value: str
) -> Split:
    origins = Origins(recordings, [f"{n}.wav" for n in range(len(values))])
    return unseen_split(f"unseen-device:{value}", scenes, origins, values)


def test_names():
    assert unseen_value("unseen-device:s1") == ("device", "s1")
    assert unseen_value("unseen-city:new: york/2") == ("city", "new: york/2")
    for other in ("unseen-device", "unseen-Device:a", "unseen-:a", "unseen-device:"):
        assert unseen_value(other) is None


def test_all_clips_of_a_value_are_tested_where_no_recording_is_shared():
    """As cities: each has its own locations."""
    cities = [c for c in "xyz" for _ in range(24)]
    recordings = [f"r{n // 4}" for n in range(72)]
    scenes = ["ab"[n // 4 % 2] for n in range(72)]
    split = made(recordings, cities, scenes, "y")
    assert split.test.tolist() == list(range(24, 48))
    assert {*split.train, *split.validation} == {*range(24), *range(48, 72)}
    assert Counter(scenes[row] for row in split.validation) == {"a": 4, "b": 4}
    assert not {recordings[r] for r in split.train} & {
        recordings[r] for r in split.validation
    }
    assert split.leakage == 0


def test_devices_that_recorded_together_are_tested_on_some_recordings():
    """As in TAU: of 20 recordings of a scene, 30 % are tested."""
    grid = [(s, r, d) for s in "ab" for r in range(20) for d in "xyz"]
    scenes, recordings, devices = (
        [s for s, _, _ in grid],
        [f"{s}{r}" for s, r, _ in grid],
        [d for _, _, d in grid],
    )
    split = made(recordings, devices, scenes, "y")
    assert {devices[row] for row in split.test} == {"y"}
    assert Counter(scenes[row] for row in split.test) == {"a": 6, "b": 6}
    learned = [*split.train, *split.validation]
    assert Counter(devices[row] for row in learned) == {"x": 28, "z": 28}
    assert split.leakage == 0


def test_a_device_of_few_recordings_is_tested_on_all_of_them():
    """Clips of others from these recordings are in no part."""
    recordings = [f"r{n // 2}" for n in range(40)]
    devices = ["x"] * 40
    devices[1] = devices[39] = "y"
    split = made(recordings, devices, ["a"] * 40, "y")
    assert split.test.tolist() == [1, 39]
    used = {*split.train, *split.validation, *split.test}
    assert used == {*range(40)} - {0, 38}


def test_clips_of_unknown_value_are_in_no_part():
    recordings = [f"r{n}" for n in range(12)]
    devices = ["x", "y", ""] * 4
    split = made(recordings, devices, ["a"] * 12, "y")
    used = {*split.train, *split.validation, *split.test}
    assert used == {n for n in range(12) if n % 3 != 2}


def test_leakage_is_unknown_where_recordings_are():
    paths = [f"{n}.wav" for n in range(8)]
    split = made(paths, list("xxxxyyyy"), ["a"] * 8, "y")
    assert split.leakage is None
    assert split.test.tolist() == [4, 5, 6, 7]


def test_values_and_clips_that_cannot_be_split():
    with pytest.raises(UsageError, match="Unknown device 'z'. Known: x, y"):
        made(["r", "s"], ["x", "y"], ["a", "a"], "z")
    with pytest.raises(UsageError, match="all clips are of device x"):
        made(["r", "s"], ["x", "x"], ["a", "a"], "x")
    with pytest.raises(UsageError, match="too few to be in train and in test"):
        made(["r", "r"], ["x", "y"], ["a", "a"], "y")


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 8), st.sampled_from(["", *"xyz"])),
        min_size=2,
        max_size=60,
    )
)
def test_any_unseen_value_is_unseen(clips):
    scenes = [f"s{scene}" for scene, _, _ in clips]
    recordings = np.array([f"r{recording}" for _, recording, _ in clips])
    values = np.array([value for _, _, value in clips])
    try:
        split = made(recordings.tolist(), values.tolist(), scenes, "y")
    except UsageError:
        return
    assert set(values[split.test]) == {"y"}
    assert not set(values[split.train]) & {"y", ""}
    assert not set(values[split.validation]) & {"y", ""}
    for one, other in (("train", "validation"), ("train", "test")):
        both = (set(recordings[split.part(part)]) for part in (one, other))
        assert not set.intersection(*both)
    assert split.leakage == 0
    # At most 30 % of the clips of other values are given up, to a recording each scene.
    others = (values != "y") & (values != "")
    shared = set(recordings[values == "y"]) & set(recordings[others])
    if others[np.isin(recordings, list(shared))].sum() <= 0.3 * others.sum():
        assert split.test.tolist() == np.flatnonzero(values == "y").tolist()
