"""Damage is found and named."""

from __future__ import annotations

import json
import random

import h5py
import numpy as np
import pytest

from asc.errors import StoreError
from asc.store import FeatureStore, verification, verify

HEADER = (
    "The header was changed: scenes, splits, recordings, spec or other attributes are"
    " not those of its digest."
)


def flip(path, dataset: str, index: int) -> None:
    """Flip one bit of the byte at a place in a dataset."""
    with h5py.File(path, "r") as file:
        size = file[dataset].nbytes
        offset = file[dataset].id.get_offset() + index % size
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << index % 8]))


def problems(path) -> list[str]:
    return verify(FeatureStore(path))


def change(path, change_file) -> list[str]:
    with h5py.File(path, "r+") as file:
        change_file(file)
    return problems(path)


def test_sound_stores(small_store, tiny_store):
    assert problems(small_store) == []
    assert problems(tiny_store) == []
    assert verification.notes(FeatureStore(small_store)) == []


def test_progress(small_store):
    calls = []
    verify(FeatureStore(small_store), lambda done, total: calls.append((done, total)))
    assert calls == [(n, 48) for n in range(1, 49)]


@pytest.mark.parametrize("feature", ["mel", "stft"])
@pytest.mark.parametrize("seed", range(4))
def test_any_changed_byte_of_data_is_named(own_store, feature, seed):
    index = random.Random(seed).randrange(24 * 256)
    row = index // 256
    path = FeatureStore(own_store).paths()[row]
    flip(own_store, f"features/{feature}", index)
    found = problems(own_store)
    assert f"Clip {path} (row {row}), {feature}: the data was changed." in found
    assert all(path in sentence for sentence in found)


@pytest.mark.parametrize("feature", ["mel", "stft"])
@pytest.mark.parametrize("seed", range(2))
def test_any_changed_byte_of_a_digest_is_named(own_store, feature, seed):
    index = random.Random(seed).randrange(24 * 32)
    row = index // 32
    path = FeatureStore(own_store).paths()[row]
    flip(own_store, f"rows/digest_{feature}", index)
    assert problems(own_store) == [
        f"Clip {path} (row {row}), {feature}: the data was changed.",
        "The digest of the store is not that of its rows.",
    ]


@pytest.mark.parametrize("split", ["random", "recording", "fold2"])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
@pytest.mark.parametrize("index", [0, 4, 7])
def test_changed_row_numbers_are_named(own_store, split, part, index):
    """Rows out of range, or in two parts. Others show in the leakage, if at all."""
    flip(own_store, f"splits/{split}/{part}", index)
    found = problems(own_store)
    assert all(split in sentence for sentence in found)
    assert found


def test_parts_that_overlap(own_store):
    def overlap(file):
        file["splits/random/test"][0] = file["splits/random/train"][0]

    assert change(own_store, overlap) == [
        "Split random: a clip is in two parts, or twice in one.",
        "/splits/random/test was changed: its bytes are not those of its digest.",
    ]


def test_changed_leakage(own_store):
    def claim(file):
        file["splits/random"].attrs["leakage"] = 0.0

    sentence, header = change(own_store, claim)
    assert sentence.startswith("Split random: leakage is ")
    assert sentence.endswith(", the store says 0.0000.")
    assert header == HEADER


@pytest.mark.parametrize("claim", [0.0, 1.0])
def test_leakage_that_cannot_be_known(tmp_path, own_corpus, extract, claim):
    (own_corpus / "meta.txt").unlink()
    table = own_corpus / "clips.csv"
    names = [file.name for file in sorted((own_corpus / "audio").iterdir())]
    rows = [f"audio/{name},{name[0]}" for name in names]
    table.write_text("\n".join(["path,label", *rows]))
    path = extract(table).store
    assert problems(path) == []

    def change_leakage(file):
        file["splits/random"].attrs["leakage"] = claim

    assert change(path, change_leakage) == [
        f"Split random: leakage is unknown, the store says {claim:.4f}.",
        HEADER,
    ]


def test_labels_that_are_not_listed(own_store):
    def relabel(file):
        file["clips/scene"][3] = b"moon"

    index, labels = change(own_store, relabel)
    assert index.startswith("/clips/scene was changed")
    assert "scenes that it does not list" in labels


INDICES = ["recording", "seconds", "sample_rate", "channels", "source_bytes"]


@pytest.mark.parametrize(
    "name",
    ["splits/fold1/train", "splits/fold2/test", "clips/path", "clips/source_crc32"]
    + [f"clips/{name}" for name in INDICES],
)
@pytest.mark.parametrize("seed", range(3))
def test_any_changed_byte_of_an_index_is_named(own_store, name, seed):
    """Also where nothing else tells: a row that is in no part, a length, a sum."""
    flip(own_store, name, random.Random(seed).randrange(10_000))
    try:
        found = problems(own_store)
    except StoreError as error:  # a path with a control character, say
        found = [str(error)]
    assert any(name.rpartition("/")[0].split("/")[-1] in text for text in found)


def test_rows_that_change_places_break_no_rule(own_store):
    def exchange(file):
        parts = [file["splits/random"][part] for part in ("train", "validation")]
        rows = [part[...] for part in parts]
        rows[0][0], rows[1][0] = rows[1][0], rows[0][0]
        for part, changed in zip(parts, rows, strict=True):
            part[...] = np.sort(changed)

    found = change(own_store, exchange)
    for part in ("train", "validation"):
        assert any(text.startswith(f"/splits/random/{part} was") for text in found)


def test_stores_of_earlier_versions_have_no_digests_of_indices(own_store):
    def take_away(file):
        del file.attrs["header_digest"]
        for group in ("clips", "failures", "splits/random", "splits/fold1"):
            for dataset in file[group].values():
                del dataset.attrs["digest"]

    assert change(own_store, take_away) == []
    (note,) = verification.notes(FeatureStore(own_store))
    assert "has no digest of its header" in note


@pytest.mark.parametrize(
    ("column", "value"),
    [("path", b"audio/z.wav"), ("scene", b"bus"), ("recording", b"a001")],
)
def test_changed_texts(own_store, column, value):
    """The digest in the provenance covers what the corpus says of every clip."""

    def rename(file):
        file[f"clips/{column}"][0] = value

    found = change(own_store, rename)
    assert "Paths, scenes or recordings are not those of the provenance." in found


def test_clips_listed_twice(own_store):
    def repeat(file):
        file["clips/path"][1] = file["clips/path"][0]

    assert "Clips are listed more than once." in change(own_store, repeat)


def test_code_0_is_no_data(own_store):
    """Even with a digest that fits."""

    def erase(file):
        import hashlib

        file["features/mel"][2] = 0
        digest = hashlib.sha256(bytes(256)).digest()
        file["rows/digest_mel"][2] = np.frombuffer(digest, "u1")

    found = change(own_store, erase)
    path = FeatureStore(own_store).paths()[2]
    assert f"Clip {path} (row 2), mel: data is missing." in found


@pytest.mark.parametrize("status", [0, 2, 7])
def test_row_that_is_not_done(own_store, status, refusal):
    """It holds no data, so nobody may train on it."""
    with h5py.File(own_store, "r+") as file:
        file["rows/status"][5] = status
    assert "1 row is not done" in refusal(own_store)


def test_changed_spec(own_store):
    def loosen(file):
        spec = json.loads(file.attrs["spec"]) | {"hop_length": 100}
        file.attrs["spec"] = np.bytes_(json.dumps(spec))

    assert change(own_store, loosen) == [
        HEADER,
        "The spec is not that of the provenance.",
    ]


def test_changed_provenance(own_store):
    def forge(file):
        old = json.loads(file.attrs["provenance"])
        file.attrs["provenance"] = np.bytes_(json.dumps(old | {"front_end": 99}))

    assert change(own_store, forge) == [
        HEADER,
        "The fingerprint is not that of the provenance.",
    ]


def test_growing_store(own_store):
    with h5py.File(own_store, "r+") as file:
        file.attrs["complete"] = np.uint8(0)
        file["rows/status"][:5] = 0
        file["features/mel"][2] = 0
    assert verify(FeatureStore(own_store, partial=True)) == [
        "The store is not complete."
    ]
