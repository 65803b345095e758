"""WAV, RF64, W64, AIFF, CAF and AU: sizes in headers, and the bytes that are there."""

from __future__ import annotations

import numpy as np
import pytest

from asc.audio import ADVICE

KINDS = (
    *("WAV PCM_16", "WAV PCM_24", "WAVEX PCM_24", "WAV FLOAT", "WAV ULAW"),
    *("RF64 PCM_16", "W64 PCM_16", "AIFF PCM_16", "AIFF FLOAT", "AU PCM_16"),
    *("CAF PCM_16", "NIST PCM_16", "VOC PCM_16", "AVR PCM_16"),
)
#: A tag of an MP3 player with 1,006 bytes of content.
ID3 = b"ID3\x04\0\0\0\0\x07\x6e" + bytes(1006)


def patched(data: bytes, **places: int) -> bytes:
    """Return a file with other numbers, ``<byte order><bytes>_<place>``."""
    changed = bytearray(data)
    for name, value in places.items():
        order = {"l": "little", "b": "big"}[name[0]]
        width, place = int(name[1]), int(name[3:])
        changed[place : place + width] = value.to_bytes(width, order)
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files(encode, decode, reference, kind):
    data = encode(kind)
    expected = reference(data)
    assert len(expected) == 22050
    for whole in (data, ID3 + data, ID3 + ID3 + data, data + b"TAG" + bytes(125)):
        np.testing.assert_array_equal(decode(whole), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tag", [b"", ID3])
def test_half_a_file(encode, decode, refusal, reference, kind, tag):
    data = tag + encode(kind)
    half = data[: len(tag) + len(data) // 2]
    sentence = f"the file is truncated ({len(half):,} bytes of {len(data):,})."
    if kind.startswith("VOC"):  # which has a byte more
        sentence = refusal(half).removesuffix(f" {ADVICE}")
    assert refusal(half) == f"{sentence} {ADVICE}"
    found = decode(half, note=sentence, accept_truncated=True)
    assert len(found) > 9_000
    whole = reference(encode(kind))
    np.testing.assert_array_equal(found, whole[: len(found)])


@pytest.mark.parametrize(
    ("outer", "size"),
    [
        (0x7FFFF024, 0x7FFFF000),  # sox
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg
        (0x7FFFFFFF, 0x7FFFFFDB),
        (0x80000024, 0x80000000),  # arecord: 2 GiB
        (0, 0),
        (36, 0),  # never closed
        (None, 0),
        (0, None),
        (0xFFFFFFFF, None),
        (None, "+2"),
        (None, "+44"),
        (100, None),
    ],
)
@pytest.mark.parametrize("encoding", ["PCM_16", "PCM_24", "PCM_U8"])
def test_whole_wav_files_whose_sizes_are_wrong(
    encode, decode, reference, encoding, outer, size
):
    data = encode(f"WAV {encoding}")
    changes = {} if outer is None else {"l4_4": outer}
    if size is not None:
        changes["l4_40"] = len(data) - 44 + int(size) if str(size)[0] == "+" else size
    found = decode(patched(data, **changes))
    np.testing.assert_array_equal(found, reference(data))


@pytest.mark.parametrize("more", [1, 2, 8, 100])
def test_sizes_that_agree_are_believed(encode, refusal, more):
    data = encode()
    longer = patched(data, l4_4=len(data) - 8 + more, l4_40=len(data) - 44 + more)
    assert "truncated" in refusal(longer)


def test_half_a_sample_of_a_pipe(encode, refusal, decode, reference):
    data = patched(encode(), l4_4=0xFFFFFFFF, l4_40=0xFFFFFFFF)
    sentence = "the file is truncated (88,199 bytes of samples of 88,200)."
    assert refusal(data[:-1]) == f"{sentence} {ADVICE}"
    found = decode(data[:-1], note=sentence, accept_truncated=True)
    np.testing.assert_array_equal(found, reference(encode())[:-1])


def test_an_empty_file_with_chunks_behind(encode, refusal, samples):
    data = encode(y=samples[:0])
    data = patched(data + b"LIST\4\0\0\0INFO", l4_4=len(data) + 4)
    assert refusal(data) == "the file has no samples."


@pytest.mark.parametrize("size", [0, 0x7FFFF024, (1 << 63) - 1, (1 << 64) - 1])
def test_64_bit_sizes_of_pipes(encode, decode, reference, size):
    data = encode("RF64 PCM_16")
    found = decode(patched(data, l8_20=size, l8_28=size))
    np.testing.assert_array_equal(found, reference(data))
    data = encode("W64 PCM_24")
    place = data.index(b"data") + 16
    found = decode(patched(data, l8_16=size, **{f"l8_{place}": size}))
    np.testing.assert_array_equal(found, reference(data))


@pytest.mark.parametrize("size", [0, 0x7F000000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_sizes_of_pipes_in_big_endian_files(encode, decode, reference, size):
    data = encode("AU PCM_16")
    np.testing.assert_array_equal(decode(patched(data, b4_8=size)), reference(data))
    data = encode("AIFF PCM_16")
    place = data.index(b"SSND") + 4
    found = decode(patched(data, b4_4=size, **{f"b4_{place}": size}))
    np.testing.assert_array_equal(found, reference(data))


def test_a_caf_file_of_unknown_size(encode, decode, reference):
    data = encode("CAF PCM_16")
    place = data.index(b"data") + 4
    found = decode(patched(data, **{f"b8_{place}": (1 << 64) - 1}))
    np.testing.assert_array_equal(found, reference(data))


def test_what_follows_a_w64_file_is_no_audio(encode, decode, reference):
    data = encode("W64 PCM_16")
    np.testing.assert_array_equal(decode(data + b"junk" * 99), reference(data))


#: Where the size of the samples is: byte order and width, the name before it.
SIZES = {
    "WAV PCM_16": ("l4", b"data", 4),
    "RF64 PCM_16": ("l8", b"ds64", 16),
    "W64 PCM_16": ("l8", b"data", 16),
    "AIFF PCM_16": ("b4", b"SSND", 4),
    "CAF PCM_16": ("b8", b"data", 4),
    "AU PCM_16": ("b4", b".snd", 8),
}


@pytest.mark.parametrize("kind", SIZES)
def test_a_header_that_tells_too_few_samples(encode, refusal, decode, reference, kind):
    data = encode(kind)
    number, name, place = SIZES[kind]
    less = patched(data, **{f"{number}_{data.index(name) + place}": 2000})
    sentence = refusal(less).removesuffix(f" {ADVICE}")
    assert "bytes of samples, but 88," in sentence
    found = decode(less, note=sentence, accept_truncated=True)
    np.testing.assert_array_equal(found, reference(data))


@pytest.mark.parametrize("kind", SIZES)
def test_files_that_follow_each_other(encode, refusal, kind):
    data = encode(kind)
    expected = "another audio file follows in the same file. Split it."
    assert refusal(data + data) == expected


def test_what_programs_leave_behind_the_samples(encode, decode, refusal, reference):
    data, chunk = encode(), b"LIST\xd0\x07\0\0" + bytes(range(250)) * 8
    longer = patched(data + chunk, l4_4=len(data + chunk) - 8)
    for whole in (data + bytes(9999), data + chunk, data + 2 * chunk, longer[:-9]):
        np.testing.assert_array_equal(decode(whole), reference(data))
    assert "are there" in refusal(data + chunk[8:])
