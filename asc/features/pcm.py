"""A decoder of WAV files of 16- and 24-bit samples.

libsndfile decodes them too, but needs four times as long for 24 bits, the width
of the TUT and TAU corpora: as long as all Fourier transforms of the clip. A test
checks that the samples are equal bit by bit. All other files are left to libsndfile.
"""

from __future__ import annotations

import numpy as np

from asc.compiled import compiled

_PCM, _EXTENSIBLE = 1, 0xFFFE


def decode(data: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Decode a WAV file of 16- or 24-bit samples.

    Parameters
    ----------
    data : np.ndarray [shape=(bytes,)], uint8

    Returns
    -------
    samples : np.ndarray [shape=(frames, channels)], float32
        Full scale is 1.
    sample_rate : int
        In Hz. None instead of both for any other file.
    """
    chunks = _chunks(data)
    if chunks is None or "fmt " not in chunks or "data" not in chunks:
        return None
    start, size = chunks["fmt "]
    head = data[start : start + size].tobytes()
    if size < 16 or (head[:2] == _EXTENSIBLE.to_bytes(2, "little") and size < 40):
        return None
    kind = int.from_bytes(head[:2], "little")
    if kind == _EXTENSIBLE:
        kind = int.from_bytes(head[24:26], "little")
    channels = int.from_bytes(head[2:4], "little")
    rate = int.from_bytes(head[4:8], "little")
    frame_bytes = int.from_bytes(head[12:14], "little")
    width = int.from_bytes(head[14:16], "little")
    supported = kind == _PCM and width in (16, 24) and channels and rate
    if not supported or frame_bytes != channels * width // 8:
        return None
    start, size = chunks["data"]
    samples = np.empty((size // frame_bytes, channels), np.float32)
    if width == 16:
        values = np.ndarray(samples.size, "<i2", data.data, start)
    else:
        # Every sample is read as four bytes: the one before it, which is shifted
        # out, and its own three.
        values = np.ndarray(samples.size, "<i4", data.data, start - 1, 3)
    full_scale = np.float32(2.0 ** (1 - width))
    _scale(values, 0 if width == 16 else 8, full_scale, samples.reshape(-1))
    return samples, rate


@compiled
def _scale(
    values: np.ndarray, shift: int, full_scale: np.float32, samples: np.ndarray
) -> None:
    for i in range(len(samples)):
        samples[i] = np.float32(values[i] >> shift) * full_scale


def _chunks(data: np.ndarray) -> dict[str, tuple[int, int]] | None:
    """Return start and size of the chunks of a WAV file up to its samples.

    None if it is not a WAV file, or if a chunk extends beyond its end.
    """
    if data[:4].tobytes() != b"RIFF" or data[8:12].tobytes() != b"WAVE":
        return None
    found: dict[str, tuple[int, int]] = {}
    offset = 12
    while offset + 8 <= len(data) and "data" not in found:
        name = data[offset : offset + 4].tobytes().decode("latin-1")
        size = int.from_bytes(data[offset + 4 : offset + 8].tobytes(), "little")
        if offset + 8 + size > len(data):
            return None
        found.setdefault(name, (offset + 8, size))
        offset += 8 + size + size % 2
    return found
