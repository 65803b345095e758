"""Whatever the bytes of a file are, there are samples or a sentence."""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asc.audio import AudioFile, checksums
from asc.corpus.headers import read_header
from asc.errors import InputError, MissingInputError

KINDS = (
    *("WAV PCM_16", "WAVEX PCM_24", "WAV GSM610", "RF64 PCM_16", "W64 PCM_16"),
    *("AIFF PCM_16", "AU PCM_16", "CAF ALAC_16", "FLAC", "MP3", "OGG VORBIS"),
    *("OGG OPUS", "NIST PCM_16", "VOC PCM_16", "AVR PCM_16"),
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "remove"]),
        st.one_of(st.integers(0, 80), st.integers(0, 3000)),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    for change, place, value in changes:
        place %= len(data) or 1
        if change == "set":
            data = data[:place] + bytes([value]) + data[place + 1 :]
        elif change == "cut":
            data = data[:-place] if value % 2 else data[place:]
        elif change == "insert":
            data = data[:place] + bytes([value]) * value + data[place:]
        else:
            data = data[:place] + data[place + value :]
    return data


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, accept=st.booleans())
@pytest.mark.parametrize("kind", KINDS)
def test_damage(encode, samples, path, kind, changes, accept):
    y = samples[:4000, :1] if "GSM" in kind else samples[:4000]
    data = encode(kind, y=y, rate=48000 if "OPUS" in kind else 8000)
    path.write_bytes(damaged(data, changes))
    try:
        with AudioFile(path, accept_truncated=accept) as file:
            total = 0
            while count := len(file.read(1000)):
                total += count
                assert total < 10_000_000
            assert file.finish() == total
    except InputError as error:
        assert str(error).isprintable() and str(error).endswith(".")
    try:
        header = read_header(path, accept_truncated=accept)
        assert header.sample_rate > 0 and header.channels > 0
    except InputError as error:
        assert str(error).isprintable() and str(error).endswith(".")


@given(
    data=st.binary(max_size=300),
    start=st.sampled_from([b"", b"\xff\xfb\x90d", b"OggS", b"ID3"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(path, start, data):
    path.write_bytes(start + data)
    try:
        with AudioFile(path) as file:
            file.finish()
    except InputError as error:
        assert str(error).isprintable() and str(error).endswith(".")


@pytest.mark.parametrize("error", [MemoryError(), OverflowError("big"), RuntimeError()])
def test_any_error_of_a_decoder_is_a_sentence(encode, path, monkeypatch, error):
    path.write_bytes(encode("FLAC"))

    def fail(*arguments):
        raise error

    with AudioFile(path) as file:
        monkeypatch.setattr(file._decoder, "read", fail)
        with pytest.raises(InputError, match="the file is damaged or truncated"):
            file.read()
    monkeypatch.setattr("asc.audio.sndfile._Sequential", fail)
    with pytest.raises(InputError, match="not readable as audio"):
        AudioFile(path)


def test_what_is_not_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", "/dev/zero", tmp_path):
        with pytest.raises(InputError, match="^the file is not a regular file.$"):
            AudioFile(path)
        with pytest.raises(InputError, match="^the file is not a regular file.$"):
            read_header(path)
    with pytest.raises(MissingInputError, match="^the file is missing.$"):
        AudioFile(tmp_path / "gone.wav")


def test_a_file_of_many_gigabytes(encode, path):
    """It is sparse: what its header tells is there, the rest is not read."""
    path.write_bytes(encode())
    os.truncate(path, 20 * 10**9)
    with AudioFile(path) as file:
        assert file.finish() == 22050
    assert read_header(path).frames == 22050


def test_the_checksum(encode, path, monkeypatch):
    data = encode()
    path.write_bytes(data)
    assert list(checksums(path)) == [zlib.crc32(data)]
    monkeypatch.setattr("asc.audio.source._MOST_IN_MEMORY", 1000)
    monkeypatch.setattr("asc.audio.source._END", 300)
    ends = data[:300] + data[-300:]
    assert list(checksums(path)) == [zlib.crc32(ends), zlib.crc32(data)]


def test_a_rate_beyond_all_measure(encode, path):
    data = encode()
    path.write_bytes(data[:24] + b"\xff\xff\xff\xff" + data[28:])
    with pytest.raises(InputError, match="not readable as audio"):
        AudioFile(path)


def test_many_channels_are_decoded_in_small_blocks(encode, path):
    y = np.zeros((30_000, 200))
    path.write_bytes(encode("WAV FLOAT", y=y))
    with AudioFile(path) as file:
        assert 0 < file.read().size <= 1 << 22


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypM4A \0\0", "MP4 or M4A, which ffmpeg converts"),
        (b"\x1aE\xdf\xa3\x01", "WebM or Matroska, which ffmpeg converts"),
        (
            b"version https://git-lfs.github.com",
            "a pointer of Git LFS; run: git lfs pull",
        ),
    ],
)
def test_formats_that_are_not_read_are_named(path, head, kind):
    path.write_bytes(head + bytes(99))
    with pytest.raises(InputError) as caught:
        AudioFile(path)
    assert str(caught.value) == f"not readable as audio ({kind})."
