"""Staleness: what has changed is noticed, and only that is computed again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import soundfile

from asc.corpus import open_corpus
from asc.errors import SettingsMismatch, UsageError
from asc.store import FeatureStore, verify


def change(path: Path) -> None:
    """Give a file other samples of the same size."""
    samples, rate = soundfile.read(path)
    soundfile.write(path, -0.5 * samples, rate, subtype="PCM_16")


def test_nothing_changed_computes_nothing(extract, own_corpus, store, computed):
    extract(own_corpus, store)
    before, inode = store.read_bytes(), store.stat().st_ino
    computed.clear()
    report = extract(own_corpus, store, update=True)
    assert report.complete and not computed
    assert (store.read_bytes(), store.stat().st_ino) == (before, inode)


def test_a_file_of_another_size_is_noticed_and_nothing_touched(
    extract, own_corpus, store, write_wav
):
    extract(own_corpus, store)
    before = store.read_bytes()
    write_wav(own_corpus / "audio" / "b001_0_1.wav", seconds=1.5)
    with pytest.raises(SettingsMismatch, match=r"1 source file .*b001_0_1.*--update"):
        extract(own_corpus, store)
    assert store.read_bytes() == before


@pytest.mark.parametrize("how", ["written", "swapped"])
def test_other_content_of_the_same_size_is_noticed(extract, own_corpus, store, how):
    extract(own_corpus, store)
    before = store.read_bytes()
    one, other = (own_corpus / "audio" / f"b00{n}_0_1.wav" for n in (1, 2))
    if how == "written":
        change(one)
    else:  # files as old as they were
        one.rename(own_corpus / "apart")
        other.rename(one)
        (own_corpus / "apart").rename(other)
    with pytest.raises(SettingsMismatch, match=r"source file.*b001_0_1.*--update"):
        extract(own_corpus, store)
    assert store.read_bytes() == before


def test_files_that_were_only_touched_are_the_same(
    extract, own_corpus, store, computed
):
    extract(own_corpus, store)
    computed.clear()
    (own_corpus / "audio" / "b001_0_1.wav").touch()
    assert extract(own_corpus, store).complete and not computed


def test_update_computes_only_what_changed(
    extract, own_corpus, store, tmp_path, computed
):
    extract(own_corpus, store)
    change(own_corpus / "audio" / "b001_0_1.wav")  # of the same size
    computed.clear()
    report = extract(own_corpus, store, update=True)
    assert computed == ["audio/b001_0_1.wav"]
    assert (report.computed, report.kept, report.complete) == (1, 23, True)
    again = extract(own_corpus, tmp_path / "again.h5")
    assert FeatureStore(store).digest == FeatureStore(again.store).digest
    assert verify(FeatureStore(store)) == []


def test_added_and_removed_clips(extract, own_corpus, store, write_wav, computed):
    extract(own_corpus, store)
    meta = own_corpus / "meta.txt"
    lines = meta.read_text().splitlines()
    gone = lines[0].split("\t")[0]
    lines = lines[1:] + ["audio/new_0_1.wav\tbus\tnew"]
    meta.write_text("\n".join(lines) + "\n")
    for file in (own_corpus / "evaluation_setup").iterdir():
        kept = [line for line in file.read_text().splitlines() if gone not in line]
        file.write_text("\n".join(kept))
    write_wav(own_corpus / "audio" / "new_0_1.wav", seed=77)
    with pytest.raises(SettingsMismatch, match="--update brings"):
        extract(own_corpus, store)
    computed.clear()
    report = extract(own_corpus, store, update=True)
    assert computed == ["audio/new_0_1.wav"] and report.complete
    paths = FeatureStore(store).paths()
    assert "audio/new_0_1.wav" in paths and gone not in paths and len(paths) == 24


def test_update_does_not_excuse_other_settings(extract, own_corpus, store):
    extract(own_corpus, store)
    with pytest.raises(SettingsMismatch, match="n_fft"):
        extract(own_corpus, store, settings={"n_fft": 8192}, update=True)


def test_a_missing_file_is_a_failing_clip(extract, own_corpus, store):
    extract(own_corpus, store)
    os.unlink(own_corpus / "audio" / "c002_1_2.wav")
    report = extract(own_corpus, store, update=True)
    assert not report.complete
    assert [problem.where for problem in report.failures] == ["audio/c002_1_2.wav"]
    assert FeatureStore(store).complete  # the old store is still there


def test_mended_metadata_is_accepted(tmp_path, extract, few_clips):
    """Rows that were refused are gone: so is the reason not to complete."""
    clips = sorted((few_clips / "audio").iterdir())[:6]
    folder = tmp_path / "table"
    folder.mkdir()
    lines = ["path,label,recording"]
    for number, clip in enumerate(clips):
        (folder / clip.name).write_bytes(clip.read_bytes())
        lines.append(f"{clip.name},s{number % 2},r{number}")
    table = folder / "t.csv"
    table.write_text("\n".join([*lines, lines[1], lines[2]]) + "\n")
    store = tmp_path / "t.h5"
    assert len(extract(open_corpus(table), store).failures) == 2
    table.write_text("\n".join(lines) + "\n")
    report = extract(open_corpus(table), store)
    assert report.complete and not report.failures
    assert (report.kept, report.computed) == (6, 0)


def test_a_finished_row_of_another_file_is_not_vouched_for(
    extract, own_corpus, store, tmp_path, write_wav
):
    """A clip that was done is replaced before the store is completed."""
    bad = own_corpus / "audio" / "a000_0_1.wav"
    good = bad.read_bytes()
    bad.write_bytes(b"")
    assert not extract(own_corpus, store).complete
    bad.write_bytes(good)
    write_wav(own_corpus / "audio" / "b001_0_1.wav", seconds=1.25, seed=99)
    report = extract(own_corpus, store)
    assert report.complete and report.computed == 2
    clean = extract(own_corpus, tmp_path / "clean.h5")
    assert FeatureStore(store).digest == FeatureStore(clean.store).digest


def test_a_store_without_its_failing_clip_is_left_alone(extract, own_corpus, store):
    (own_corpus / "audio" / "a000_0_1.wav").write_bytes(b"")
    extract(own_corpus, store, allow_failures=True)
    inode = store.stat().st_ino
    report = extract(own_corpus, store, allow_failures=True)
    assert report.complete and len(report.failures) == 1
    assert store.stat().st_ino == inode
    assert not list(store.parent.glob("store.h5.*"))


def test_overwrite_spares_what_is_no_store(extract, own_corpus, store):
    store.write_text("my thesis")
    with pytest.raises(UsageError, match="not a store"):
        extract(own_corpus, store, overwrite=True)
    assert store.read_text() == "my thesis"


def test_verify_against_audio(extract, own_corpus, store):
    extract(own_corpus, store)
    opened = FeatureStore(store)
    assert verify(opened, audio=own_corpus, sample=24) == []
    change(own_corpus / "audio" / "b001_0_1.wav")
    os.unlink(own_corpus / "audio" / "c002_1_2.wav")
    problems = verify(opened, audio=own_corpus, sample=24)
    assert len(problems) == 3
    assert any("b001_0_1" in text and "mel" in text for text in problems)
    assert any("c002_1_2" in text and "missing" in text for text in problems)
