"""From corpus to store: what comes out, and what the same command does again."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc import extraction, parallel
from asc.corpus import open_corpus
from asc.corpus.leakage import PARTS
from asc.corpus.splits import make_splits
from asc.errors import InputError, SettingsMismatch
from asc.extraction import workers
from asc.store import FeatureStore, partial_path, verify


def state(*paths):
    """Return content and time of files: equal if nothing touched them."""
    return [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]


def split_paths(store):
    """Return the parts of all splits as sets of clip paths."""
    paths = store.paths()
    return {
        (name, part): {paths[row] for row in store.split(name).part(part)}
        for name in store.splits
        for part in PARTS
    }


# What comes out.


def test_store_of_a_corpus(extract, few_clips, store):
    report = extract(few_clips, store)
    assert report.complete
    assert report.store == store
    assert (report.clips, report.computed, report.kept) == (24, 24, 0)
    assert report.failures == []
    assert report.seconds > 0
    assert sorted(os.listdir(store.parent)) == ["store.h5"]
    assert verify(FeatureStore(store)) == []


def test_rows_are_the_front_end_of_the_clips(tiny_store, tiny_corpus):
    """Read again, one by one, clips give the stored rows."""
    from asc.features import FrontEnd, fit, read_audio

    store = FeatureStore(tiny_store)
    frontend = FrontEnd(store.spec)
    for row in (0, 17, 47):
        audio = read_audio(tiny_corpus / store.paths()[row])
        for name, array in frontend(fit(audio, store.spec)).items():
            np.testing.assert_array_equal(store.features(name)[row], array)


def test_progress_counts_clips(extract, few_clips):
    calls = []
    extract(few_clips, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(n, 24) for n in range(1, 25)]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_bytes_do_not_depend_on_workers(
    extract, few_clips, tmp_path, small_store, monkeypatch, backend
):
    """One thread, two threads or processes, and some seconds between them."""
    monkeypatch.setattr(workers, "_CLIPS_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(workers, "_BATCH", 2)
    report = extract(few_clips, tmp_path / "two.h5", jobs=2, backend=backend)
    assert sorted(os.listdir(tmp_path)) == ["two.h5"]
    assert FeatureStore(report.store).digest == FeatureStore(small_store).digest
    assert report.store.read_bytes() == small_store.read_bytes()


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_report_failures(extract, own_corpus, monkeypatch, store, backend):
    monkeypatch.setattr(workers, "_CLIPS_WORTH_A_PROCESS", 1)
    (own_corpus / "audio/a001_0_1.wav").write_bytes(b"")
    report = extract(own_corpus, store, jobs=2, allow_failures=True, backend=backend)
    assert list(map(str, report.failures)) == [
        "audio/a001_0_1.wav: the file is empty (0 bytes)."
    ]
    assert len(FeatureStore(store)) == 23


@pytest.mark.parametrize(
    ("jobs", "runner"), [(2, "in_threads"), (8, "in_threads"), (9, "in_processes")]
)
def test_local_is_threads_as_long_as_they_pay(
    extract, few_clips, monkeypatch, jobs, runner
):
    def run(*arguments, **options):
        raise InputError(runner)

    monkeypatch.setattr(parallel, runner, run)
    with pytest.raises(InputError, match=runner):
        extract(few_clips, jobs=jobs)


# The plan.


def test_plan_is_chosen_for_the_audio(own_corpus, store, write_wav):
    """Rate and length of the most clips win; the others are noted."""
    write_wav(own_corpus / "audio/a000_0_1.wav", rate=48000)
    write_wav(own_corpus / "audio/a001_0_1.wav", seconds=0.5)
    write_wav(own_corpus / "audio/a002_0_1.wav", seconds=2)
    plan = extraction.plan(open_corpus(own_corpus), store)
    assert (plan.spec.sample_rate, plan.spec.seconds) == (44100, 1.0)
    for expected in ("48000 Hz .* resampled", "shorter .* repeated", "longer .* cut"):
        (note,) = (note for note in plan.notes if re.search(expected, note))
        assert note.startswith("1 clip ")
    assert plan.bytes > 24 * 2 * 65536
    report = extraction.extract(plan, jobs=1)
    assert report.complete
    assert set(plan.notes) <= set(report.notes)
    measured = FeatureStore(store).measured("sample_rate")
    assert sorted(set(measured.tolist())) == [44100, 48000]


def test_plan_without_audio(own_corpus, store):
    shutil.rmtree(own_corpus / "audio")
    with pytest.raises(InputError, match="None of the 24 clips.*a000_0_1.wav"):
        extraction.plan(open_corpus(own_corpus), store)


def test_silent_clips_are_noted(extract, own_corpus, store):
    soundfile.write(own_corpus / "audio/a000_0_1.wav", np.zeros(44100), 44100)
    report = extract(own_corpus, store)
    assert report.complete
    (note,) = (note for note in report.notes if "digital silence" in note)
    assert "a000_0_1.wav" in note
    for name in ("mel", "stft"):
        assert (FeatureStore(store).features(name)[0] == 1).all()


# The same command again, and others.


def test_finished_is_finished(extract, few_clips, store, computed):
    extract(few_clips, store)
    before = state(store)
    computed.clear()
    report = extract(few_clips, store)
    assert report.complete
    assert (report.clips, report.computed, report.kept) == (24, 0, 24)
    assert computed == []
    assert state(store) == before
    assert sorted(os.listdir(store.parent)) == ["store.h5"]


def test_other_settings_touch_nothing(extract, few_clips, store):
    extract(few_clips, store)
    before = state(store)
    with pytest.raises(SettingsMismatch) as caught:
        extract(few_clips, store, settings={"fmin": 30.0, "dtype": "float16"})
    assert caught.value.exit_code == 6
    lines = [line.split() for line in str(caught.value).splitlines()]
    assert ["spec.dtype", '"uint8"', "->", '"float16"'] in lines
    assert ["spec.fmin", "20.0", "->", "30.0"] in lines
    assert len(lines) == 4
    assert "--overwrite" in str(caught.value)
    assert state(store) == before
    assert sorted(os.listdir(store.parent)) == ["store.h5"]


def test_other_settings_touch_no_growing_file(
    extract, few_clips, store, tmp_path, stop_after
):
    with pytest.raises(KeyboardInterrupt):
        extract(few_clips, store, progress=stop_after(5))
    before = state(partial_path(store))
    with pytest.raises(SettingsMismatch, match=r"spec\.rows +16 -> 8"):
        extract(few_clips, store, settings={"rows": 8})
    assert state(partial_path(store)) == before


def test_other_clips_are_other_settings(extract, few_clips, store):
    extract(few_clips, store)
    corpus = open_corpus(few_clips)
    fewer = dataclasses.replace(corpus, clips=corpus.clips[:-1], folds={})
    with pytest.raises(SettingsMismatch, match=r"corpus\.clips +24 -> 23"):
        extract(fewer, store)


def test_overwrite(extract, few_clips, store, stop_after):
    """The old store is there until the new one is whole."""
    extract(few_clips, store)
    before = state(store)
    with pytest.raises(KeyboardInterrupt):
        extract(
            few_clips,
            store,
            settings={"rows": 8},
            overwrite=True,
            progress=stop_after(5),
        )
    assert state(store) == before
    report = extract(few_clips, store, settings={"rows": 8}, overwrite=True)
    assert report.complete
    assert FeatureStore(store).spec.rows == 8
    assert sorted(os.listdir(store.parent)) == ["store.h5"]


def test_splits_are_made_once(extract, few_clips, store, stop_after):
    """A resumed store has the splits of the corpus."""
    with pytest.raises(KeyboardInterrupt):
        extract(few_clips, store, progress=stop_after(5))
    extract(few_clips, store)
    splits = make_splits(open_corpus(few_clips))
    paths = FeatureStore(store).paths()
    assert split_paths(FeatureStore(store)) == {
        (name, part): {paths[row] for row in split.part(part)}
        for name, split in splits.items()
        for part in PARTS
    }


def test_folder_of_the_store_is_made(extract, few_clips, tmp_path):
    assert extract(few_clips, tmp_path / "a" / "b" / "store.h5").complete


def test_corpus_may_move(extract, few_clips, own_corpus, store, computed):
    """The fingerprint covers what the corpus lists, not where it lies."""
    extract(few_clips, store)
    computed.clear()
    assert extract(Path(own_corpus), store).complete
    assert computed == []
