"""A decoder of WAV files of 16- and 24-bit samples.

libsndfile decodes them too, but needs four times as long for 24 bits, the width
of the TUT and TAU corpora: as long as all Fourier transforms of the clip. A test
checks that the samples are equal bit by bit. All other files are left to libsndfile.
"""

from __future__ import annotations

import numpy as np

from asc.audio.layout import Samples
from asc.audio.source import Source
from asc.compiled import compiled

_PCM, _EXTENSIBLE = 1, 0xFFFE
#: What follows the number of the encoding in the identifier of an extensible file.
_IDENTIFIER = bytes.fromhex("000000001000800000aa00389b71")
#: The most that libsndfile reads.
_MOST_RATE, _MOST_CHANNELS = (1 << 31) - 1, 1024


class PcmDecoder:
    """Decodes the samples of a WAV file.

    Parameters
    ----------
    source : Source
    samples : Samples
        Where they are.
    sample_rate, channels, width : int
        In Hz; number; 16 or 24 bits.
    """

    def __init__(
        self,
        source: Source,
        samples: Samples,
        sample_rate: int,
        channels: int,
        width: int,
    ) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self._source, self._start, self._width = source, samples.start, width
        self.container, self.format = "WAV", f"WAV PCM_{width}"
        self._frame_bytes = channels * width // 8
        self.frames = samples.size // self._frame_bytes
        self._position = 0

    def read(self, frames: int) -> np.ndarray:
        """Return the next samples [shape=(n, channels)], float32; fewer at the end."""
        frames = min(frames, self.frames - self._position)
        start = self._start + self._position * self._frame_bytes
        # Every sample of 24 bits is read as four bytes: the one before it, which is
        # shifted out, and its own three.
        before = 1 if self._width == 24 else 0
        data = self._source.array(start - before, frames * self._frame_bytes + before)
        frames = max(0, len(data) - before) // self._frame_bytes
        self._position += frames
        samples = np.empty((frames, self.channels), np.float32)
        kind, step = ("<i4", 3) if before else ("<i2", 2)
        values = np.ndarray(samples.size, kind, data.data, 0, step)
        full_scale = np.float32(2.0 ** (1 - self._width))
        _scale(values, 8 * before, full_scale, samples.reshape(-1))
        return samples

    def skip(self, frames: int) -> int:
        """Pass over samples; return how many."""
        self._position = min(frames, self.frames)
        return self._position

    def close(self) -> None:
        """Nothing is held."""


def open_pcm(source: Source, samples: Samples) -> PcmDecoder | None:
    """Return a decoder of a WAV file of 16- or 24-bit samples; None for any other."""
    head = samples.description
    kind, channels, rate, _, frame_bytes, width = (
        int.from_bytes(head[start:end], "little")
        for start, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16))
    )
    if kind == _EXTENSIBLE and len(head) >= 40 and head[26:40] == _IDENTIFIER:
        kind = int.from_bytes(head[24:26], "little")
    if kind != _PCM or width not in (16, 24) or len(head) < 16:
        return None
    if not (0 < channels <= _MOST_CHANNELS and 0 < rate <= _MOST_RATE):
        return None
    if frame_bytes != channels * width // 8:
        return None
    return PcmDecoder(source, samples, rate, channels, width)


@compiled
def _scale(
    values: np.ndarray, shift: int, full_scale: np.float32, samples: np.ndarray
) -> None:
    for i in range(len(samples)):
        samples[i] = np.float32(values[i] >> shift) * full_scale
