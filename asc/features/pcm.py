"""WAV files of plain 16- and 24-bit samples, decoded here.

libsndfile reads them too, but takes four times as long for 24 bits, the width
of the TUT and TAU corpora: as long as all Fourier transforms of the clip. The
samples are the same bit for bit, which a test keeps. Anything unusual is left
to libsndfile.
"""

from __future__ import annotations

import numpy as np

from asc.compiled import compiled

_PCM, _EXTENSIBLE = 1, 0xFFFE


def decode(data: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Decode a whole WAV file if it is of the plain kind.

    Parameters
    ----------
    data : np.ndarray [shape=(bytes,)], uint8

    Returns
    -------
    samples : np.ndarray [shape=(frames, channels)], float32
        Full scale is 1.
    sample_rate : int
        In Hz. None in place of both if the file is of another kind.
    """
    chunks = _chunks(data)
    if chunks is None or "fmt " not in chunks or "data" not in chunks:
        return None
    begin, size = chunks["fmt "]
    head = data[begin : begin + size].tobytes()
    if size < 16 or (head[:2] == _EXTENSIBLE.to_bytes(2, "little") and size < 40):
        return None
    kind = int.from_bytes(head[:2], "little")
    if kind == _EXTENSIBLE:
        kind = int.from_bytes(head[24:26], "little")
    channels = int.from_bytes(head[2:4], "little")
    rate = int.from_bytes(head[4:8], "little")
    frame_bytes = int.from_bytes(head[12:14], "little")
    width = int.from_bytes(head[14:16], "little")
    plain = kind == _PCM and width in (16, 24) and channels and rate
    if not plain or frame_bytes != channels * width // 8:
        return None
    begin, size = chunks["data"]
    samples = np.empty((size // frame_bytes, channels), np.float32)
    if width == 16:
        values = np.ndarray(samples.size, "<i2", data.data, begin)
    else:
        # Four bytes are read for every three, from the byte before the sample
        # on, which is then shifted out.
        values = np.ndarray(samples.size, "<i4", data.data, begin - 1, 3)
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
    """Return begin and size of the chunks of a WAV file up to its samples.

    None if it is no WAV file, or if a chunk reaches beyond its end.
    """
    if data[:4].tobytes() != b"RIFF" or data[8:12].tobytes() != b"WAVE":
        return None
    found: dict[str, tuple[int, int]] = {}
    place = 12
    while place + 8 <= len(data) and "data" not in found:
        name = data[place : place + 4].tobytes().decode("latin-1")
        size = int.from_bytes(data[place + 4 : place + 8].tobytes(), "little")
        if place + 8 + size > len(data):
            return None
        found.setdefault(name, (place + 8, size))
        place += 8 + size + size % 2
    return found
