"""Plain WAV files decoded by NumPy against libsndfile, bit for bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asc.audio.decoding import AudioFile
from asc.audio.pcm import PcmDecoder
from asc.errors import InputError


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


def decode(path, data: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Return samples and rate by the decoder here; None if it leaves it to another."""
    path.write_bytes(data.tobytes())
    with AudioFile(path) as file:
        if not isinstance(file._decoder, PcmDecoder):
            return None
        samples = [file.read(7)]
        while len(samples[-1]):
            samples.append(file.read(7))
        assert sum(map(len, samples)) == file.finish()
        return np.concatenate(samples), file.sample_rate


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pcm") / "clip.wav"


@given(
    frames=st.integers(1, 300),
    channels=st.integers(1, 6),
    subtype=st.sampled_from(["PCM_16", "PCM_24"]),
    format=st.sampled_from(["WAV", "WAVEX"]),
    seed=st.integers(0, 2**31),
)
def test_samples_are_those_of_libsndfile(path, frames, channels, subtype, format, seed):
    rng = np.random.default_rng(seed)
    data = wav(rng.uniform(-1, 1, (frames, channels)), subtype, format)
    expected, rate = soundfile.read(
        io.BytesIO(data.tobytes()), dtype="float32", always_2d=True
    )
    samples, found = decode(path, data)
    assert found == rate == 44100
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_extremes_are_exact(path, subtype):
    data = wav(np.array([[-1.0, 1.0], [0.0, -1e-9], [1e-7, -1e-7]]), subtype)
    expected, _ = soundfile.read(io.BytesIO(data.tobytes()), dtype="float32")
    samples, _ = decode(path, data)
    np.testing.assert_array_equal(samples, expected)
    assert samples[0, 0] == -1.0


@pytest.mark.parametrize("content", [b"", b"abc", b"INFOISFT" + b"x" * 31])
def test_other_chunks_are_stepped_over(path, content):
    data = wav(np.linspace(-1, 1, 20)[:, None], "PCM_24")
    plain, _ = decode(path, data)
    samples, _ = decode(path, with_chunk(data, b"LIST", content))
    np.testing.assert_array_equal(samples, plain)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_other_encodings_are_left_to_libsndfile(path, subtype):
    assert decode(path, wav(np.zeros((9, 2)), subtype)) is None


def test_a_long_file_is_read_where_it_is_needed(path, monkeypatch):
    """Not as a whole, and with the same samples."""
    data = wav(np.random.default_rng(0).uniform(-1, 1, (5000, 2)), "PCM_24")
    expected = decode(path, data)[0]
    monkeypatch.setattr("asc.audio.source._MOST_IN_MEMORY", 1000)
    with AudioFile(path) as file:
        assert not file._source.in_memory
        file.skip(1234)
        found = file.read(3)
        np.testing.assert_array_equal(found, expected[1234:1237])
        assert file.finish() == 5000


@settings(max_examples=300)
@given(place=st.integers(0, 67), value=st.integers(0, 255), extended=st.booleans())
@example(place=27, value=255, extended=False)  # a rate above 2**31
def test_no_header_upsets_it(path, place, value, extended):
    """Any byte of the header may be wrong: what libsndfile refuses is refused."""
    samples = np.linspace(-1, 1, 24).reshape(12, 2)
    data = wav(samples, "PCM_24", "WAVEX" if extended else "WAV").copy()
    data[place] = value
    try:
        decoded = decode(path, data)
    except InputError:
        return
    if decoded is None:
        return
    expected, rate = soundfile.read(
        io.BytesIO(data.tobytes()), dtype="float32", always_2d=True
    )
    assert decoded[1] == rate
    if place == 40 and not len(expected):  # libsndfile believes that it is empty
        expected = decode(path, wav(samples, "PCM_24"))[0]
    np.testing.assert_array_equal(decoded[0], expected)
