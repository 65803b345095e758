"""Plain WAV files decoded by NumPy against libsndfile, bit for bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asc.features import pcm


def wav(samples: np.ndarray, subtype: str, format: str = "WAV") -> np.ndarray:
    """Return the bytes of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, 44100, subtype=subtype, format=format)
    return np.frombuffer(file.getvalue(), np.uint8)


def with_chunk(data: np.ndarray, name: bytes, content: bytes) -> np.ndarray:
    """Return a WAV file with a chunk before its samples."""
    raw = data.tobytes()
    place = raw.index(b"data")
    chunk = name + len(content).to_bytes(4, "little") + content
    chunk += b"\0" * (len(content) % 2)
    return np.frombuffer(raw[:place] + chunk + raw[place:], np.uint8)


@given(
    frames=st.integers(1, 300),
    channels=st.integers(1, 6),
    subtype=st.sampled_from(["PCM_16", "PCM_24"]),
    format=st.sampled_from(["WAV", "WAVEX"]),
    seed=st.integers(0, 2**31),
)
def test_samples_are_those_of_libsndfile(frames, channels, subtype, format, seed):
    rng = np.random.default_rng(seed)
    data = wav(rng.uniform(-1, 1, (frames, channels)), subtype, format)
    expected, rate = soundfile.read(
        io.BytesIO(data.tobytes()), dtype="float32", always_2d=True
    )
    samples, found = pcm.decode(data)
    assert found == rate == 44100
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_extremes_are_exact(subtype):
    data = wav(np.array([[-1.0, 1.0], [0.0, -1e-9], [1e-7, -1e-7]]), subtype)
    expected, _ = soundfile.read(io.BytesIO(data.tobytes()), dtype="float32")
    samples, _ = pcm.decode(data)
    np.testing.assert_array_equal(samples, expected)
    assert samples[0, 0] == -1.0


@pytest.mark.parametrize("content", [b"", b"abc", b"INFOISFT" + b"x" * 31])
def test_other_chunks_are_stepped_over(content):
    data = wav(np.linspace(-1, 1, 20)[:, None], "PCM_24")
    plain, _ = pcm.decode(data)
    samples, _ = pcm.decode(with_chunk(data, b"LIST", content))
    np.testing.assert_array_equal(samples, plain)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_other_encodings_are_left_to_libsndfile(subtype):
    assert pcm.decode(wav(np.zeros((9, 2)), subtype)) is None


def test_other_files_are_left_to_libsndfile():
    whole = wav(np.zeros((9, 2)), "PCM_24")
    for data in (
        whole[:-1],  # cut
        whole[:30],
        whole[:0],
        np.frombuffer(b"RIFF" + b"\0" * 40, np.uint8),
        np.frombuffer(b"OggS" + b"\0" * 40, np.uint8),
        whole[:40],  # no samples chunk
    ):
        assert pcm.decode(data) is None


@given(place=st.integers(0, 43), value=st.integers(0, 255))
def test_no_header_upsets_it(place, value):
    """Any byte of the header may be wrong; then both agree or this one declines."""
    data = wav(np.linspace(-1, 1, 24).reshape(12, 2), "PCM_24").copy()
    data[place] = value
    decoded = pcm.decode(data)
    if decoded is None:
        return
    try:
        expected, rate = soundfile.read(
            io.BytesIO(data.tobytes()), dtype="float32", always_2d=True
        )
    except soundfile.LibsndfileError:
        return
    np.testing.assert_array_equal(decoded[0], expected)
    assert decoded[1] == rate
