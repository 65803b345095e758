"""Clips that may be truncated, of unknown length, or far longer than a clip."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from asc import extraction
from asc.corpus import open_corpus
from asc.corpus.summary import summarise
from asc.features import FeatureSpec, read_audio, read_clip, resampled, stream_audio
from asc.store import FeatureStore, verify

NOTE = "the file is truncated (100,000 bytes of 176,444)."
SPEC = FeatureSpec.for_audio(44100, 1.0)


@pytest.fixture
def cut_clip(own_corpus):
    """Cut a clip of one second, and return its path in the corpus."""
    path = "audio/b001_1_2.wav"
    data = (own_corpus / path).read_bytes()
    (own_corpus / path).write_bytes(data[:100_000])
    return path


def accepting(corpus, store, **options):
    plan = extraction.plan(
        open_corpus(corpus), store, accept_truncated=True, rows=16, columns=16
    )
    return extraction.extract(plan, jobs=1, **options)


def test_a_truncated_clip_is_refused_with_the_option_that_reads_it(
    extract, own_corpus, cut_clip
):
    (problem,) = extract(own_corpus).failures
    advice = "Add --accept-truncated to read what is there."
    assert str(problem) == f"{cut_clip}: {NOTE} {advice}"


def test_a_truncated_clip_that_is_accepted(own_corpus, cut_clip, tmp_path):
    """The store has what is there, and a note that survives copying its rows."""
    store = tmp_path / "store.h5"
    report = accepting(own_corpus, store)
    assert report.complete and not report.failures
    assert f"1 truncated clip is accepted, such as {cut_clip}: {NOTE}" in report.notes
    found = FeatureStore(store)
    assert found.summary()["notes"] == [f"{cut_clip}: {NOTE}"]
    assert found.measured("seconds")[found.paths().index(cut_clip)] == 24_989 / 44_100
    assert verify(found, audio=own_corpus, sample=24) == []
    again = accepting(own_corpus, store)
    assert again.computed == 0 and report.notes == again.notes
    # Another clip is gone: all others are copied into a new file.
    (own_corpus / "audio/a000_0_1.wav").unlink()
    accepting(own_corpus, store, allow_failures=True, update=True)
    assert FeatureStore(store).summary()["notes"] == [f"{cut_clip}: {NOTE}"]
    assert verify(FeatureStore(store)) == []


def test_a_whole_clip_in_its_place_has_no_note(
    own_corpus, few_clips, cut_clip, tmp_path
):
    store = tmp_path / "store.h5"
    accepting(own_corpus, store)
    (own_corpus / cut_clip).write_bytes((few_clips / cut_clip).read_bytes())
    assert accepting(own_corpus, store, update=True).computed == 1
    assert FeatureStore(store).summary()["notes"] == []


def test_a_corpus_with_a_truncated_clip(own_corpus, cut_clip):
    corpus = open_corpus(own_corpus)
    assert summarise(corpus)["unreadable"] == 1
    accepted = summarise(corpus, accept_truncated=True)
    assert accepted["unreadable"] == 0
    assert accepted["clip_seconds"]["min"] == round(24_989 / 44_100, 6)


def flac_of_unknown_length(path, seconds, noise):
    soundfile.write(path, noise(round(44_100 * seconds), 44_100, 0), 44_100)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)


@pytest.mark.parametrize("known", [0, 3])
def test_clips_of_unknown_length(extract, tmp_path, noise, known):
    """They do not decide the length of a clip, unless there are no others."""
    for scene in ("a", "b"):
        (tmp_path / "c" / scene).mkdir(parents=True)
        for number in range(4):
            path = tmp_path / "c" / scene / f"{number}.flac"
            if number < known:
                soundfile.write(path, noise(44_100, 44_100, number), 44_100)
            else:
                flac_of_unknown_length(path, 2.0, noise)
    summary = summarise(open_corpus(tmp_path / "c"))
    assert summary["unknown_lengths"] == 2 * (4 - known)
    assert (summary["clip_seconds"] or {"max": 1.0})["max"] == 1.0
    report = extract(tmp_path / "c")
    assert report.complete
    store = FeatureStore(report.store)
    assert store.spec.seconds == (1.0 if known else 2.0)
    assert sorted(store.measured("seconds")) == [1.0] * 2 * known + [2.0] * 2 * (
        4 - known
    )


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 8_000, 22_050])
def test_a_clip_is_the_start_of_a_long_file(tmp_path, write_wav, ending, rate):
    """Bit for bit, though what follows is not decoded; so are the blocks of all."""
    path = tmp_path / f"long.{ending}"
    write_wav(path, seconds=5.0, rate=rate, subtype=None)
    whole = resampled(read_audio(path), SPEC)
    clip = read_clip(path, SPEC)
    np.testing.assert_array_equal(clip.y, whole[:, : SPEC.samples])
    assert (clip.seconds, clip.channels, clip.note) == (5.0, 2, "")
    with stream_audio(path, SPEC) as stream:
        blocks = list(stream.blocks())
    assert max(y.shape[1] for y in blocks) < 3 * SPEC.samples
    assert stream.length == whole.shape[1]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)


def test_only_what_a_clip_needs_is_decoded(tmp_path, write_wav, monkeypatch):
    path = tmp_path / "long.flac"
    write_wav(path, seconds=20.0, subtype=None)
    from asc.audio import sndfile

    decoded, read = [], sndfile.SndfileDecoder.read
    monkeypatch.setattr(
        sndfile.SndfileDecoder,
        "read",
        lambda self, frames: decoded.append(frames) or read(self, frames),
    )
    assert read_clip(path, SPEC).seconds == 20.0
    assert sum(decoded) < 1.1 * SPEC.samples


@pytest.mark.parametrize("rate", [1, 44, 44_100_001])
def test_rates_that_are_no_audio(tmp_path, write_wav, rate):
    path = tmp_path / "clip.wav"
    write_wav(path)
    data = path.read_bytes()
    path.write_bytes(data[:24] + rate.to_bytes(4, "little") + data[28:])
    with pytest.raises(ValueError, match="its sample rate is too far from 44,100 Hz"):
        read_clip(path, SPEC)


def test_a_flac_bomb_takes_little_memory(tmp_path):
    """A megabyte that decodes to gigabytes: some seconds of many channels."""
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", 655_350, 8, format="FLAC") as file:
        for _ in range(20):
            file.write(np.zeros((655_350, 8), np.int16))
    clip = read_clip(path, SPEC)
    assert (clip.seconds, clip.sample_rate, clip.channels) == (20.0, 655_350, 8)
    assert not clip.y.any()


def test_one_bad_clip_after_another(extract, own_corpus):
    """Each is one failed row: rates, lengths and encodings of all kinds."""
    clips = sorted((own_corpus / "audio").iterdir())
    data = clips[0].read_bytes()
    for path, rate in zip(clips, (1, 0, 2**31, 2**32 - 1, 44), strict=False):
        path.write_bytes(data[:24] + rate.to_bytes(4, "little") + data[28:])
    report = extract(own_corpus, allow_failures=True)
    assert report.complete and report.clips == 19
    assert len(report.failures) == 5
