"""Whatever is changed in a store is found: by opening it, or by verifying it."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re

import h5py
import numpy as np
import pytest

from asc.errors import InputError, StoreError
from asc.store import FeatureStore, verify


def things_in(file: h5py.File) -> list[tuple[str, str | None]]:
    """Return every dataset, and every attribute of the file, a group or a dataset."""
    places = [""]
    file.visit(places.append)
    found: list[tuple[str, str | None]] = []
    for place in places:
        item = file[place or "/"]
        found += [(place, name) for name in item.attrs]
        if isinstance(item, h5py.Dataset) and item.size:
            found.append((place, None))
    return found


def changed(value: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return values of the same type with one bit changed in one of them."""
    data = bytearray(value.tobytes())
    if value.dtype.kind == "S":  # a letter or digit for another one
        places = [at for at, byte in enumerate(data) if chr(byte).isalnum()]
        data[rng.choice(places or range(len(data)))] ^= 1
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)
    return np.frombuffer(bytes(data), value.dtype).reshape(value.shape)


def problem_of(path) -> str:
    """Return what is said about a changed store: one sentence at least."""
    try:
        return " ".join(verify(FeatureStore(path)))
    except (StoreError, InputError) as error:
        return str(error)


def test_every_attribute_and_every_dataset(own_store):
    sound = own_store.read_bytes()
    with h5py.File(own_store) as file:
        things = things_in(file)
    assert {("", "scenes"), ("splits/fold1", "leakage")} < set(things)
    assert {("clips/path", None), ("features/mel", "unit")} < set(things)
    for seed, (place, name) in enumerate(things):
        rng = random.Random(seed)
        own_store.write_bytes(sound)
        with h5py.File(own_store, "r+") as file:
            item = file[place or "/"]
            if name is None:
                item[...] = changed(item[...], rng)
            else:
                kind = item.attrs.get_id(name).dtype
                value = changed(np.array(item.attrs[name], kind), rng)
                item.attrs.modify(name, value)
        assert problem_of(own_store), (place, name)


def test_renamed_splits_and_features(own_store):
    sound = own_store.read_bytes()
    for old, new in (("splits/recording", "splits/random2"), ("splits/fold1", "x")):
        own_store.write_bytes(sound)
        with h5py.File(own_store, "r+") as file:
            file.move(old, new)
        assert "header was changed" in problem_of(own_store)
    own_store.write_bytes(sound)
    with h5py.File(own_store, "r+") as file:
        file.copy("splits/fold1", "splits/mine")
    assert "header was changed" in problem_of(own_store)


def test_the_number_of_recordings_also_of_earlier_stores(own_store):
    with h5py.File(own_store, "r+") as file:
        file.attrs.modify("recordings", np.int64(999))
        del file.attrs["header_digest"]
    assert verify(FeatureStore(own_store)) == [
        "The clips have 12 recordings, the store says 999."
    ]


def content(store: FeatureStore) -> list[object]:
    """Return all that a store says."""
    return [
        *(store.scenes, store.splits, store.spec, store.fingerprint, store.digest),
        *(store.provenance, store.environment, store.corpus, store.recording_count),
        *(store.paths(), store.recordings(), store.labels().tolist()),
        *(store.failures(), store.status().tolist()),
        [store.summary()["splits"]],
        [store.encoding(name) for name in store.spec.features],
        [bytes(array.map(store.path)) for array in store.arrays().values()],
    ]


@pytest.mark.parametrize("seed", range(2))
def test_any_bit(own_store, seed):
    """A flipped bit anywhere is found, or what is read is the same."""
    sound, rng = own_store.read_bytes(), random.Random(seed)
    expected, found = content(FeatureStore(own_store)), 0
    first = min(
        array.offset
        for name, array in FeatureStore(own_store).arrays().items()
        if name.startswith("features/")
    )
    for _ in range(50):
        data = bytearray(sound)
        place = rng.randrange(first + 1000)
        data[place] ^= 1 << rng.randrange(8)
        own_store.write_bytes(data)
        if problem_of(own_store):
            found += 1
            continue
        read = content(FeatureStore(own_store))
        assert read == expected, place
    assert found > 10


def test_what_follows_the_file(own_store, refusal):
    """HDF5 ignores it, and it may be of any size."""
    with open(own_store, "ab") as file:
        file.write(b"x")
    assert "has 1 bytes behind its end" in refusal(own_store)


@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
def test_the_end_in_every_kind_of_superblock(own_store, tmp_path, libver, refusal):
    path = tmp_path / "copy.h5"
    with h5py.File(path, "w", libver=libver) as file, h5py.File(own_store) as whole:
        for name in whole:
            whole.copy(name, file)
        for name, value in whole.attrs.items():
            file.attrs.create(name, value, dtype=whole.attrs.get_id(name).dtype)
    assert verify(FeatureStore(path)) == []
    with open(path, "ab") as file:
        file.write(bytes(70_000))
    assert "has 70,000 bytes behind its end" in refusal(path)


def test_as_documented(own_store):
    """The digest can be computed by FORMAT.md alone."""

    def entry(item):
        values = {}
        for name, value in item.attrs.items():
            if name in ("complete", "header_digest"):
                continue
            value = value.decode() if isinstance(value, bytes) else value.item()
            nothing = isinstance(value, float) and math.isnan(value)
            values[name] = None if nothing else value
        if isinstance(item, h5py.Dataset):
            values |= {"shape": list(item.shape), "type": item.dtype.str}
        return values

    with h5py.File(own_store) as file:
        header = {"/": entry(file)}

        def visit(name, item):
            if isinstance(item, h5py.Dataset) or re.fullmatch("splits/[^/]+", name):
                header[name] = entry(item)

        file.visititems(visit)
        text = json.dumps(
            header, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        written = file.attrs["header_digest"].decode()
    assert hashlib.sha256(text.encode()).hexdigest() == written
