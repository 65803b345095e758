"""Writing and reading a store."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
import os
import pickle
import re
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from world import run_python

import asc.store
from asc import environment
from asc.corpus import Clip, Problem, open_corpus
from asc.corpus.leakage import OVERLAPS, PARTS, Split
from asc.corpus.splits import make_splits
from asc.errors import StoreError, UsageError
from asc.features import FeatureSpec
from asc.store import (
    FeatureStore,
    PartialStore,
    StoreWriter,
    bytes_needed,
    partial_path,
    verify,
)
from asc.store.fingerprint import fingerprint, provenance
from asc.store.schema import DONE, FAILED, PENDING
from asc.store.writer import digest_of
from asc.text import describe_difference, differing_fields

SPEC = FeatureSpec.for_audio(44100, 1.0, rows=4, columns=5)
MEASURED = {
    "seconds": 1.5,
    "sample_rate": 48000,
    "channels": 2,
    "source_bytes": 5_000_000_000,
    "source_crc32": 0xFFFFFFFF,
}


# Reading.


def test_features_equal_what_h5py_reads(tiny_store):
    """Memory maps show the same bytes as HDF5 does, read only."""
    store = FeatureStore(tiny_store)
    with h5py.File(tiny_store, "r") as file:
        for name in ("mel", "stft"):
            features = store.features(name)
            assert isinstance(features, np.memmap)
            assert features.shape == (48, 256, 256, 1)
            np.testing.assert_array_equal(features, file[f"features/{name}"][:])
            assert not features.flags.writeable
        for name in ("seconds", "sample_rate", "channels", "source_bytes"):
            np.testing.assert_array_equal(store.measured(name), file[f"clips/{name}"])
        texts = [value.decode() for value in file["clips/path"][:]]
        assert store.paths() == texts
        np.testing.assert_array_equal(store.digests("mel"), file["rows/digest_mel"][:])


def test_rows_are_the_corpus(tiny_store, tiny_corpus):
    """Paths, recordings and labels, in the order of the corpus."""
    store, corpus = FeatureStore(tiny_store), open_corpus(tiny_corpus)
    assert len(store) == 48
    assert store.scenes == ("beach", "bus", "cafe/restaurant", "home")
    assert store.paths() == [clip.path for clip in corpus.clips]
    assert store.recordings() == [clip.recording for clip in corpus.clips]
    assert store.labels().dtype == np.int64
    assert [store.scenes[label] for label in store.labels()] == [
        clip.scene for clip in corpus.clips
    ]
    assert store.recordings_known
    assert store.failures() == []
    assert (store.status() == DONE).all()
    sizes = [(tiny_corpus / path).stat().st_size for path in store.paths()]
    assert store.measured("source_bytes").tolist() == sizes


def test_splits_are_those_of_the_corpus(tiny_store, tiny_corpus):
    store = FeatureStore(tiny_store)
    splits = make_splits(open_corpus(tiny_corpus))
    assert set(store.splits) == set(splits) == {"random", "recording", "fold1", "fold2"}
    for name, split in splits.items():
        for part in PARTS:
            np.testing.assert_array_equal(
                store.split(name).part(part), split.part(part)
            )
        assert store.split(name).leakage == split.leakage
    assert store.split("recording").leakage == 0
    assert store.split("random").leakage > 0


def test_decibels(small_store):
    store = FeatureStore(small_store)
    assert store.to_decibels("mel", np.uint8([1, 2, 255])).tolist() == [
        -145.0,
        -144.5,
        -18.0,
    ]
    assert store.to_decibels("stft", np.uint8([[1]])).dtype == np.float32


def test_unknown_names(small_store):
    store = FeatureStore(small_store)
    with pytest.raises(UsageError, match="'mell'. Did you mean 'mel'"):
        store.features("mell")
    with pytest.raises(UsageError, match="'fold3'. Did you mean 'fold"):
        store.split("fold3")


def test_summary(tiny_store, tiny_corpus):
    """Everything that `asc store info --json` promises, as plain JSON."""
    summary = json.loads(json.dumps(FeatureStore(tiny_store).summary()))
    assert summary["complete"] is True
    assert summary["clips"] == 48
    assert summary["failed"] == 0
    assert summary["scenes"] == ["beach", "bus", "cafe/restaurant", "home"]
    assert summary["recordings"] == 24
    assert summary["features"] == {
        "mel": {"shape": [48, 256, 256, 1], "dtype": "uint8"},
        "stft": {"shape": [48, 256, 256, 1], "dtype": "uint8"},
    }
    assert summary["bytes"] == tiny_store.stat().st_size
    for name, split in make_splits(open_corpus(tiny_corpus)).items():
        facts = {part: len(split.part(part)) for part in PARTS}
        facts |= {fact: getattr(split, fact) for fact in OVERLAPS}
        assert summary["splits"][name] == facts | {"duplicates": 0}
    assert summary["splits"]["random"]["adjacent"] > 0
    assert (summary["problems"], summary["duplicates"]) == (0, 0)
    assert re.fullmatch("[0-9a-f]{64}", summary["fingerprint"])
    assert re.fullmatch("[0-9a-f]{64}", summary["digest"])


def test_digests_as_documented(small_store):
    """Row digests are over the bytes; the store's is over those of the rows."""
    with h5py.File(small_store, "r") as file:
        total = hashlib.sha256()
        for name in sorted(file["features"]):
            for row, digest in zip(
                file[f"features/{name}"], file[f"rows/digest_{name}"]
            ):
                assert hashlib.sha256(row.tobytes()).digest() == digest.tobytes()
                total.update(digest.tobytes())
        assert file.attrs["digest"].decode() == total.hexdigest()
        text = file.attrs["provenance"]
        assert hashlib.sha256(text).hexdigest() == file.attrs["fingerprint"].decode()


def test_pickle(small_store):
    store = FeatureStore(small_store)
    store.labels()
    data = pickle.dumps(store)
    assert len(data) < 20_000
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.features("mel"), store.features("mel"))
    np.testing.assert_array_equal(again.labels(), store.labels())
    assert again.summary() == store.summary()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_opening_keeps_no_handle(small_store):
    def handles():
        found = 0
        for name in os.listdir("/proc/self/fd"):
            try:
                found += os.readlink(f"/proc/self/fd/{name}") == str(small_store)
            except FileNotFoundError:
                pass
        return found

    gc.collect()
    before = handles()  # other tests may still hold memory maps of it
    store = FeatureStore(small_store)
    store.paths(), store.labels(), store.summary()
    assert handles() == before
    features = store.features("mel")
    assert features.any()
    del features
    assert handles() == before


def test_readers_do_not_disturb_each_other(small_store):
    """Another program may hold the file open."""
    with h5py.File(small_store, "r"):
        assert FeatureStore(small_store).complete


def test_find(small_store):
    """A row by its number, its path, the end of its path, or its scene."""
    store = FeatureStore(small_store)
    path = store.paths()[5]
    assert store.find("5") == store.find(path) == store.find(path[-14:]) == 5
    assert store.labels()[store.find("home")] == store.scenes.index("home")
    with pytest.raises(UsageError, match="12 clip paths in .* end in '_0_1.wav'"):
        store.find("_0_1.wav")
    for nothing in ("24", "z.wav"):
        with pytest.raises(UsageError, match=r"No clip path .* row \(0 to 23\)"):
            store.find(nothing)


def test_repr(small_store):
    assert "24 clips, 4 scenes, mel, stft" in repr(FeatureStore(small_store))


def test_opening_does_not_depend_on_the_number_of_rows(tmp_path, few_clips):
    """The budget is a second for a million rows."""
    clips = tuple(Clip(f"{n}.wav", "bus", str(n)) for n in range(200_000))
    corpus = dataclasses.replace(open_corpus(few_clips), clips=clips, folds={})
    rows = np.arange(len(clips), dtype=np.int32)
    splits = {"random": Split("random", rows, rows[:0], rows[:0], 0.0)}
    path = tmp_path / "big.h5.partial"
    StoreWriter.create(path, SPEC, corpus, splits, {}, {}).close()
    started = time.process_time()  # whatever else the machine does
    summary = FeatureStore(path, partial=True).summary()
    assert time.process_time() - started < 0.2
    assert summary["clips"] == 200_000
    path.unlink()


# Writing.


@pytest.fixture
def writer(tmp_path, few_clips):
    corpus = open_corpus(few_clips)
    corpus = dataclasses.replace(corpus, problems=(Problem("meta.txt line 9", "No."),))
    with StoreWriter.create(
        tmp_path / "store.h5.partial",
        SPEC,
        corpus,
        make_splits(corpus),
        provenance(SPEC, corpus),
        environment.describe(),
    ) as writer:
        yield writer


def arrays(seed):
    rng = np.random.default_rng(seed)
    features = {name: rng.integers(1, 256, SPEC.shape, "u1") for name in SPEC.features}
    return features


def write(writer, row, features):
    writer.rows.write(row, features, MEASURED)
    writer.done(row)


def test_a_row_counts_after_commit(writer):
    features = arrays(0)
    write(writer, 3, features)
    writer.fail(4, "Broken.")
    assert (writer.status() == PENDING).all()
    writer.commit()
    assert writer.status()[2:6].tolist() == [PENDING, DONE, FAILED, PENDING]
    store = FeatureStore(writer.path, partial=True)
    for name, array in features.items():
        np.testing.assert_array_equal(store.features(name)[3], array)
        assert bytes(store.digests(name)[3]) == digest_of(array)
    assert {name: store.measured(name)[3] for name in MEASURED} == MEASURED
    assert [str(problem) for problem in store.failures()] == [
        "meta.txt line 9: No.",
        f"{store.paths()[4]}: Broken.",
    ]


def test_data_is_on_disk_before_the_flags(writer, monkeypatch):
    """Order of system calls: data, sync, flags, sync."""
    calls = []
    pwrite_of_os, sync = os.pwrite, os.fsync
    status = writer.rows.arrays["rows/status"]

    def pwrite(descriptor, data, offset):
        inside = 0 <= offset - status.offset < status.shape[0]
        calls.append("flag" if inside else "data")
        return pwrite_of_os(descriptor, data, offset)

    def fsync(descriptor):
        calls.append("sync")
        return sync(descriptor)

    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr(os, "fsync", fsync)
    for row in range(2):
        write(writer, row, arrays(row))
    writer.commit()
    order = [call for i, call in enumerate(calls) if call != calls[i - 1] or not i]
    assert order == ["data", "sync", "flag", "sync"]


def test_a_write_that_falls_short_is_continued(writer, monkeypatch):
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: whole(fd, data[:7], at))
    features = arrays(0)
    write(writer, 0, features)
    writer.commit()
    store = FeatureStore(writer.path, partial=True)
    np.testing.assert_array_equal(store.features("stft")[0], features["stft"])


@pytest.mark.parametrize("message", ["ö" * 500, "x" * 239 + "ö", "lone \udc80 byte"])
def test_any_failure_can_be_recorded(writer, message):
    writer.fail(0, message)
    writer.commit()
    text = FeatureStore(writer.path, partial=True).failures()[1].message
    assert len(text.encode()) <= 240
    assert text.startswith(message[:4])
    assert "�" not in text


def test_unfinished_is_not_finished(writer, tmp_path):
    write(writer, 0, arrays(0))
    writer.commit()
    with pytest.raises(StoreError, match="still pending"):
        writer.finish(tmp_path / "store.h5")
    for row in range(len(writer.status())):
        writer.fail(row, "No.")
    writer.commit()
    with pytest.raises(StoreError, match="no row"):
        writer.finish(tmp_path / "store.h5")
    assert not (tmp_path / "store.h5").exists()


def test_finish_leaves_out_what_failed(writer, tmp_path):
    """Kept rows close up; splits, leakage and recordings are those of the rest."""
    paths = FeatureStore(writer.path, partial=True).paths()
    gone = [path for path in paths if "a000" in path or path.endswith("b001_0_1.wav")]
    expected = {}
    for row, path in enumerate(paths):
        if path in gone:
            writer.fail(row, "No.")
        else:
            expected[path] = arrays(row)
            write(writer, row, arrays(row))
    writer.commit()
    store = writer.finish(tmp_path / "store.h5")
    assert sorted(os.listdir(tmp_path)) == ["store.h5"]
    assert store.paths() == list(expected)
    assert store.complete
    assert store.summary()["recordings"] == 11
    summary = store.summary()
    assert (summary["failed"], summary["problems"]) == (3, 1)
    assert {problem.where for problem in store.failures()} == {
        *gone,
        "meta.txt line 9",
    }
    for row, features in enumerate(expected.values()):
        np.testing.assert_array_equal(store.features("mel")[row], features["mel"])
    assert verify(store) == []


def test_an_incomplete_store_is_opened_on_demand_only(writer):
    with pytest.raises(StoreError, match="not complete.*asc-extract"):
        FeatureStore(writer.path)
    growing = FeatureStore(writer.path, partial=True)
    assert isinstance(growing, PartialStore) and not growing.complete
    again = pickle.loads(pickle.dumps(growing))
    assert type(again) is PartialStore and len(again) == len(growing)


@pytest.mark.parametrize("damaged", [True, False])
def test_a_partial_file_is_opened_by_the_name_of_the_store(
    small_store, tmp_path, damaged
):
    """Also if it is damaged, or complete and not yet renamed."""
    store = tmp_path / "s.h5"
    data = small_store.read_bytes()
    partial_path(store).write_bytes(data[:2000] if damaged else data)
    if damaged:
        with pytest.raises(StoreError, match=f"{partial_path(store)} is a damaged"):
            FeatureStore(store, partial=True)
    else:
        opened = FeatureStore(store, partial=True)
        assert opened.complete and opened.path == partial_path(store)


def test_a_complete_store_is_not_a_partial_one(small_store):
    """Whether or not an incomplete one would do; and one object may be handed down."""
    store = FeatureStore(small_store, partial=True)
    assert type(store) is FeatureStore and store.complete
    assert type(pickle.loads(pickle.dumps(store))) is FeatureStore


def test_too_many_labels_for_an_attribute(tmp_path, few_clips):
    """Refused with a sentence, not by HDF5."""
    corpus = open_corpus(few_clips)
    clips = tuple(
        dataclasses.replace(clip, scene=f"{n:05}" * 500)
        for n, clip in enumerate(corpus.clips)
    )
    corpus = dataclasses.replace(corpus, clips=clips, folds={})
    with pytest.raises(StoreError, match="too many different labels"):
        StoreWriter.create(tmp_path / "x", SPEC, corpus, make_splits(corpus), {}, {})


@pytest.mark.parametrize(
    "scene", ["café", "公园", "non\u00a0breaking", "👩‍🚒", "'\"\\"]
)
def test_labels_in_any_script(tmp_path, few_clips, scene):
    corpus = open_corpus(few_clips)
    clips = tuple(
        dataclasses.replace(clip, scene=scene) if clip.scene == "bus" else clip
        for clip in corpus.clips
    )
    corpus = dataclasses.replace(corpus, clips=clips)
    with StoreWriter.create(
        tmp_path / "x", SPEC, corpus, make_splits(corpus), provenance(SPEC, corpus), {}
    ):
        store = FeatureStore(tmp_path / "x", partial=True)
    assert store.scenes == corpus.scenes
    assert [store.scenes[label] for label in store.labels()] == [
        clip.scene for clip in clips
    ]


def test_size_is_foreseen(tiny_store):
    store = FeatureStore(tiny_store)
    needed = bytes_needed(store.spec, len(store))
    assert needed < tiny_store.stat().st_size < 1.01 * needed


def test_partial_path():
    assert partial_path(Path("a/b.h5")) == Path("a/b.h5.partial")


# Fingerprint.


def test_fingerprint_covers_what_decides(few_clips):
    corpus = open_corpus(few_clips)
    base = provenance(SPEC, corpus)
    assert fingerprint(base) == fingerprint(json.loads(json.dumps(base)))
    moved = dataclasses.replace(corpus, root=Path("elsewhere"))
    assert provenance(SPEC, moved) == base
    others = [
        provenance(dataclasses.replace(SPEC, fmin=30.0), corpus),
        provenance(SPEC, dataclasses.replace(corpus, folds={})),
        provenance(SPEC, dataclasses.replace(corpus, clips=corpus.clips[1:])),
        base | {"libraries": base["libraries"] | {"numpy": "0"}},
    ]
    assert len({fingerprint(other) for other in [base, *others]}) == 5
    assert differing_fields(base, others[0]) == [("spec.fmin", 20.0, 30.0)]
    assert "libraries.numpy" in describe_difference(base, others[3])


# FORMAT.md.

FORMAT = Path(asc.store.__file__).with_name("FORMAT.md").read_text()


def test_format_names_everything(tiny_store):
    """Every dataset, group and attribute of a store is in the document."""
    names = set()

    def visit(name, item):
        name = re.sub("splits/[^/]+", "splits/<name>", name)
        name = re.sub("(features/|rows/digest_)(mel|stft)", r"\1<feature>", name)
        names.add(name)
        names.update(item.attrs)

    with h5py.File(tiny_store, "r") as file:
        file.visititems(visit)
        names.update(file.attrs)
        names.update(json.loads(file.attrs["spec"]))
        names.update(json.loads(file.attrs["provenance"]))
    undocumented = {name for name in names if f"`{name}`" not in FORMAT}
    undocumented = {name for name in undocumented if f"`/{name}`" not in FORMAT}
    assert undocumented == set()


def test_format_example_runs(tiny_store, tmp_path):
    """The h5py example of the document works without asc."""
    example = re.search("```python\n(.*?)```", FORMAT, re.DOTALL).group(1)
    assert "asc" not in example.replace("asc-store", "")
    program = example.replace("store.h5", str(tiny_store))
    done = run_python(program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "beach" in done.stdout


def test_splits_on_demand_are_not_stored(small_store):
    store = FeatureStore(small_store)
    assert "recording1of3" not in store.splits
    tested = [store.split(f"recording{k}of3").test for k in (1, 2, 3)]
    assert sorted(np.concatenate(tested)) == list(range(len(store)))
    for test in tested:  # 4 scenes of 3 recordings of 2 clips
        assert np.bincount(store.labels()[test]).tolist() == [2, 2, 2, 2]
    development = store.split("development")
    assert (len(development.test), development.leakage) == (0, 0.0)
    assert len(development.train) + len(development.validation) == len(store)
    with pytest.raises(UsageError, match="Did you mean 'recording1of5'"):
        store.split("recording1of")


# Settings of HDF5 in the environment


LOCKED = """
import fcntl, sys, pathlib
if sys.argv[2] == "before":
    import h5py
import asc
from asc.store import schema
path = pathlib.Path(sys.argv[1])
with open(path, "rb") as file:
    fcntl.flock(file, fcntl.LOCK_EX)  # as HDF5 does in a program that writes
    print(asc.FeatureStore(path).complete)
    schema.open_for_writing(path, "r+").close()
"""


@pytest.mark.parametrize("h5py_is_imported", ["before", "by asc"])
def test_settings_that_are_not_for_asc(own_store, h5py_is_imported):
    """Reading needs no lock; writing says what is in the way."""
    env = {"HDF5_USE_FILE_LOCKING": "TRUE", "HDF5_DRIVER": "log"}
    done = run_python(LOCKED, own_store, h5py_is_imported, env=env)
    assert done.stdout.startswith("True\n"), done.stderr
    if h5py_is_imported == "before":
        assert "Busy: " in done.stderr
        assert "HDF5_USE_FILE_LOCKING asks for a lock" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")
