"""Clips that fail: listed, left out or tried again, never a row without data."""

from __future__ import annotations

import dataclasses
import os
import shutil

import numpy as np
import pytest
import soundfile

from asc.corpus import Problem, open_corpus
from asc.corpus.leakage import PARTS
from asc.extraction import workers
from asc.store import FeatureStore, partial_path, verify
from asc.store.schema import DONE


def split_paths(store):
    """Return the parts of all splits as sets of clip paths."""
    paths = store.paths()
    return {
        (name, part): {paths[row] for row in store.split(name).part(part)}
        for name in store.splits
        for part in PARTS
    }


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
    assert (partial.summary()["failed"], partial.summary()["problems"]) == (4, 0)
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
    assert (found.summary()["failed"], found.summary()["problems"]) == (4, 0)
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
    read, bad = workers.read_clip, open_corpus(few_clips).clips[3].path

    def upset(path, spec, **options):
        if path == few_clips / bad:
            raise ZeroDivisionError("oh \udcff")
        return read(path, spec, **options)

    monkeypatch.setattr(workers, "read_clip", upset)
    report = extract(few_clips, store)
    (problem,) = report.failures
    assert problem.where == bad
    assert problem.message.startswith("ZeroDivisionError: oh")
    assert report.computed == 23


def test_every_clip_fails(extract, own_corpus, store):
    for path in (own_corpus / "audio").iterdir():
        samples, _ = soundfile.read(path)
        soundfile.write(path, samples * np.nan, 44100, subtype="FLOAT")
    assert len(extract(own_corpus, store).failures) == 24
    # A store without a row is no store, whatever is allowed.
    assert not extract(own_corpus, store, allow_failures=True).complete
    assert not store.exists()


def test_mended_metadata_goes_on(
    extract, few_clips, store, small_store, computed, stop_after
):
    """A growing store may get other clips: rows of the same clips are kept."""
    corpus = open_corpus(few_clips)
    fewer = dataclasses.replace(
        corpus, clips=corpus.clips[2:], problems=(Problem("meta.txt line 1", "no."),)
    )
    fewer = dataclasses.replace(fewer, folds={})
    with pytest.raises(KeyboardInterrupt):
        extract(fewer, store, progress=stop_after(8))
    computed.clear()
    report = extract(corpus, store)
    assert (report.computed, report.kept) == (16, 8)
    assert len(computed) == 16
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
