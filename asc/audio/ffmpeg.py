"""Audio that libsndfile does not read, decoded by ffmpeg if it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from typing import IO

import numpy as np

from asc.audio.decoding import ADVICE, check_values
from asc.errors import AscError, InputError
from asc.files import open_regular, reason
from asc.text import printable

#: Files that ffmpeg decodes: place of some bytes, and the name of its demuxer. It is
#: named so that a file cannot pass for a playlist, which would name other files.
_KINDS = (
    (4, b"ftyp", "mov"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
    (0, b"#!AMR", "amr"),
)
#: Bytes of the fixed part of the header of an AU file.
_HEADER = 24
#: Characters of a message of ffmpeg.
_MOST_MESSAGE = 200


def program() -> str | None:
    """Return the path of ffmpeg, None if it is not installed."""
    return shutil.which("ffmpeg")


def demuxer_for(path: str | os.PathLike[str]) -> str:
    """Return the name of ffmpeg's demuxer for a file; empty if it is another kind."""
    try:
        with open_regular(path) as file:
            head = file.read(16)
    except (AscError, OSError):
        return ""
    kinds = (name for at, word, name in _KINDS if head[at:].startswith(word))
    return next(kinds, "")


class FfmpegFile:
    """The first audio track of a file, decoded by ffmpeg into a pipe.

    It is read as `asc.audio.AudioFile` is.

    Parameters
    ----------
    path : path-like
    demuxer : str
        As `demuxer_for` returns it.
    accept_truncated : bool
        Read what ffmpeg makes of a damaged file.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    frames : int or None
        Samples of each channel; None until the end.
    note : str
        What ffmpeg says of a damaged file that is accepted; else empty.

    Raises
    ------
    InputError
        If ffmpeg cannot decode it, or reports damage that is not accepted.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        demuxer: str,
        *,
        accept_truncated: bool = False,
    ) -> None:
        self._accept = accept_truncated
        self.frames: int | None = None
        self.note = ""
        self._done = 0
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [
                program() or "ffmpeg",
                *("-nostdin", "-hide_banner", "-loglevel", "error"),
                *("-protocol_whitelist", "file", "-f", demuxer),
                *("-i", f"file:{os.path.abspath(path)}", "-map", "0:a:0"),
                *("-f", "au", "-c:a", "pcm_f32be", "pipe:1"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._pipe: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        try:
            header = self._read(_HEADER)
            if len(header) < _HEADER or header[:4] != b".snd":
                raise InputError(self._failure())
            start, _, _, rate, channels = np.frombuffer(header[4:], ">u4").tolist()
            self.sample_rate, self.channels = rate, channels
            self._read(start - _HEADER)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FfmpegFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End ffmpeg."""
        self._process.kill()
        self._pipe.close()
        self._process.wait()
        self._errors.close()

    def read(self, count: int) -> np.ndarray:
        """Return the next samples [shape=(n, channels)]; none at the end."""
        data = self._read(4 * self.channels * count)
        whole = len(data) // (4 * self.channels) * self.channels
        samples = np.frombuffer(data, ">f4", whole).astype(np.float32)
        check_values(samples)
        self._done += whole // self.channels
        if not whole:
            self._finish()
        return samples.reshape(-1, self.channels)

    def _finish(self) -> None:
        if self._process.wait() or not self._done:
            raise InputError(self._failure())
        self.frames, message = self._done, self._message()
        if message and not self._accept:
            raise InputError(f"ffmpeg found damage ({message}). {ADVICE}")
        self.note = f"ffmpeg found damage ({message})." if message else ""

    def _read(self, count: int) -> bytes:
        try:
            return self._pipe.read(count)
        except OSError as error:
            raise InputError(f"cannot be read from ffmpeg: {reason(error)}.") from error

    def _failure(self) -> str:
        self._process.wait()
        return f"ffmpeg cannot decode it ({self._message() or 'no audio'})."

    def _message(self) -> str:
        """Return the last line that ffmpeg has written to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        text = re.sub(r"^\[[^]]*\]\s*", "", lines[-1].strip()) if lines else ""
        return printable(text.rstrip(".")[:_MOST_MESSAGE])
