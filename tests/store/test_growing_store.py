"""Reading a store that is still growing."""

from __future__ import annotations

import pickle

import numpy as np

from asc.corpus.leakage import PARTS, leakage
from asc.store import FeatureStore, partial_path
from asc.store.schema import DONE


def state_of(store):
    splits = [*store.splits, "development", "recording1of3"]
    rows = [store.split(name).part(part).tolist() for name in splits for part in PARTS]
    return rows, [store.split(name).leakage for name in splits], store.digest


def test_only_finished_rows_are_in_a_split(growing, small_store):
    whole = FeatureStore(small_store)
    done = np.flatnonzero(growing.status() == DONE)
    assert growing.finished_rows().tolist() == done.tolist()
    assert len(done) == 20
    assert whole.finished_rows().tolist() == list(range(24))
    recordings = np.array(growing.recordings())
    for name in (*growing.splits, "development", "recording2of3"):
        part, full = growing.split(name), whole.split(name)
        for one in PARTS:
            assert part.part(one).tolist() == sorted({*full.part(one)} & {*done})
        shared = leakage(recordings[part.train], recordings[part.test])
        assert (part.leakage, part.leakage_at_least) == shared
    features = growing.features("mel")[growing.finished_rows()]
    np.testing.assert_array_equal(features, whole.features("mel")[done])


def test_summary_counts_finished_rows(growing, small_store):
    facts = growing.summary()
    assert (facts["complete"], facts["clips"], facts["finished"]) == (False, 24, 20)
    for name, split in facts["splits"].items():
        assert sum(split[part] for part in PARTS) <= 20
        assert split["train"] == len(growing.split(name).train)
    assert facts["digest"] not in ("0" * 64, FeatureStore(small_store).digest)
    assert FeatureStore(small_store).summary()["finished"] == 24


def test_what_is_written_later_does_not_change_it(
    extract, few_clips, growing_place, growing, small_store
):
    """Neither new rows nor the renaming of the file when it is whole."""
    before, data = state_of(growing), growing.features("mel")[growing.finished_rows()]
    assert extract(few_clips, growing_place).complete
    assert not partial_path(growing_place).exists()
    assert state_of(growing) == before
    again = growing.features("mel")[growing.finished_rows()]
    np.testing.assert_array_equal(again, data)
    whole = FeatureStore(growing_place, partial=True)
    assert whole.complete and whole.digest == FeatureStore(small_store).digest


def test_pickle(growing):
    data = pickle.dumps(growing)
    assert len(data) < 20_000
    assert state_of(pickle.loads(data)) == state_of(growing)
