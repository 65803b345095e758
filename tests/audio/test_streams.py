"""MP3, Ogg and FLAC: every stream of a file, and every sample, or a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from test_chunks import ID3, patched

from asc.audio import ADVICE, AudioFile
from asc.audio.mpeg import frame_size

CHAINED = ("MP3", "OGG VORBIS", "OGG OPUS", "FLAC PCM_16", "FLAC PCM_24")


def rate_of(kind: str) -> int:
    return 48000 if "OPUS" in kind else 44100


def frames_of(data: bytes) -> list[bytes]:
    """Return the frames of an MP3 file."""
    frames, place = [], 0
    while size := frame_size(data[place : place + 4]):
        frames.append(data[place : place + size])
        place += size
    return frames


def pages_of(data: bytes) -> list[bytes]:
    """Return the pages of an Ogg file."""
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


# Streams that follow each other.


@pytest.mark.parametrize("kind", CHAINED)
@pytest.mark.parametrize("between", [b"", ID3, b"TAG" + bytes(125), bytes(500)])
def test_streams_that_follow_each_other(encode, decode, reference, kind, between):
    rate = rate_of(kind)
    first = encode(kind, rate=rate)
    second = encode(kind, y=np.ones((5000, 2)) * 0.1, rate=rate)
    expected = np.concatenate([reference(data) for data in (first, second, first)])
    found = decode(between.join([first, second, first]))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", CHAINED)
@pytest.mark.parametrize("change", ["rate", "channels"])
def test_streams_that_do_not_fit_together(encode, refusal, samples, kind, change):
    rate, other = rate_of(kind), samples[:9000]
    if change == "channels":
        second = encode(kind, y=other[:, 0], rate=rate)
    else:
        second = encode(kind, y=other, rate=rate // 2 if rate == 48000 else 22050)
    assert refusal(encode(kind, rate=rate) + second) == (
        "the file has streams of different sample rates or channels."
    )


def test_a_stream_of_radio_that_has_no_end(encode, decode, refusal, reference):
    """The first stream has no mark of its end."""
    whole, second = encode("OGG"), encode("OGG")
    first = b"".join(pages_of(whole)[:-1])
    sentence = "the file is truncated (its last Ogg page is missing)."
    assert refusal(first + second) == f"{sentence} {ADVICE}"
    found = decode(first + second, note=sentence, accept_truncated=True)
    assert len(found) > 22050
    np.testing.assert_array_equal(found[-22050:], reference(second))


# MP3.


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize("rate", [44100, 48000, 22050, 8000])
def test_mp3_without_a_frame_that_tells_its_length(encode, decode, rate, mode):
    """The loud end is there, however quiet the first frames are."""
    y = np.concatenate([np.zeros(2 * rate), np.full(rate, 0.5)])
    y[2 * rate :] *= np.random.default_rng(0).standard_normal(rate)
    options = {"bitrate_mode": mode, "compression_level": 0.3}
    data = encode("MP3", y=y, rate=rate, **options)
    frames = frames_of(data)
    tells = b"Xing" in frames[0] or b"Info" in frames[0]
    bare = b"".join(frames[tells:])
    count = len(frames[tells:]) * (1152 if rate > 24000 else 576)
    for whole in (bare, ID3 + bytes(90) + bare, bare + b"APETAGEX" + bytes(900)):
        found = decode(whole)
        # Decoders leave out their own delay.
        assert count - 529 <= len(found) <= count
        assert np.abs(found[-rate // 2 :]).max() > 0.1
        assert np.abs(found[: 2 * rate - 2000]).max() < 0.1


def test_mp3_that_tells_another_length(encode, decode, refusal, reference):
    data = encode("MP3")
    place = data.index(b"Xing") + 8
    count = len(frames_of(data)) - 1
    for told in (count // 2, count - 1, count + 1):
        found = decode(patched(data, **{f"b4_{place}": told}))
        np.testing.assert_array_equal(found, reference(data))
    text = refusal(patched(data, **{f"b4_{place}": 2 * count}))
    assert (
        text == f"the file is truncated ({count} MP3 frames of {2 * count}). {ADVICE}"
    )


def test_mp3_that_is_cut(encode, decode, refusal):
    frames = frames_of(encode("MP3"))
    half = b"".join(frames[:10])
    sentence = f"the file is truncated (9 MP3 frames of {len(frames) - 1})."
    assert refusal(half) == f"{sentence} {ADVICE}"
    assert len(decode(half, note=sentence, accept_truncated=True)) > 8 * 1152
    sentence = "the file is truncated (its last MP3 frame is not whole)."
    assert refusal(b"".join(frames[1:])[:-9]) == f"{sentence} {ADVICE}"


def test_mp3_that_is_damaged_between_its_frames(encode, refusal):
    frames = frames_of(encode("MP3"))
    for first in (0, 1):
        bad = frames[first:10] + [b"junk" * 700] + frames[11:]
        assert ("damaged" if first else "truncated") in refusal(b"".join(bad))


# Ogg.


def test_ogg_that_lacks_a_page(encode, refusal, samples):
    pages = pages_of(encode("OGG", y=np.tile(samples, (20, 1))))
    text = refusal(b"".join(pages[:6] + pages[7:]))
    assert text == f"the file lacks some of its Ogg pages. {ADVICE}"


def test_ogg_with_a_damaged_page(encode, refusal, samples):
    """Decoders drop the page without an error."""
    data = bytearray(encode("OGG", y=np.tile(samples, (20, 1))))
    data[len(data) // 2] ^= 1
    assert "the file is truncated (" in refusal(bytes(data))


# FLAC.


def flac_with(data: bytes, frames: int) -> bytes:
    """Return a FLAC file whose header tells another number of samples."""
    head = bytes([data[21] & 0xF0 | frames >> 32]) + (frames & 0xFFFFFFFF).to_bytes(
        4, "big"
    )
    return data[:21] + head + data[26:]


def test_flac_of_unknown_length(encode, decode, refusal, reference, path):
    data = encode("FLAC")
    unknown = flac_with(data, 0)
    np.testing.assert_array_equal(decode(unknown), reference(data))
    twice = np.concatenate([reference(data)] * 2)
    np.testing.assert_array_equal(decode(unknown + unknown), twice)
    assert "damaged or truncated" in refusal(unknown[: len(data) // 2])
    path.write_bytes(unknown)
    with AudioFile(path) as file:
        assert file.frames is None
        file.read(10)
        assert file.finish() == file.frames == 22050


@pytest.mark.parametrize("frames", [22051, 30000, (1 << 33), (1 << 36) - 1])
def test_flac_that_tells_too_much(encode, refusal, frames):
    data = flac_with(encode("FLAC"), frames)
    assert f"of {frames:,})" in refusal(data) or "damaged" in refusal(data)


def test_flac_that_tells_too_little(encode, refusal):
    assert refusal(flac_with(encode("FLAC"), 20000)) == (
        "the file has more than the 20,000 frames that its header tells. Encode it"
        " again."
    )


def test_flac_that_is_cut_is_noticed_without_decoding_it(encode, path, samples):
    data = encode("FLAC", y=np.tile(samples, (10, 1)))
    path.write_bytes(data[:-1000])
    with AudioFile(path) as file:
        assert len(file.read(100)) == 100
        with pytest.raises(ValueError, match="its last frames are missing"):
            file.finish()
    with AudioFile(path, accept_truncated=True) as file:
        file.read(100)
        assert 200_000 < file.finish() < 220_500
        assert file.note == "the file is truncated (its last frames are missing)."
