"""Groups of a store: written, read, verified, and refused where they are hostile."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace

import h5py
import numpy as np
import pytest
from world import call_command

from asc.corpus import open_corpus
from asc.corpus.groups import is_group_name
from asc.errors import SettingsMismatch, StoreError, UsageError
from asc.store import FeatureStore, schema, verification, verify


@pytest.fixture
def own(tmp_path, tau_store):
    return shutil.copy(tau_store, tmp_path / "own.h5")


def change(path, change_file) -> list[str]:
    with h5py.File(path, "r+") as file:
        change_file(file)
    return verify(FeatureStore(path))


def test_columns_are_those_of_the_corpus(tau_store, tau_corpus):
    store, corpus = FeatureStore(tau_store), open_corpus(tau_corpus)
    assert store.groups == ("city", "device")
    for name in store.groups:
        assert store.group(name).tolist() == list(corpus.groups[name])
    assert store.summary()["groups"]["device"] == {"a": 8, "b": 8, "c": 8}
    assert verify(store) == []
    with h5py.File(tau_store) as file:  # as FORMAT.md says
        assert file["groups/device"][0] == b"a"
        assert h5py.check_string_dtype(file["groups/device"].dtype).encoding == "utf-8"


def test_a_store_without_groups_has_none(store):
    assert store.groups == ()
    assert store.summary()["groups"] == {}
    with h5py.File(store.path) as file:
        assert "groups" not in file
    assert "groups" not in store.provenance["corpus"]
    with pytest.raises(UsageError, match="has no groups. Got 'device'"):
        store.split("unseen-device:a")


def test_no_group_is_called_like_another_column():
    for name in (*schema.TEXTS, *schema.MEASURED, "predicted"):
        assert not is_group_name(name)


def test_splits_are_made_on_demand(tau_store):
    store = FeatureStore(tau_store)
    split = store.split("unseen-city:helsinki")
    cities = store.group("city")
    assert Counter(cities[split.test]) == {"helsinki": 12}
    assert split.leakage == 0
    with pytest.raises(UsageError, match="Unknown group 'town'. Known: city, device"):
        store.split("unseen-town:paris")
    with pytest.raises(UsageError, match="Unknown city 'helsink'. Did you mean 'helsi"):
        store.split("unseen-city:helsink")
    with pytest.raises(UsageError, match="unseen-city:NAME, unseen-device:NAME"):
        store.split("unseen")


def test_clips_that_failed_take_their_values_along(
    tmp_path, tau_corpus, extract, tau_store
):
    corpus = open_corpus(tau_corpus)
    first = replace(corpus.clips[0], path="audio/0.wav")  # which is not there
    corpus = replace(corpus, clips=(first, *corpus.clips[1:]), folds={})
    report = extract(corpus, allow_failures=True)
    store = FeatureStore(report.store)
    assert len(store) == 23
    whole = FeatureStore(tau_store)
    for name in ("city", "device"):
        assert store.group(name).tolist() == whole.group(name).tolist()[1:]
    assert verify(store) == []


@pytest.mark.parametrize("had", [(), ("city",)])
def test_a_store_without_groups_is_complete_and_update_adds_them(
    tmp_path, tau_corpus, extract, computed, had
):
    """Earlier versions stored none, and a user may add a column to a table."""
    corpus = open_corpus(tau_corpus)
    before = replace(
        corpus,
        clips=tuple(
            replace(clip, groups={name: clip.groups[name] for name in had})
            for clip in corpus.clips
        ),
    )
    old = FeatureStore(extract(before).store)
    assert old.groups == had and verify(old) == []
    computed.clear()
    data = old.path.read_bytes()
    report = extract(corpus)
    assert report.complete and report.kept == 24
    lacks = "the groups city, device," if not had else "the groups device,"
    assert report.notes[-1].startswith(f"the store lacks {lacks}")
    assert "--update adds them" in report.notes[-1]
    assert old.path.read_bytes() == data

    report = extract(corpus, update=True)
    new = FeatureStore(report.store)
    assert new.groups == ("city", "device") and verify(new) == []
    assert new.digest == old.digest and computed == []
    assert not any("lacks" in text for text in (*report.notes, *extract(corpus).notes))


def test_a_store_with_other_values_of_a_group_is_another(tau_corpus, extract):
    corpus = open_corpus(tau_corpus)
    extract(corpus)
    first, *others = corpus.clips
    other = replace(first, groups={**first.groups, "device": "z"})
    with pytest.raises(SettingsMismatch, match=r"(?s)corpus.groups.*--update"):
        extract(replace(corpus, clips=(other, *others)))


# Damage is found


def test_a_changed_value_is_found(own):
    def swap(file):
        values = file["groups/city"][:]
        file["groups/city"][:] = values[::-1]

    assert change(own, swap) == [
        "/groups/city was changed: its bytes are not those of its digest.",
        "Group city is not that of the provenance.",
    ]


def test_a_changed_digest_is_found(own):
    def damage(file):
        file["groups/city"].attrs["digest"] = np.bytes_(b"0" * 63 + b"1")

    assert change(own, damage) == [
        "/groups/city was changed: its bytes are not those of its digest."
    ]


def test_a_group_that_is_gone_or_renamed_is_found(own):
    sentence = "The groups are not those of the provenance."
    assert change(own, lambda file: file.move("groups/city", "groups/town")) == [
        sentence,
        "Group town is not that of the provenance.",
    ]
    assert sentence in change(own, lambda file: file.pop("groups"))


def test_verification_by_earlier_versions_is_not_disturbed(tau_store):
    """Their digest of the header has no groups in it."""
    with h5py.File(tau_store) as file:
        arrays = FeatureStore(tau_store).arrays()
        known = {k: v for k, v in arrays.items() if not k.startswith("groups/")}
        assert len(known) == len(arrays) - 2
        found = verification.header_digest(file, known)
        assert found.encode() == file.attrs["header_digest"]


# What is hostile is refused


def column(name, values):
    def put(file):
        file.pop(f"groups/{name}", None)
        file[f"groups/{name}"] = values

    return put


def number(file):
    del file["groups"]
    file["groups"] = np.arange(3)


def many(file):
    for each in range(17):
        file[f"groups/g{each}"] = np.array([b"a"] * 24)


def link(file):
    file["groups/other"] = h5py.SoftLink("/groups/city")


@pytest.mark.parametrize(
    "put, said",
    [
        (column("Device!", np.array([b"a"] * 24)), "not a valid name of a group"),
        (column("device", np.array([b"a"] * 23)), "expected text"),
        (column("device", np.arange(24)), "expected text"),
        (column("device", np.zeros((24, 2), "S1")), "expected text"),
        (number, "/groups is not a group"),
        (many, "/groups is not a group of at most 16"),
        (link, "link"),
    ],
)
def test_what_cannot_be_a_group_is_refused(own, put, said):
    with h5py.File(own, "r+") as file:
        put(file)
    with pytest.raises(StoreError, match=said):
        FeatureStore(own)


@pytest.mark.parametrize(
    "values, said",
    [
        ([b"\x1b[2J"] * 24, "has the value"),
        (["\u202ea".encode()] * 24, "has the value"),
        ([str(number).encode() for number in range(24)], "too many values"),
    ],
)
def test_hostile_values_are_refused_when_they_are_read(own, values, said, monkeypatch):
    monkeypatch.setattr("asc.store.columns.MOST_VALUES", 22)
    with h5py.File(own, "r+") as file:
        column("device", np.array(values))(file)
    store = FeatureStore(own)
    with pytest.raises(StoreError, match=said):
        store.group("device")
    assert any(said in sentence for sentence in verify(store))


def test_info_shows_them(tau_store):
    shown = call_command("asc", "store", "info", tau_store)
    assert "group device (3): a 8, b 8, c 8\n" in shown.stdout
    facts = json.loads(call_command("asc", "store", "info", tau_store, "--json").stdout)
    assert facts["groups"]["city"] == {"barcelona": 12, "helsinki": 12}
