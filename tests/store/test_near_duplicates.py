"""Copies in a store: equal, softer, cut, encoded again; and clips that are none."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from asc import extraction
from asc.corpus import open_corpus
from asc.corpus.duplicates import equal_rows
from asc.errors import UsageError
from asc.store import FeatureStore, near_duplicates, verify
from asc.store.near_duplicates import find_near_duplicates

RATE, SECONDS = 16_000, 4


def scene(seed: int) -> np.ndarray:
    """Return noise in which something happens, all scenes alike on average."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=RATE * SECONDS))
    spectrum /= np.maximum(np.fft.rfftfreq(RATE * SECONDS, 1 / RATE), 50) ** 0.5
    y = np.fft.irfft(spectrum, RATE * SECONDS)
    time = np.arange(len(y)) / RATE
    for start in rng.uniform(0, SECONDS, 6):
        event = np.exp(-20 * np.abs(time - start))
        y = y + 3 * y.std() * event * np.sin(2 * np.pi * rng.uniform(200, 3000) * time)
    return (0.1 * y / np.abs(y).max()).astype(np.float32)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Six scenes, each in a folder of its own, and the first one in disguises."""
    root = tmp_path_factory.mktemp("copies") / "corpus"
    originals = [scene(seed) for seed in range(6)]
    y = originals[0]
    written = {f"scene{number}/original.wav": it for number, it in enumerate(originals)}
    written |= {
        "scene1/equal.wav": y,
        "scene1/softer.wav": y * 10 ** (-20 / 20),
        "scene2/cut.wav": y[round(0.33 * RATE) :],
        "scene2/turned.wav": np.roll(y, RATE),
        "scene3/encoded.ogg": y,
        "scene3/all.mp3": 0.3 * y[round(0.1 * RATE) :],
    }
    for name, samples in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        lossy = {} if name.endswith("wav") else {"compression_level": 0.9}
        soundfile.write(root / name, samples, RATE, **lossy)
    store = root.parent / "store.h5"
    plan = extraction.plan(open_corpus(root), store, seconds=SECONDS, features=("mel",))
    assert extraction.extract(plan, jobs=1).complete
    return FeatureStore(store)


def rows(store, *endings):
    return [store.find(ending) for ending in endings]


def equal_clips(store):
    return equal_rows(store.digests(store.spec.features[0]), store.finished_rows())


def test_equal_clips_are_told_by_their_digests(copies):
    groups = equal_clips(copies)
    original, equal = rows(copies, "scene0/original.wav", "equal.wav")
    assert groups[original] == groups[equal] >= 0
    assert (groups >= 0).sum() == 2
    assert copies.summary()["duplicates"] == 2
    for name, facts in copies.summary()["splits"].items():
        split = copies.split(name)
        pair = {original, equal}
        apart = len(pair & set(split.test)) == len(pair & set(split.train)) == 1
        assert facts["duplicates"] == apart


@pytest.mark.parametrize("place", [0, 31])
@pytest.mark.parametrize("seed", range(4))
def test_groups_are_those_of_a_dictionary(copies, monkeypatch, place, seed):
    """Whichever byte of the digests differs, and whichever rows are done."""
    rng = np.random.default_rng(seed)
    digests = np.zeros((len(copies), 32), np.uint8)
    digests[:, place] = rng.integers(0, 9, len(copies))
    done = rng.random(len(copies)) < 0.8
    monkeypatch.setattr(copies, "digests", lambda feature: digests)
    monkeypatch.setattr(copies, "finished_rows", lambda: np.flatnonzero(done))
    expected: dict[int, set[int]] = {}
    for row in np.flatnonzero(done):
        expected.setdefault(int(digests[row, place]), set()).add(int(row))
    groups = equal_clips(copies)
    found = {
        frozenset(np.flatnonzero(groups == group).tolist())
        for group in set(groups[groups >= 0].tolist())
    }
    assert found == {frozenset(rows) for rows in expected.values() if len(rows) > 1}


def test_all_disguises_of_a_clip_are_found_and_nothing_else(copies):
    found = find_near_duplicates(copies)
    disguises = ("equal.wav", "softer.wav", "cut.wav", "turned.wav", "encoded.ogg")
    family = set(rows(copies, "scene0/original.wav", *disguises, "all.mp3"))
    assert {row for copy in found for row in (copy.first, copy.second)} == family
    original = copies.find("scene0/original.wav")
    with_it = {copy.first + copy.second - original: copy.similarity for copy in found}
    for disguise in (*disguises, "all.mp3"):
        assert with_it[copies.find(disguise)] >= near_duplicates.NEAR
    assert with_it[copies.find("equal.wav")] == pytest.approx(1)
    assert [copy.similarity for copy in found] == sorted(
        (copy.similarity for copy in found), reverse=True
    )
    assert all(copy.first < copy.second for copy in found)


def test_clips_that_are_no_copies_are_far_from_the_threshold(copies):
    originals = set(rows(copies, *(f"scene{n}/original.wav" for n in range(6))))
    pairs = {
        (copy.first, copy.second): copy.similarity
        for copy in find_near_duplicates(copies, threshold=-1)
    }
    assert len(pairs) == 12 * 11 / 2
    others = [alike for pair, alike in pairs.items() if originals >= set(pair)]
    assert len(others) == 15
    assert max(others) < near_duplicates.NEAR / 2


def test_similarity_is_the_largest_correlation_over_shifts(copies):
    """From its definition, shift by shift."""
    a, b = rows(copies, "scene0/original.wav", "cut.wav")
    edges = near_duplicates._band_edges(copies)
    changes = []
    for row in (a, b):
        levels = copies.to_decibels("mel", copies.features("mel")[row, :, :, 0])
        levels = np.maximum(levels, levels.max() - 60)
        bands = [levels[low:high].mean(axis=0) for low, high in zip(edges, edges[1:])]
        tilt = -np.diff(bands, axis=0)
        change = np.clip(tilt - np.roll(tilt, 2, axis=1), -6, 6)
        changes.append(change / np.linalg.norm(change))
    expected = max(
        (changes[0] * np.roll(changes[1], shift, axis=1)).sum() for shift in range(256)
    )
    (found,) = (
        copy.similarity
        for copy in find_near_duplicates(copies, threshold=-1)
        if {copy.first, copy.second} == {a, b}
    )
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("kept", "block"), [(4, 2), (12, 5), (5, 5), (1, 1)])
def test_blocks_do_not_change_what_is_found(copies, monkeypatch, kept, block):
    expected = find_near_duplicates(copies, threshold=-1)
    monkeypatch.setattr(near_duplicates, "_KEPT", kept)
    monkeypatch.setattr(near_duplicates, "_BLOCK", block)
    seen = []
    found = find_near_duplicates(
        copies, threshold=-1, progress=lambda *at: seen.append(at)
    )
    key = {(copy.first, copy.second): copy.similarity for copy in expected}
    assert {(copy.first, copy.second) for copy in found} == set(key)
    assert len(found) == len(expected)
    for copy in found:
        assert copy.similarity == pytest.approx(key[copy.first, copy.second], abs=1e-5)
    assert seen[-1] == (66, 66)
    assert sorted(seen) == seen


def test_silence_is_like_nothing(tmp_path):
    root = tmp_path / "silent"
    for number in range(3):
        (root / "quiet").mkdir(parents=True, exist_ok=True)
        samples = np.zeros(RATE) if number < 2 else scene(0)[:RATE]
        soundfile.write(root / "quiet" / f"{number}.wav", samples, RATE)
    plan = extraction.plan(open_corpus(root), tmp_path / "s.h5", features=("mel",))
    extraction.extract(plan, jobs=1)
    store = FeatureStore(tmp_path / "s.h5")
    assert find_near_duplicates(store) == []
    assert store.summary()["duplicates"] == 2  # though their digests are equal


def test_coarse_features_are_refused(small_store):
    with pytest.raises(
        UsageError, match="too coarse to find near-duplicates. Expected Mel"
    ):
        find_near_duplicates(FeatureStore(small_store))


def test_a_growing_store_is_compared_as_far_as_it_is(copies, monkeypatch):
    finished = np.delete(np.arange(len(copies)), copies.find("equal.wav"))
    monkeypatch.setattr(copies, "finished_rows", lambda: finished)
    assert (equal_clips(copies) == -1).all()
    assert find_near_duplicates(copies, threshold=0.999) == []


# The adjacent share that splits carry


def test_a_changed_adjacent_share_is_found(own_store):
    import h5py

    with h5py.File(own_store, "r+") as file:
        actual = file["splits/random"].attrs["adjacent"]
        file["splits/random"].attrs["adjacent"] = 0.0
    assert actual > 0
    sentence, header = verify(FeatureStore(own_store))
    assert header.startswith("The header was changed")
    assert sentence == (
        f"Split random: the share of adjacent clips is {actual:.4f}, the store says"
        " 0.0000."
    )


def test_stores_of_earlier_versions_do_not_tell_it(own_store):
    import h5py

    with h5py.File(own_store, "r+") as file:
        for split in file["splits"].values():
            del split.attrs["adjacent"]
        del file.attrs["header_digest"]
    store = FeatureStore(own_store)
    assert store.split("random").adjacent is None
    assert store.split("recording").adjacent == 0
    assert verify(store) == []
