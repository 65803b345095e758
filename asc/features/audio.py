"""Reading audio, and fitting it to a spec."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from asc.audio import AudioFile
from asc.compiled import compiled
from asc.corpus.segments import Span, split_segment
from asc.errors import InputError
from asc.features.spec import FeatureSpec

#: Most that a sample rate may differ from that of the spec.
_MOST_RATIO = 1000
_TOO_SHORT = "the file is too short to be resampled."
#: Samples that a block may become by resampling.
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Audio:
    """Decoded audio and what identifies its file.

    Attributes
    ----------
    samples : np.ndarray [shape=(frames, channels)], float32
        Full scale is 1.
    sample_rate : int
        In Hz.
    size : int
        Bytes of the file.
    checksum : int
        CRC-32 of the file, at a tenth of the cost of decoding. It shows changes, but
        does not protect against forgery. Of a file of more than 16 MiB, that of
        its first and last MiB.
    note : str
        What is missing of a truncated file that was accepted; else empty.
    """

    samples: np.ndarray
    sample_rate: int
    size: int
    checksum: int
    note: str = ""

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / self.sample_rate


def read_audio(
    path: str | os.PathLike[str], *, accept_truncated: bool = False
) -> Audio:
    """Read and decode an audio file.

    Parameters
    ----------
    path : path-like
    accept_truncated : bool
        Read what is there of a file that may be truncated.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If the file is unreadable, truncated or not audio, or has no samples, or
        samples far beyond full scale or not finite.
    """
    with AudioFile(path, accept_truncated=accept_truncated) as file:
        blocks = list(_blocks(file))
        file.finish()
        samples = _joined(blocks, axis=0)
        return Audio(samples, file.sample_rate, file.size, file.checksum, file.note)


class SampleSource(Protocol):
    """What is read as an `asc.audio.AudioFile` is."""

    sample_rate: int
    channels: int

    def read(self, count: int) -> np.ndarray:
        """Return the next samples [shape=(n, channels)]; none at the end."""


@dataclass(frozen=True)
class ClipAudio:
    """The audio of a clip, as its features are computed from it.

    Attributes
    ----------
    y : np.ndarray [shape=(spec.channel_count, spec.samples)], float32
    seconds : float
        Length of the file, or of the segment of it.
    sample_rate, channels, size, checksum, note
        Of the file; see `Audio`.
    """

    y: np.ndarray
    seconds: float
    sample_rate: int
    channels: int
    size: int
    checksum: int
    note: str


def read_clip(
    path: str | os.PathLike[str], spec: FeatureSpec, *, accept_truncated: bool = False
) -> ClipAudio:
    """Read as much of an audio file as a clip of a spec needs.

    Parameters
    ----------
    path : path-like
        The file, or a segment of it (`asc.corpus.segments`).
    spec : FeatureSpec
    accept_truncated : bool
        Read what is there of a file that may be truncated.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        As `read_audio` and `resampled`, and if the file does not hold the segment.
    """
    name, span = split_segment(os.fspath(path))
    with AudioFile(name, accept_truncated=accept_truncated) as file:
        source = file if span is None else _Segment(file, span)
        blocks, length = [], 0
        for y in fitted_blocks(source, spec):
            blocks.append(y)
            length += y.shape[1]
            if length >= spec.samples:
                break
        frames = source.finish()
        y = _joined(blocks, axis=1)
        if not y.shape[1]:
            raise InputError(_TOO_SHORT)
        return ClipAudio(
            cut(y, 0, spec),
            frames / file.sample_rate,
            file.sample_rate,
            file.channels,
            file.size,
            file.checksum,
            file.note,
        )


class _Segment:
    """A segment of an audio file, which is read as a file is."""

    def __init__(self, file: AudioFile, span: Span) -> None:
        self.sample_rate, self.channels = file.sample_rate, file.channels
        self._file, self._span = file, span
        self._start, self._stop = span.frames(file.sample_rate, file.frames)
        self._next = self._start
        try:
            file.skip(self._start)
        except InputError as error:
            if file.frames is not None:
                raise
            raise self._span.error(None) from error

    def read(self, count: int) -> np.ndarray:
        """Return the next samples, as `AudioFile.read` does."""
        if self._stop is not None:
            count = min(count, self._stop - self._next)
        if not count:
            return np.empty((0, self.channels), np.float32)
        samples = self._file.read(count)
        self._next += len(samples)
        if not len(samples) and (self._stop or self._next == self._start):
            # Its length was not known, or it is truncated.
            end = self._file.finish()
            if not self._file.note or end <= self._start:
                raise self._span.error(end / self.sample_rate)
            self._stop = self._next
        return samples

    def finish(self) -> int:
        """Return the samples of the segment; what follows it is not checked."""
        stop = self._file.finish() if self._stop is None else self._stop
        return stop - self._start


def _blocks(file: SampleSource, count: int = _BLOCK) -> Iterator[np.ndarray]:
    while len(samples := file.read(count)):
        yield samples


def _joined(blocks: list[np.ndarray], axis: int) -> np.ndarray:
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=axis)


def fitted_blocks(file: SampleSource, spec: FeatureSpec) -> Iterator[np.ndarray]:
    """Yield the audio of a file with the channels and rate of a spec."""
    rate = file.sample_rate
    if rate == spec.sample_rate:
        for samples in _blocks(file, spec.samples):
            yield _mixed(samples, spec.channels)
        return
    import soxr

    stream = soxr.ResampleStream(
        rate, spec.sample_rate, spec.channel_count, "float32", _quality(rate, spec)
    )
    # Blocks become clips; neither has more samples than is decoded at a time.
    count = -(-min(spec.samples, _BLOCK) * rate // spec.sample_rate)
    for samples in _blocks(file, count):
        yield stream.resample_chunk(_mixed(samples, spec.channels).T).T
    empty = np.empty((0, spec.channel_count), np.float32)
    yield stream.resample_chunk(empty, last=True).T


def _quality(rate: int, spec: FeatureSpec) -> str:
    """Return the quality of soxr, after a check of the sample rate of a file."""
    if not 1 / _MOST_RATIO <= rate / spec.sample_rate <= _MOST_RATIO:
        raise InputError(
            f"its sample rate is too far from {spec.sample_rate:,} Hz. Got {rate:,} Hz."
        )
    return spec.resampler.removeprefix("soxr_").upper()


def resampled_length(frames: int, rate: int, spec: FeatureSpec) -> int:
    """Return how many samples soxr makes of some."""
    return (2 * frames * spec.sample_rate + rate) // (2 * rate)


def fit(audio: Audio, spec: FeatureSpec) -> np.ndarray:
    """Return audio with the channels, rate and length of the spec.

    Returns
    -------
    np.ndarray [shape=(spec.channel_count, spec.samples)], float32

    Raises
    ------
    InputError
        If the spec asks for mid/side and the audio does not have two channels.
    """
    return cut(resampled(audio, spec), 0, spec)


def resampled(audio: Audio, spec: FeatureSpec) -> np.ndarray:
    """Return audio with the channels and rate of the spec, at its own length.

    Returns
    -------
    np.ndarray [shape=(spec.channel_count, n)], float32
    """
    y = _mixed(audio.samples, spec.channels)
    if audio.sample_rate != spec.sample_rate:
        import soxr

        quality = _quality(audio.sample_rate, spec)
        y = soxr.resample(y.T, audio.sample_rate, spec.sample_rate, quality=quality).T
        if not y.shape[1]:
            raise InputError(_TOO_SHORT)
    return y


def cut(y: np.ndarray, start: int, spec: FeatureSpec) -> np.ndarray:
    """Return ``spec.samples`` samples from ``start`` on, repeated if too short."""
    samples = y[:, start : start + spec.samples]
    if samples.shape[1] < spec.samples:
        return np.take(samples, np.arange(spec.samples), axis=1, mode="wrap")
    return samples


def _mixed(samples: np.ndarray, channels: str) -> np.ndarray:
    """Return samples [shape=(frames, n)] as mono or mid/side [shape=(k, frames)]."""
    count = samples.shape[1]
    if channels == "midside":
        if count != 2:
            raise InputError(f"mid/side needs two channels. Got {count}.")
        left, right = samples[:, 0], samples[:, 1]
        return np.stack([left + right, left - right]) * np.float32(0.5)
    if count == 1:
        return samples.T
    mono = np.empty((1, len(samples)), np.float32)
    _average(samples.reshape(-1), count, mono[0])
    return mono


@compiled
def _average(samples: np.ndarray, channels: int, mono: np.ndarray) -> None:
    """Write the mean of interleaved channels."""
    weight = np.float32(1 / channels)
    if channels == 2:  # this loop is vectorised
        for frame in range(len(mono)):
            mono[frame] = (samples[2 * frame] + samples[2 * frame + 1]) * weight
    else:
        for frame in range(len(mono)):
            total = samples[channels * frame]
            for channel in range(1, channels):
                total += samples[channels * frame + channel]
            mono[frame] = total * weight
