"""From corpus to store: the same bytes whatever happens on the way."""

from __future__ import annotations

import dataclasses
import errno
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc import extraction
from asc.corpus import Problem, make_splits, open_corpus
from asc.corpus.splits import PARTS
from asc.errors import AscError, Busy, InputError, SettingsMismatch, StoreError
from asc.store import FeatureStore, StoreWriter, partial_path, verify
from asc.store.schema import DONE


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store.h5"


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


class Stop(Exception):
    """What an interruption raises."""


def stop_after(count):
    """Return a progress function that interrupts the work."""

    def progress(done, total):
        if done == count:
            raise Stop

    return progress


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


def test_bytes_do_not_depend_on_workers(extract, few_clips, tmp_path, monkeypatch):
    """One process, two processes, and some seconds between them."""
    monkeypatch.setattr(extraction, "_CLIPS_WORTH_A_WORKER", 1)
    monkeypatch.setattr(extraction, "_BATCH", 2)
    one = extract(few_clips, tmp_path / "one.h5", jobs=1)
    time.sleep(1.1)  # HDF5 can keep times, in seconds
    two = extract(few_clips, tmp_path / "two.h5", jobs=2)
    assert FeatureStore(one.store).digest == FeatureStore(two.store).digest
    assert one.store.read_bytes() == two.store.read_bytes()


def test_workers_report_failures(extract, own_corpus, monkeypatch, store):
    monkeypatch.setattr(extraction, "_CLIPS_WORTH_A_WORKER", 1)
    (own_corpus / "audio/a001_0_1.wav").write_bytes(b"")
    report = extract(own_corpus, store, jobs=2, allow_failures=True)
    assert list(map(str, report.failures)) == [
        "audio/a001_0_1.wav: the file is empty (0 bytes)."
    ]
    assert len(FeatureStore(store)) == 23


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
    with pytest.raises(InputError, match="Not one of the 24 clips.*a000_0_1.wav"):
        extraction.plan(open_corpus(own_corpus), store)


def test_silent_clips_are_noted(extract, own_corpus, store):
    soundfile.write(own_corpus / "audio/a000_0_1.wav", np.zeros(44100), 44100)
    report = extract(own_corpus, store)
    assert report.complete
    (note,) = (note for note in report.notes if "digital silence" in note)
    assert "a000_0_1.wav" in note
    for name in ("mel", "stft"):
        assert (FeatureStore(store).features(name)[0] == 1).all()


# Interruption.

DRIVER = """
import sys, time
from asc import extraction
from asc.corpus import open_corpus

extraction._COMMIT_SECONDS = 0.02
compute = extraction._computed

def slow(*arguments):
    time.sleep(0.02)
    return compute(*arguments)

extraction._computed = slow
plan = extraction.plan(
    open_corpus(sys.argv[1]), sys.argv[2], features=["stft"], rows=16, columns=16
)
extraction.extract(plan, jobs=1, progress=lambda done, total: print(done, flush=True))
"""


def test_killed_again_and_again(extract, few_clips, tmp_path, store, computed):
    """kill -9 at random moments; the rest gives the same bytes, and only the rest."""
    settings = {"features": ["stft"]}
    clean = extract(few_clips, tmp_path / "clean.h5", settings=settings)
    growing = partial_path(store)
    rng = random.Random(1)
    done_before = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", DRIVER, few_clips, store], stdout=subprocess.PIPE
        ) as process:
            for _ in range(rng.randrange(2, 6)):
                assert process.stdout.readline()
            time.sleep(rng.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
        assert not store.exists()
        partial = FeatureStore(growing, partial=True)
        assert verify(partial) == ["The store is not complete."]
        done = np.flatnonzero(partial.status() == DONE)
        assert len(done) > done_before
        done_before = len(done)
    computed.clear()
    report = extract(few_clips, store, settings=settings)
    assert (report.computed, report.kept) == (24 - len(done), len(done))
    paths = FeatureStore(store).paths()
    assert set(computed) == set(paths) - {paths[row] for row in done}
    assert len(computed) == 24 - len(done)
    assert store.read_bytes() == clean.store.read_bytes()
    assert not growing.exists()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, Stop])
def test_interrupted_between_clips(
    extract, few_clips, store, computed, small_store, interruption
):
    """What was written is kept, even what no commit had vouched for yet."""

    def progress(done, total):
        if done == 10:
            raise interruption

    with pytest.raises(interruption):
        extract(few_clips, store, progress=progress)
    assert not store.exists()
    computed.clear()
    report = extract(few_clips, store)
    assert (report.computed, report.kept) == (14, 10)
    assert len(computed) == 14
    assert store.read_bytes() == small_store.read_bytes()


@pytest.mark.parametrize("leftover", [".new", ".whole"])
def test_leftovers_of_a_crash_do_not_matter(
    extract, few_clips, store, small_store, leftover
):
    """A crash while the file was laid out, or while it was closed up."""
    partial_path(store).with_name(store.name + ".partial" + leftover).write_bytes(b"?")
    assert extract(few_clips, store).complete
    assert store.read_bytes() == small_store.read_bytes()


def test_crash_before_the_last_rename(
    extract, few_clips, store, small_store, computed, monkeypatch
):
    def crash(source, target):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "finish", crash)
        with pytest.raises(Stop):
            extract(few_clips, store)
    computed.clear()
    assert extract(few_clips, store).complete
    assert computed == []
    assert store.read_bytes() == small_store.read_bytes()


def test_damaged_growing_file(extract, few_clips, store):
    """Not silently thrown away: the user says so."""
    with pytest.raises(Stop):
        extract(few_clips, store, progress=stop_after(3))
    growing = partial_path(store)
    growing.write_bytes(growing.read_bytes()[:1000])
    with pytest.raises(StoreError, match="growing file of .*--overwrite"):
        extract(few_clips, store)
    assert extract(few_clips, store, overwrite=True).complete


# Clips that fail.


@pytest.fixture
def bad_clips(own_corpus):
    """Break four clips of the corpus; return the sentence about each."""
    audio = own_corpus / "audio"
    (audio / "a000_0_1.wav").unlink()
    data = (audio / "b001_1_2.wav").read_bytes()
    (audio / "b001_1_2.wav").write_bytes(data[:50_000])
    samples, _ = soundfile.read(audio / "c002_0_1.wav")
    samples[7] = np.nan
    soundfile.write(audio / "c002_0_1.wav", samples, 44100, subtype="FLOAT")
    (audio / "d002_1_2.wav").write_text("no audio")
    return {
        "audio/a000_0_1.wav": "the file is missing.",
        "audio/b001_1_2.wav": "the file is truncated (50,000 bytes of 176,444).",
        "audio/c002_0_1.wav": "2 of 88,200 samples are NaN or infinite.",
        "audio/d002_1_2.wav": "not readable as audio (",
    }


def mend(own_corpus, few_clips, *paths):
    for path in paths:
        shutil.copy(few_clips / path, own_corpus / path)


def same_problems(problems, expected):
    assert [problem.where for problem in problems] == sorted(expected)
    for problem in problems:
        assert problem.message.startswith(expected[problem.where])
        assert problem.message.endswith(".")
    return True


def test_failures_leave_the_store_growing(extract, own_corpus, bad_clips, store):
    report = extract(own_corpus, store)
    assert not report.complete
    assert report.store == partial_path(store)
    assert not store.exists()
    assert same_problems(report.failures, bad_clips)
    partial = FeatureStore(partial_path(store), partial=True)
    assert (partial.status() == DONE).sum() == 20
    assert same_problems(partial.failures(), bad_clips)
    assert verify(partial) == ["The store is not complete."]


def test_failures_that_are_allowed(extract, own_corpus, bad_clips, store, small_store):
    """The store lacks those clips, and says so; the others are as ever."""
    report = extract(own_corpus, store, allow_failures=True)
    assert report.complete
    assert report.clips == 20
    assert same_problems(report.failures, bad_clips)
    assert sorted(os.listdir(store.parent)) == ["own", "store.h5"]
    found, whole = FeatureStore(store), FeatureStore(small_store)
    assert verify(found) == []
    assert len(found) == 20
    assert found.summary()["failed"] == 4
    assert same_problems(found.failures(), bad_clips)
    good = [path for path in whole.paths() if path not in bad_clips]
    assert found.paths() == good
    rows = [whole.paths().index(path) for path in good]
    np.testing.assert_array_equal(found.labels(), whole.labels()[rows])
    for name in ("mel", "stft"):
        np.testing.assert_array_equal(found.features(name), whole.features(name)[rows])
        assert found.features(name).all()
    expected = {
        part: paths - set(bad_clips) for part, paths in split_paths(whole).items()
    }
    assert split_paths(found) == expected


def test_mended_clips_alone_are_tried_again(
    extract, own_corpus, few_clips, bad_clips, store, small_store, computed
):
    extract(own_corpus, store)
    *most, last = bad_clips
    mend(own_corpus, few_clips, *most)
    computed.clear()
    report = extract(own_corpus, store)
    assert sorted(computed) == sorted(bad_clips)
    assert not report.complete
    assert [problem.where for problem in report.failures] == [last]
    mend(own_corpus, few_clips, last)
    computed.clear()
    assert extract(own_corpus, store).complete
    assert computed == [last]
    assert FeatureStore(store).digest == FeatureStore(small_store).digest
    assert store.read_bytes() == small_store.read_bytes()


def test_mended_clips_of_a_finished_store(
    extract, own_corpus, few_clips, bad_clips, store, small_store, computed
):
    """Rows of the store are taken over; only what failed is read."""
    extract(own_corpus, store, allow_failures=True)
    mend(own_corpus, few_clips, *bad_clips)
    computed.clear()
    report = extract(own_corpus, store)
    assert sorted(computed) == sorted(bad_clips)
    assert report.complete
    assert (report.clips, report.computed, report.kept) == (24, 4, 20)
    assert FeatureStore(store).digest == FeatureStore(small_store).digest
    assert store.read_bytes() == small_store.read_bytes()


def test_recordings_that_failed_altogether(extract, own_corpus, store):
    """Their number, and the leakage, are those of the clips that are there."""
    for path in (own_corpus / "audio").glob("a00[01]*"):
        path.unlink()
    extract(own_corpus, store, allow_failures=True)
    found = FeatureStore(store)
    assert found.summary()["recordings"] == len(set(found.recordings())) == 10
    assert verify(found) == []


def test_a_clip_that_upsets_the_program(extract, few_clips, monkeypatch, store):
    """Any exception is that clip's failure and stops no other."""
    compute = extraction._computed

    def upset(frontend, root, row, path):
        if row == 3:
            raise ZeroDivisionError("oh \udcff")
        return compute(frontend, root, row, path)

    monkeypatch.setattr(extraction, "_computed", upset)
    report = extract(few_clips, store)
    (problem,) = report.failures
    assert problem.message.startswith("ZeroDivisionError: oh")
    assert report.computed == 23


def test_every_clip_fails(extract, own_corpus, store):
    for path in (own_corpus / "audio").iterdir():
        samples, _ = soundfile.read(path)
        soundfile.write(path, samples * np.nan, 44100, subtype="FLOAT")
    assert len(extract(own_corpus, store).failures) == 24
    with pytest.raises(AscError, match="no row that could be extracted"):
        extract(own_corpus, store, allow_failures=True)
    assert not store.exists()


def test_mended_metadata_goes_on(extract, few_clips, store, small_store, computed):
    """A growing store may get other clips: rows of the same clips are kept."""
    corpus = open_corpus(few_clips)
    fewer = dataclasses.replace(
        corpus, clips=corpus.clips[2:], problems=(Problem("meta.txt line 1", "no."),)
    )
    fewer = dataclasses.replace(fewer, folds={})
    with pytest.raises(Stop):
        extract(fewer, store, progress=stop_after(8))
    extract(fewer, store)
    computed.clear()
    report = extract(corpus, store)
    assert (report.computed, report.kept) == (2, 22)
    assert computed == [clip.path for clip in corpus.clips[:2]]
    assert store.read_bytes() == small_store.read_bytes()


def test_problems_of_the_metadata_are_failures(extract, few_clips, store):
    corpus = open_corpus(few_clips)
    problem = Problem("meta.txt line 25", "no label.")
    corpus = dataclasses.replace(corpus, problems=(problem,))
    report = extract(corpus, store)
    assert not report.complete
    assert report.failures == [problem]
    report = extract(corpus, store, allow_failures=True)
    assert report.complete
    assert report.kept == 24
    assert FeatureStore(store).failures() == [problem]


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


def test_other_settings_touch_no_growing_file(extract, few_clips, store, tmp_path):
    with pytest.raises(Stop):
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


def test_overwrite(extract, few_clips, store):
    """The old store is there until the new one is whole."""
    extract(few_clips, store)
    before = state(store)
    with pytest.raises(Stop):
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


# Two at a time, and full disks.

HOLDER = """
import sys
from pathlib import Path
from asc.store import writing

with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_writer_at_a_time(extract, few_clips, store):
    """The other one is named; when it dies, even by force, its lock is void."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, store],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy) as caught:
            extract(few_clips, store)
        assert caught.value.exit_code == 7
        assert f"process {holder.pid} on {socket.gethostname()}" in str(caught.value)
        assert sorted(os.listdir(store.parent)) == ["store.h5.lock"]
        holder.kill()
    assert sorted(os.listdir(store.parent)) == ["store.h5.lock"]
    assert extract(few_clips, store).complete
    assert sorted(os.listdir(store.parent)) == ["store.h5"]


def test_too_little_space_is_told_before_work(
    extract, few_clips, store, monkeypatch, computed
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1000))
    with pytest.raises(AscError, match="needs .* MB, but only 0 MB are free"):
        extract(few_clips, store)
    assert computed == []
    assert os.listdir(store.parent) == []


def test_disk_that_fills_up(extract, few_clips, store, small_store, monkeypatch):
    """What was written before is kept, and the same command goes on."""
    write, calls = os.pwrite, []

    def full(descriptor, data, offset):
        calls.append(offset)
        if len(calls) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data, offset)

    monkeypatch.setattr(extraction, "_COMMIT_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises((OSError, AscError), match="No space left|full"):
            extract(few_clips, store)
    partial = FeatureStore(partial_path(store), partial=True)
    assert verify(partial) == ["The store is not complete."]
    kept = int((partial.status() == DONE).sum())
    assert 0 < kept < 24
    report = extract(few_clips, store)
    assert (report.computed, report.kept) == (24 - kept, kept)
    assert store.read_bytes() == small_store.read_bytes()


def test_splits_are_made_once(extract, few_clips, store):
    """A resumed store has the splits of the corpus."""
    with pytest.raises(Stop):
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
