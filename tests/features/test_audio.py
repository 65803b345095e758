"""Reading audio: what is read, and the sentence for what cannot be."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import soundfile

from asc.errors import InputError
from asc.features import (
    Audio,
    FeatureSpec,
    cut,
    fit,
    read_audio,
    resampled,
    stream_audio,
)

SPEC = FeatureSpec.for_audio(44100, 1.0)


def refusal(path) -> str:
    """Return the sentence for a file, which must be refused as input."""
    with pytest.raises(InputError) as caught:
        read_audio(path)
    assert caught.value.exit_code == 3
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


# What is read.


@pytest.mark.parametrize(
    ("ending", "subtype", "within"),
    [
        ("wav", "PCM_16", 2**-15),
        ("wav", "PCM_24", 2**-23),
        ("wav", "PCM_32", 2**-24),
        ("wav", "FLOAT", 0),
        ("wav", "DOUBLE", 0),
        ("flac", "PCM_16", 2**-15),
        ("flac", "PCM_24", 2**-23),
        ("aiff", "PCM_24", 2**-23),
        ("w64", "PCM_16", 2**-15),
    ],
)
def test_lossless_formats_read_equal(tmp_path, write_wav, ending, subtype, within):
    path = tmp_path / f"clip.{ending}"
    samples = write_wav(path, subtype=subtype)
    audio = read_audio(path)
    assert audio.sample_rate == 44100
    assert audio.seconds == 1.0
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == (44100, 2)
    np.testing.assert_allclose(audio.samples, samples, rtol=0, atol=within)
    assert audio.size == path.stat().st_size
    assert audio.checksum == zlib.crc32(path.read_bytes())


@pytest.mark.parametrize("ending", ["ogg", "mp3"])
def test_lossy_formats_read_nearly_equal(tmp_path, write_wav, ending):
    if ending.upper() not in soundfile.available_formats():
        pytest.skip(f"this libsndfile does not write {ending}")
    path = tmp_path / f"clip.{ending}"
    samples = write_wav(path, subtype=None)
    audio = read_audio(path)
    assert audio.samples.shape == samples.shape
    error = audio.samples - samples
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean(samples**2))


def test_six_channels_become_their_mean(tmp_path, write_wav):
    path = tmp_path / "surround.wav"
    samples = write_wav(path, channels=6, subtype="FLOAT")
    y = fit(read_audio(path), SPEC)
    assert y.shape == (1, 44100)
    np.testing.assert_allclose(y[0], samples.mean(axis=1), atol=1e-6)


def test_mono_stays_as_it_is(tmp_path, write_wav):
    path = tmp_path / "mono.wav"
    samples = write_wav(path, channels=1, subtype="FLOAT")
    np.testing.assert_array_equal(fit(read_audio(path), SPEC)[0], samples[:, 0])


def test_fitting_leaves_the_audio_alone(tmp_path, write_wav):
    path = tmp_path / "clip.wav"
    write_wav(path)
    audio = read_audio(path)
    before = audio.samples.copy()
    fit(audio, SPEC)
    np.testing.assert_array_equal(audio.samples, before)


def test_mid_and_side(tmp_path, write_wav):
    path = tmp_path / "clip.wav"
    samples = write_wav(path, subtype="FLOAT")
    y = fit(read_audio(path), FeatureSpec.for_audio(44100, 1.0, channels="midside"))
    left, right = samples.T
    np.testing.assert_allclose(y, [(left + right) / 2, (left - right) / 2], atol=1e-7)


@pytest.mark.parametrize("channels", [1, 6])
def test_mid_and_side_need_two_channels(tmp_path, write_wav, channels):
    path = tmp_path / "clip.wav"
    write_wav(path, channels=channels)
    spec = FeatureSpec.for_audio(44100, 1.0, channels="midside")
    with pytest.raises(InputError, match=f"two channels. Got {channels}"):
        fit(read_audio(path), spec)


@pytest.mark.parametrize("rate", [8000, 48000, 96000])
def test_resampling_keeps_a_tone(rate):
    """Frequency and level of a tone, and the length, survive."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
    audio = Audio(tone.astype(np.float32)[:, None], rate, 0, 0)
    y = resampled(audio, SPEC)[0]
    assert abs(len(y) - 44100) <= 1
    middle = y[4410:-4410]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    peak = spectrum.argmax() * 44100 / len(middle)
    assert peak == pytest.approx(1000, abs=44100 / len(middle))
    assert 20 * np.log10(middle.std() * 2**0.5 / 0.5) == pytest.approx(0, abs=0.01)


def test_same_rate_is_not_resampled(tmp_path, write_wav):
    path = tmp_path / "clip.wav"
    samples = write_wav(path, channels=1, subtype="FLOAT")
    np.testing.assert_array_equal(resampled(read_audio(path), SPEC)[0], samples[:, 0])


def test_one_sample_too_many_is_cut():
    """A "10 s" clip of TUT 2017 has 441,001 samples."""
    samples = np.arange(44101, dtype=np.float32)[:, None]
    y = fit(Audio(samples, 44100, 0, 0), SPEC)
    np.testing.assert_array_equal(y[0], samples[:44100, 0])


@pytest.mark.parametrize("length", [1, 1000, 44099])
def test_short_audio_is_repeated(length):
    samples = np.arange(length, dtype=np.float32)[:, None]
    y = fit(Audio(samples, 44100, 0, 0), SPEC)
    np.testing.assert_array_equal(y[0], np.arange(44100) % length)


def test_cut_from_the_middle():
    y = np.arange(100_000, dtype=np.float32)[None]
    assert cut(y, 50_000, SPEC)[0, [0, -1]].tolist() == [50_000, 94_099]
    assert cut(y, 90_000, SPEC)[0, [0, 9_999, 10_000]].tolist() == [9e4, 99_999, 9e4]


# What is refused.


def test_missing(tmp_path):
    assert refusal(tmp_path / "no.wav") == "the file is missing."
    with pytest.raises(FileNotFoundError):
        read_audio(tmp_path / "no.wav")


def test_folder_in_place_of_a_file(tmp_path):
    assert refusal(tmp_path) == "the file is not a regular file."


def test_empty(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    assert refusal(path) == "the file is empty (0 bytes)."


@pytest.mark.parametrize(
    "content",
    [b"This is no audio.\n", b"R", b"RIFF", b"OggS", b"fLaC", b"FORM", b"riff", b"\0"],
)
def test_text_named_wav(tmp_path, content):
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    assert refusal(path).startswith(("not readable as audio (", "the file is trunc"))


def test_no_samples(tmp_path):
    path = tmp_path / "zero.wav"
    soundfile.write(path, np.zeros((0, 2)), 44100)
    assert refusal(path) == "the file has no samples."


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("ending", "wav rf64 aiff au w64 ogg flac mp3".split())
def test_truncated(tmp_path, write_wav, ending, keep):
    """A broken copy must not pass as a shorter clip."""
    path = tmp_path / f"cut.{ending}"
    write_wav(path, subtype=None)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    text = refusal(path)
    if ending in ("wav", "rf64", "aiff", "au", "w64"):
        assert f"truncated ({int(keep * len(data)):,} bytes of {len(data):,})" in text
    elif ending == "ogg":
        assert "truncated (its last Ogg page is missing)" in text


def test_every_cut_of_an_ogg_is_noticed(tmp_path, write_wav):
    """Also one within the header of a page, or that takes a single byte."""
    path = tmp_path / "cut.ogg"
    write_wav(path, seconds=0.2, subtype=None)
    data = path.read_bytes()
    last = data.rfind(b"OggS")
    for size in (*range(last - 1, last + 40), len(data) - 1):
        path.write_bytes(data[:size])
        assert "truncated" in refusal(path)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
@pytest.mark.parametrize("lacking", [1, 2, 8, 9])
def test_a_few_bytes_cut_of_a_wav_are_noticed(tmp_path, write_wav, subtype, lacking):
    path = tmp_path / "cut.wav"
    write_wav(path, seconds=0.2, subtype=subtype)
    path.write_bytes(path.read_bytes()[:-lacking])
    assert "the file is truncated" in refusal(path)


def test_mp3_that_does_not_tell_its_length(tmp_path, write_wav):
    """What lies behind its frames makes the decoder expect more of them."""
    path = tmp_path / "plain.mp3"
    write_wav(path, subtype=None)
    data = path.read_bytes()
    tag = max(data.find(b"Xing"), data.find(b"Info"))
    assert 0 < tag < 200
    head = data[:4]  # the frame that tells is left out
    rest = data[data.index(head[:3], tag) :]
    path.write_bytes(rest + b"APETAGEX" + bytes(900))
    assert 0.9 < read_audio(path).seconds < 1.2


@pytest.mark.parametrize("declared", [0, 0xFFFFFFFF, "file size"])
def test_lengths_of_sloppy_writers_are_no_truncation(tmp_path, write_wav, declared):
    """Writers to a pipe do not know the length; some count eight bytes twice."""
    path = tmp_path / "sloppy.wav"
    write_wav(path)
    data = bytearray(path.read_bytes())
    size = len(data) if declared == "file size" else declared
    data[4:8] = size.to_bytes(4, "little")
    path.write_bytes(data)
    assert read_audio(path).seconds == 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path, write_wav, value):
    path = tmp_path / "broken.wav"
    samples = write_wav(path)
    samples[1000:1003, 1] = value
    soundfile.write(path, samples, 44100, subtype="FLOAT")
    assert refusal(path) == "3 of 88,200 samples are NaN or infinite."


@pytest.mark.parametrize("value", [1e12, 1e30])
def test_samples_beyond_all_measure(tmp_path, write_wav, value):
    """Their powers would overflow and be stored as infinite levels."""
    path = tmp_path / "loud.wav"
    samples = write_wav(path)
    samples[1000] = value
    soundfile.write(path, samples, 44100, subtype="FLOAT")
    assert refusal(path) == f"samples reach {value:.0e}; full scale is 1."


def test_loud_samples_are_read(tmp_path):
    """Float files may exceed full scale."""
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.full((44100, 1), 4.0), 44100, subtype="FLOAT")
    assert read_audio(path).samples.max() == 4.0


# Streams.


def test_a_stream_equals_the_whole(tmp_path, write_wav):
    path = tmp_path / "clip.wav"
    write_wav(path, seconds=3.0, rate=48000)
    expected = resampled(read_audio(path), SPEC)
    with stream_audio(path, SPEC) as stream:
        blocks = list(stream.blocks())
        assert (stream.seconds, stream.note) == (3.0, "")
        assert stream.length == expected.shape[1]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), expected)
