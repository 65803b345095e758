"""Decoding audio files, block by block."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from asc import interrupts
from asc.audio.containers import find_streams, kind_not_read
from asc.audio.layout import Stream, truncated
from asc.audio.pcm import PcmDecoder, open_pcm
from asc.audio.source import Source
from asc.errors import AscError, InputError
from asc.text import printable

#: Sum of squares beyond which the powers of a spectrum would leave float32.
_MOST_ENERGY = 1e20
#: Samples of all channels that are decoded at a time (16 MB).
_BLOCK = 1 << 22
#: The same where a file may be truncated: an error loses the samples of its block.
_BLOCK_BEFORE_DAMAGE = 256
#: From here on, a length in the header means that it is not known.
_UNKNOWN = 1 << 60
#: Samples of the first MP3 frames, which may need others that are not there.
_MP3_START = 2 * 1152
#: Containers of frames or packets whose length libsndfile estimates or believes.
_PACKED = ("FLAC", "MP3", "OGG")
_CUT = "the file is truncated (its last frames are missing)."
#: What to do about a file that may be truncated.
ADVICE = "Add --accept-truncated to read what is there."


class AudioFile:
    """An audio file that is decoded block by block, with flat memory.

    Parameters
    ----------
    path : path-like
    accept_truncated : bool
        Read what is there of a file that may be truncated.
    header : bool
        Read only what is needed for the attributes; the checksum is then 0.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    format : str
        Container and encoding, such as ``"WAV PCM_24"``.
    size, checksum : int
        Bytes of the file, and the first of its `asc.audio.source.checksums`.
    note : str
        What is missing of a file that is accepted though truncated; else empty.
        Sometimes only decoding tells it.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If the file is unreadable, truncated or not audio, or has no samples.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        accept_truncated: bool = False,
        header: bool = False,
    ) -> None:
        self._accept, self._header = accept_truncated, header
        self.note = ""
        self._index = self._done = 0  # stream, and its samples that were read
        self._decoder: Any = None
        self._source = Source(path, whole=not header)
        try:
            self.size, self.checksum = self._source.size, self._source.checksum
            layout = find_streams(self._source, quick=header)
            self._streams = layout.streams
            if layout.doubt:
                self._doubt(layout.doubt)
            if layout.samples is not None and not header:
                opened = self._open(self._streams[0], in_memory=False)
                self._decoder = open_pcm(self._source, layout.samples, opened)
                opened.close()
            if self._decoder is None:
                self._decoder = self._open(self._streams[0])
            self.sample_rate: int = self._decoder.sample_rate
            self.channels: int = self._decoder.channels
            self.format: str = self._decoder.format
            first = self._header_length(self._streams[0], self._decoder)
            self._lengths = [first, *map(self._measure, self._streams[1:])]
            if self._accept and self._decoder.container == "FLAC":
                self._decoder.close()
                self._decoder = None  # it looked at the end, and is opened again
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._decoder is not None:
            self._decoder.close()
        self._source.close()

    @property
    def frames(self) -> int | None:
        """Samples of each channel; None if the header does not tell, until it ends."""
        known = [length for length in self._lengths if length is not None]
        return sum(known) if len(known) == len(self._lengths) else None

    def read(self, count: int = _BLOCK) -> np.ndarray:
        """Return the next samples.

        Returns
        -------
        np.ndarray [shape=(n, channels)], float32
            Full scale is 1. Between 1 and `count` samples of each channel; none at
            the end of the file.

        Raises
        ------
        InputError
            If the file is damaged or truncated, or has samples far beyond full scale
            or not finite.
        """
        count = max(1, min(count, _BLOCK // self.channels))
        while (stream := self._index) < len(self._streams):
            length = self._lengths[stream]
            if length is None and self._accept:
                count = min(count, _BLOCK_BEFORE_DAMAGE)
            wanted = count if length is None else min(count, length - self._done)
            if wanted and len(samples := self._decode(wanted)):
                self._done += len(samples)
                return samples
            self._end_stream(ended=wanted > 0)
        return np.empty((0, self.channels), np.float32)

    def skip(self, count: int) -> None:
        """Pass over samples; what is not needed for that is not decoded."""
        while count > 0 and (stream := self._index) < len(self._streams):
            length = self._lengths[stream]
            wanted = count if length is None else min(count, length - self._done)
            passed = self._call(self._current.skip, wanted) or 0
            self._done, count = self._done + passed, count - passed
            if passed < wanted or self._done == length:
                self._end_stream(ended=passed < wanted)

    def finish(self) -> int:
        """Check what was not read, and return the samples of each channel.

        Raises
        ------
        InputError
            If the file is truncated, or has no samples.
        """
        while (stream := self._index) < len(self._streams):
            if self._lengths[stream] is not None:
                self._end_stream(ended=False)
            else:
                self.read()
        if not self.frames:
            raise InputError("the file has no samples.")
        return self.frames

    @property
    def _current(self) -> Any:
        """The decoder of the stream that is read."""
        if self._decoder is None:
            self._decoder = self._open(self._streams[self._index])
        return self._decoder

    def _end_stream(self, *, ended: bool) -> None:
        """Go to the next stream; `ended` if this one cannot be read on."""
        done, length = self._done, self._lengths[self._index]
        kind = self._current.container
        if length is None or kind == "MP3" and ended and length - done <= _MP3_START:
            self._lengths[self._index] = done
        elif ended:
            self._doubt(truncated(done, length, "frames"))
            self._lengths[self._index] = done
        elif kind == "FLAC":
            if done < length and not self._call(self._current.reaches, length):
                self._doubt(_CUT)
            elif self._call(self._current.goes_on):
                raise InputError(
                    f"the file has more than the {length:,} frames that its header"
                    " tells. Encode it again."
                )
        self._current.close()
        self._decoder, self._index, self._done = None, self._index + 1, 0

    def _decode(self, count: int) -> np.ndarray:
        """Return the next samples of a stream; none at its end."""
        samples = self._call(self._current.read, count)
        if samples is None:
            return np.empty((0, self.channels), np.float32)
        if not isinstance(self._current, PcmDecoder):
            check_values(samples)
        return samples

    def _open(self, stream: Stream, *, in_memory: bool = True) -> Any:
        """Return libsndfile's decoder of a stream, of memory if the file is there."""
        from asc.audio.sndfile import SndfileDecoder

        whole = (stream.start, stream.end, stream.prefix) == (0, self.size, b"")
        if whole and not (in_memory and self._source.in_memory):
            file: Any = self._source.descriptor
            os.lseek(file, 0, os.SEEK_SET)
        else:
            file = self._source.open(stream.start, stream.end, stream.prefix)
        try:
            with interrupts.postponed():
                return SndfileDecoder(file)
        except Exception as error:  # noqa: BLE001 - whatever libsndfile makes of it
            found = kind_not_read(self._source) or _reason(error)
            raise InputError(f"not readable as audio ({found}).") from error

    def _measure(self, stream: Stream) -> int | None:
        """Return the length of a stream that follows another one."""
        decoder = self._open(stream)
        try:
            facts = decoder.sample_rate, decoder.channels
            if facts != (self.sample_rate, self.channels):
                raise InputError(
                    "the file has streams of different sample rates or channels."
                )
            return self._header_length(stream, decoder)
        finally:
            decoder.close()

    def _header_length(self, stream: Stream, decoder: Any) -> int | None:
        """Return the length of a stream by its header; None if that does not tell."""
        if stream.frames and decoder.frames + _MP3_START < stream.frames:
            raise InputError(f"the length of the file is unclear ({decoder.format}).")
        # What is there of a truncated file of these is known only in decoding.
        length = decoder.frames if decoder.frames < _UNKNOWN else None
        if stream.frames:
            length = min(stream.frames, decoder.frames)
        if length is None or self.note and decoder.container in _PACKED:
            return None
        if self._accept and not self._header and decoder.container == "FLAC":
            if not self._call(decoder.reaches, length):
                self._doubt(_CUT)
                return None
        return length

    def _call(self, method: Callable[..., Any], *arguments: int) -> Any:
        """Call the decoder; return None after damage that is accepted."""
        try:
            with interrupts.postponed():
                return method(*arguments)
        except AscError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever libsndfile makes of damage
            self._doubt(f"the file is damaged or truncated ({_reason(error)}).")
            return None

    def _doubt(self, sentence: str) -> None:
        """Raise the sentence on a file that may be truncated, or keep it as a note."""
        if not self._accept:
            raise InputError(f"{sentence} {ADVICE}")
        self.note = self.note or sentence


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", "") or str(error) or type(error).__name__
    return printable(text).removeprefix("Error : ").rstrip(".")


def check_values(samples: np.ndarray) -> None:
    """Raise InputError for samples whose powers would not be numbers."""
    # Samples that are stored as floating point may be any number.
    with np.errstate(over="ignore", invalid="ignore"):
        energy = float(np.dot(samples.ravel(), samples.ravel()))
    if energy < _MOST_ENERGY:
        return
    if bad := int(np.count_nonzero(~np.isfinite(samples))):
        raise InputError(f"{bad:,} of {samples.size:,} samples are NaN or infinite.")
    raise InputError(f"samples reach {np.abs(samples).max():.3g}; full scale is 1.")
