"""The data section of a report."""

from __future__ import annotations

import h5py

from asc.reporting.data import data_section
from asc.store import FeatureStore


def test_a_damaged_split_is_an_error_of_its_store_alone(own_store, small_store):
    with h5py.File(own_store, "r+") as file:
        file["splits/random/test"][0] = 10**6
    found = data_section([FeatureStore(own_store), FeatureStore(small_store)])
    damaged, sound = found["stores"]
    assert "split random" in damaged["error"]
    assert damaged["facts"]["store"] == own_store.name
    assert sound["error"] == ""
    splits = {split["name"]: split["clips"] for split in sound["splits"]}
    assert sum(splits["random"]) == 24
