"""Decoding through libsndfile."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import soundfile

#: Encodings in which libsndfile finds a sample without decoding those before it.
_EXACT = ("PCM_16", "PCM_24", "PCM_32", "PCM_U8", "PCM_S8", "FLOAT", "DOUBLE")
#: Samples that are decoded at a time to pass over them.
_BLOCK = 1 << 16


class SndfileDecoder:
    """Decodes one stream with libsndfile.

    Parameters
    ----------
    file : BinaryIO or int
        The stream, or the descriptor of a file that is all of it.
    """

    def __init__(self, file: BinaryIO | int) -> None:
        self._file = _Sequential(file, closefd=False)
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self.container: str = self._file.format
        self.format = f"{self._file.format} {self._file.subtype}"

    def read(self, frames: int) -> np.ndarray:
        """Return the next samples [shape=(n, channels)], float32; fewer at the end."""
        return self._file.read(frames, dtype="float32", always_2d=True)

    def skip(self, frames: int) -> int:
        """Pass over samples; return how many."""
        if frames and self._file.subtype in _EXACT:
            return self._file.seek(frames)
        done = 0
        while done < frames and (found := len(self.read(min(_BLOCK, frames - done)))):
            done += found
        return done

    def reaches(self, frames: int) -> bool:
        """Return True if so many samples are there, and go to their end."""
        try:
            self._file.seek(frames - 1)
            return self.goes_on()
        except soundfile.LibsndfileError:
            return False

    def goes_on(self) -> bool:
        """Return True if there is a sample more, and pass over it."""
        try:
            return len(self.read(1)) == 1
        except soundfile.LibsndfileError:
            return False

    def close(self) -> None:
        """Release what it holds."""
        self._file.close()


class _Sequential(soundfile.SoundFile):
    """A file whose length is not believed, and which is not moved in after reading.

    Some encodings cannot be, such as GSM 6.10. FLAC files of unknown length cannot be
    at their end, and MP3 files would be decoded anew from there.
    """

    def seekable(self) -> bool:
        return False
