"""Reading audio, and fitting it to a spec."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc import interrupts
from asc.compiled import compiled
from asc.errors import InputError, MissingInputError
from asc.features import pcm
from asc.features.spec import FeatureSpec

#: Sum of squares beyond which the powers of a spectrum would leave float32.
_MOST_ENERGY = 1e20
#: Bytes read at a time: few enough to be in the cache for the checksum.
_CHUNK_BYTES = 1 << 18
#: Declared sizes from here on mean that the writer did not know the size.
_UNKNOWN_SIZE = 0x7FFFF000
#: Most samples of a frame of MP3.
_MP3_FRAME = 1152
#: Size of the longest possible page of an Ogg stream (in bytes).
_OGG_PAGE = 27 + 255 + 255 * 255


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
        does not protect against forgery.
    """

    samples: np.ndarray
    sample_rate: int
    size: int
    checksum: int

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / self.sample_rate


def read_audio(path: str | os.PathLike[str]) -> Audio:
    """Read and decode an audio file.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If the file is unreadable, truncated or not audio, or has no samples, or
        samples far beyond full scale or not finite.
    """
    data, crc32 = _read(Path(path))
    if not len(data):
        raise InputError("the file is empty (0 bytes).")
    check_complete(data)
    samples, rate = pcm.decode(data) or _decoded(data)
    if not samples.size:
        raise InputError("the file has no samples.")
    return Audio(samples, rate, len(data), crc32)


@dataclass(frozen=True)
class AudioStream:
    """The audio of a file in blocks, with the channels and rate of a spec.

    Attributes
    ----------
    seconds : float
        Length of the file.
    length : int
        Samples of all blocks together.
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
    audio = read_audio(path)
    y = resampled(audio, spec)
    yield AudioStream(audio.seconds, y.shape[1], "", iter([y]))


def checksum(path: str | os.PathLike[str]) -> int:
    """Return the CRC-32 of a file; raises as `read_audio` for unreadable files."""
    return _read(Path(path))[1]


def _read(path: Path) -> tuple[np.ndarray, int]:
    """Return the bytes of a file and their CRC-32, computed while they are cached."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = np.empty(os.fstat(file.fileno()).st_size, np.uint8)
            offset = crc32 = 0
            while count := file.readinto(data[offset : offset + _CHUNK_BYTES].data):
                crc32 = zlib.crc32(data[offset : offset + count].data, crc32)
                offset += count
    except FileNotFoundError as error:
        raise MissingInputError("the file is missing.") from error
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror}).") from error
    return data[:offset], crc32


def _decoded(data: np.ndarray) -> tuple[np.ndarray, int]:
    """Decode what libsndfile supports."""
    import soundfile

    try:
        with (
            interrupts.postponed(),
            soundfile.SoundFile(io.BytesIO(data.data)) as file,
        ):
            declared, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise InputError(f"not readable as audio ({reason}).") from error
    if file.format == "MP3":
        # Some encoders count the frame with the length; without it this is an estimate.
        declared = declared - _MP3_FRAME if _declares_length(data) else 0
    if len(samples) < declared:
        raise InputError(
            f"the file is truncated ({len(samples):,} frames of {declared:,})."
        )
    # Samples that are stored as floating point may be any number.
    with np.errstate(over="ignore", invalid="ignore"):
        energy = float(np.dot(samples.ravel(), samples.ravel()))
    if energy < _MOST_ENERGY:
        return samples, rate
    if bad := int(np.count_nonzero(~np.isfinite(samples))):
        raise InputError(f"{bad:,} of {samples.size:,} samples are NaN or infinite.")
    raise InputError(f"samples reach {np.abs(samples).max():.3g}; full scale is 1.")


def _declares_length(data: np.ndarray) -> bool:
    """Return True for an MP3 file whose first frame has the number of frames."""
    begin = 0
    if data[:3].tobytes() == b"ID3":
        seven_bits = data[6:10].tolist()
        begin = 10 + sum(bits << 7 * (3 - i) for i, bits in enumerate(seven_bits))
    head = data[begin : begin + 200].tobytes()
    return b"Xing" in head or b"Info" in head


def check_complete(data: np.ndarray) -> None:
    """Raise InputError if a WAV, AIFF, AU, W64 or Ogg file is truncated.

    Their decoders return the samples that are there without an error, so a truncated
    copy would pass as a shorter clip.
    """
    head, declared = data[:24].tobytes(), 0
    if head[:4] == b"RIFF":
        declared = 8 + int.from_bytes(head[4:8], "little")
    elif head[:4] in (b"FORM", b"RIFX"):
        declared = 8 + int.from_bytes(head[4:8], "big")
    elif head[:4] == b"RF64":
        declared = 8 + int.from_bytes(data[20:28].tobytes(), "little")
    elif head[:4] == b".snd":
        begin, size = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8))
        declared = begin + size if size < _UNKNOWN_SIZE else 0
    elif head[:4] == b"riff":
        declared = int.from_bytes(head[16:24], "little")
    # Programs that write to a pipe leave 0 or the largest number; some count the first
    # eight bytes twice.
    unknown = declared in (0, 8, 8 + 0xFFFFFFFF)
    if not unknown and declared > len(data) + 8:
        raise InputError(
            f"the file is truncated ({len(data):,} bytes of {declared:,})."
        )
    if head[:4] == b"RIFF" and (missing := _missing_samples(data)):
        raise InputError(f"the file is truncated (it lacks {missing:,} bytes).")
    if head[:4] == b"OggS" and not _ogg_ends(data[-_OGG_PAGE:].tobytes()):
        raise InputError("the file is truncated (its last Ogg page is missing).")


def _missing_samples(data: np.ndarray) -> int:
    """Return how many bytes of the samples of a WAV file are missing."""
    offset = 12
    while offset + 8 <= len(data):
        size = int.from_bytes(data[offset + 4 : offset + 8].tobytes(), "little")
        if data[offset : offset + 4].tobytes() == b"data":
            return max(0, offset + 8 + size - len(data)) if size < _UNKNOWN_SIZE else 0
        offset += 8 + size + size % 2
    return 0


def _ogg_ends(tail: bytes) -> bool:
    """Return True if the last page is complete and marked as the last."""
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & 4:
        return False
    lengths = page[27 : 27 + page[26]]
    return len(page) >= 27 + page[26] + sum(lengths)


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

        quality = spec.resampler.removeprefix("soxr_").upper()
        y = soxr.resample(y.T, audio.sample_rate, spec.sample_rate, quality=quality).T
        if not y.shape[1]:
            raise InputError("the file is too short to be resampled.")
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
