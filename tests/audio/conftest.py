"""Small audio files in memory, and reading them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc.audio import AudioFile
from asc.errors import InputError


@pytest.fixture(scope="session")
def samples() -> np.ndarray:
    """Return half a second of stereo noise."""
    return 0.2 * np.random.default_rng(0).standard_normal((22050, 2))


@pytest.fixture(scope="session")
def encode(samples: np.ndarray) -> Callable[..., bytes]:
    """Return the function that makes the bytes of a file."""

    def encoded(
        kind: str = "WAV", y: np.ndarray = samples, rate: int = 44100, **options: object
    ) -> bytes:
        container, _, encoding = kind.partition(" ")
        file = io.BytesIO()
        options["subtype"] = encoding or None
        soundfile.write(file, y, rate, format=container, **options)
        return file.getvalue()

    return encoded


@pytest.fixture(scope="session")
def reference() -> Callable[[bytes], np.ndarray]:
    """Return the function that decodes a sound file as libsndfile does."""

    def decoded(data: bytes) -> np.ndarray:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            return file.read(file.frames, "float32", always_2d=True)

    return decoded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file of a test is."""
    return tmp_path / "clip.audio"


@pytest.fixture
def decode(path: Path) -> Callable[..., np.ndarray]:
    """Return the function that decodes bytes, in memory and from the disk alike."""

    def decoded(data: bytes, note: str = "", **options: bool) -> np.ndarray:
        found = []
        for limit in (1 << 24, 100):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("asc.audio.source._MOST_IN_MEMORY", limit)
                path.write_bytes(data)
                with AudioFile(path, **options) as file:
                    blocks = [file.read(5000)]
                    while len(blocks[-1]):
                        blocks.append(file.read(5000))
                    found.append(np.concatenate(blocks))
                    assert file.finish() == len(found[-1])
                    assert file.note == note
        np.testing.assert_array_equal(*found)
        return found[0]

    return decoded


@pytest.fixture
def refusal(decode: Callable[..., np.ndarray]) -> Callable[..., str]:
    """Return the function that gives the sentence for bytes, which must be refused."""

    def refused(data: bytes, **options: bool) -> str:
        with pytest.raises(InputError) as caught:
            decode(data, **options)
        text = str(caught.value)
        assert text.endswith(".") and text.isprintable()
        return text

    return refused
