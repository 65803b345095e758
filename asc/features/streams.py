"""Streams of audio that fit a spec: of files, of samples in memory, of ffmpeg."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from asc.audio import AudioFile
from asc.audio.decoding import check_values
from asc.audio.ffmpeg import FfmpegFile
from asc.features.audio import fitted_blocks, resampled_length
from asc.features.spec import FeatureSpec


@dataclass
class AudioStream:
    """The audio of a file in blocks, with the channels and rate of a spec.

    Attributes
    ----------
    seconds : float
        Length of the file; 0 until its end if it is not known before.
    length : int
        Samples of all blocks together, likewise.
    note : str
        What is missing of a truncated file that is accepted; else empty.
    """

    seconds: float
    length: int
    note: str
    _blocks: Iterator[np.ndarray]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield blocks [shape=(spec.channel_count, n)], float32, of any n, once."""
        return self._blocks


@contextmanager
def stream_audio(
    path: str | os.PathLike[str], spec: FeatureSpec, *, accept_truncated: bool = False
) -> Iterator[AudioStream]:
    """Decode an audio file in blocks, so that memory does not grow with its length.

    The blocks together are what `resampled` makes of the whole file, bit for bit.

    Parameters
    ----------
    path : path-like
    spec : FeatureSpec
        Rate and channels of the blocks.
    accept_truncated : bool
        Read what is there of a file that may be truncated.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        As `read_audio`; what is found only in decoding is raised between blocks.
    """
    with AudioFile(path, accept_truncated=accept_truncated) as file:
        frames, note = file.frames, file.note
        if frames is None:  # only decoding tells it
            with AudioFile(path, accept_truncated=accept_truncated) as counted:
                frames, note = counted.finish(), counted.note
        length = resampled_length(frames, file.sample_rate, spec)
        seconds = frames / file.sample_rate
        yield AudioStream(seconds, length, note, fitted_blocks(file, spec))


def stream_from(source: Samples | FfmpegFile, spec: FeatureSpec) -> AudioStream:
    """Return the audio of a source that need not know its length, as `stream_audio`."""

    def blocks() -> Iterator[np.ndarray]:
        yield from fitted_blocks(source, spec)
        tell()

    def tell() -> None:
        if source.frames is not None:
            rate = source.sample_rate
            stream.seconds = source.frames / rate
            stream.length = resampled_length(source.frames, rate, spec)
        stream.note = source.note

    stream = AudioStream(0.0, 0, "", blocks())
    tell()
    return stream


class Samples:
    """Samples in memory, read as an `asc.audio.AudioFile` is.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (channels, n)]
        As librosa has audio; floating point, of which full scale is 1, or int16 or
        int32.
    sample_rate : int
        In Hz.

    Raises
    ------
    InputError
        If a sample is not finite, or far beyond full scale.
    """

    def __init__(self, y: np.ndarray, sample_rate: int) -> None:
        self.sample_rate, self.note = sample_rate, ""
        y = np.atleast_2d(y)
        if y.dtype.kind == "i":  # scaled as libsndfile does
            y = y.astype(np.float32) * np.float32(2.0 ** (1 - 8 * y.itemsize))
        self._samples = np.ascontiguousarray(y.T, np.float32)
        self.frames, self.channels = self._samples.shape
        self._done = 0
        check_values(self._samples)

    def read(self, count: int) -> np.ndarray:
        """Return the next samples [shape=(n, channels)]; none at the end."""
        samples = self._samples[self._done : self._done + count]
        self._done += len(samples)
        return samples
