"""A decoder of WAV files of 16- and 24-bit samples.

libsndfile decodes them too, but needs four times as long for 24 bits, the width
of the TUT and TAU corpora: as long as all Fourier transforms of the clip. A test
checks that the samples are equal bit by bit. All other files are left to libsndfile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.audio.layout import Samples
from asc.audio.source import Source
from asc.compiled import compiled

if TYPE_CHECKING:
    from asc.audio.sndfile import SndfileDecoder

_WIDTHS = {"PCM_16": 16, "PCM_24": 24}


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


def open_pcm(
    source: Source, samples: Samples, header: SndfileDecoder
) -> PcmDecoder | None:
    """Return a decoder of a WAV file of 16- or 24-bit samples; None for any other.

    Parameters
    ----------
    source : Source
    samples : Samples
        Where they are.
    header : SndfileDecoder
        The file as libsndfile reads its header, which decides what a WAV file is.
    """
    container, encoding = header.format.split()
    if container not in ("WAV", "WAVEX") or encoding not in _WIDTHS:
        return None
    facts = header.sample_rate, header.channels
    decoder = PcmDecoder(source, samples, *facts, _WIDTHS[encoding])
    return decoder if decoder.frames == header.frames else None


@compiled
def _scale(
    values: np.ndarray, shift: int, full_scale: np.float32, samples: np.ndarray
) -> None:
    for i in range(len(samples)):
        samples[i] = np.float32(values[i] >> shift) * full_scale
