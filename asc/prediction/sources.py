"""From paths, folders, patterns, standard input and arrays to what is read."""

from __future__ import annotations

import glob
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from asc.audio import ffmpeg
from asc.corpus.audio_files import conversion_advice, find_audio
from asc.errors import AscError, InputError, UsageError
from asc.features import AudioStream, FeatureSpec, Samples, stream_audio, stream_from
from asc.files import reason
from asc.kinds import Kind, kind_of, not_a
from asc.text import megabytes, printable
from asc.validation import check_whole

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")
#: Half a day of four channels of 24 bits at 48 kHz.
_MOST_INPUT_BYTES = 25 * 10**9
_BLOCK_BYTES = 1 << 20
#: More than this are samples that were taken for channels.
_MOST_CHANNELS = 1024


@dataclass
class Source:
    """One file to predict.

    Attributes
    ----------
    path : Path
        What it is called.
    file : Path
        Where its audio is; standard input was copied there.
    error : str
        Why it cannot be used, if that is known already; else empty.
    copy : file object, optional
        The copy of standard input, which is deleted when it is closed.
    name : str
        Path below the folder that was searched; the name of the file if none was.
    samples : Samples, optional
        Audio that is in memory, in place of a file.
    """

    path: Path
    file: Path
    error: str = ""
    copy: Any = None
    name: str = ""
    samples: Samples | None = None

    def __post_init__(self) -> None:
        self.name = self.name or self.path.name

    @contextmanager
    def stream(self, spec: FeatureSpec, *, truncated: bool) -> Iterator[AudioStream]:
        """Open it as audio with the channels and rate of a spec.

        Raises
        ------
        InputError
            As `asc.features.stream_audio`.
        """
        if self.samples is not None:
            yield stream_from(self.samples, spec)
        elif ffmpeg.program() and (demuxer := ffmpeg.demuxer_for(self.file)):
            with ffmpeg.FfmpegFile(
                self.file, demuxer, accept_truncated=truncated
            ) as decoded:
                yield stream_from(decoded, spec)
        else:
            with stream_audio(self.file, spec, accept_truncated=truncated) as stream:
                yield stream

    def close(self) -> None:
        """Delete the copy of standard input."""
        if self.copy is not None:
            self.copy.close()


def find_sources(
    given: Iterable[Path | np.ndarray], sample_rate: int | None = None
) -> tuple[list[Source], list[str]]:
    """Return what is to be read, and notes on what is left out.

    Parameters
    ----------
    given : iterable of Path or np.ndarray [shape=(n,) or (channels, n)]
        Audio files, folders that are searched for audio, patterns of paths, ``-``, and
        audio in memory.
    sample_rate : int, optional
        Of the arrays (in Hz).
    """
    found: list[Source] = []
    notes: list[str] = []
    arrays = 0
    for path in given:
        if isinstance(path, np.ndarray):
            arrays += 1
            found.append(_of_array(path, sample_rate, arrays))
        elif path == STANDARD_INPUT:
            found.append(_of_standard_input())
        elif os.path.isdir(path):  # False for a name that is too long
            inside, more = _inside(path)
            found += inside
            notes += more
        else:
            # A missing file is reported at its turn.
            found += [Source(one, one) for one in _matching(path) or [path]]
    return found, notes


def check_samples(name: str, y: np.ndarray, sample_rate: int | None) -> np.ndarray:
    """Return audio in memory, if it can be.

    Raises
    ------
    UsageError
        If its shape or type is another, or if there is no sample rate.
    """
    fits = y.ndim == 1 or (y.ndim == 2 and 0 < y.shape[0] <= _MOST_CHANNELS)
    known = y.dtype.kind == "f" or y.dtype in (np.int16, np.int32)
    if not fits or not known or not y.size:
        raise UsageError(
            f"{name} must have the shape (n,) or (channels, n), in floating point,"
            f" int16 or int32. Got {y.dtype} of shape {y.shape}."
        )
    if sample_rate is None:
        raise UsageError(f"{name} in arrays needs sample_rate, in Hz.")
    check_whole("sample_rate", sample_rate, 1)
    return y


def _matching(pattern: Path) -> list[Path]:
    """Return the files that a pattern of paths means, sorted; none for a file."""
    text = str(pattern)
    if not glob.has_magic(text) or os.path.lexists(pattern):
        return []
    paths = map(Path, sorted(glob.glob(text, recursive=True)))
    return [path for path in paths if not path.is_dir()]


def _of_array(y: np.ndarray, sample_rate: int | None, number: int) -> Source:
    path = Path(f"array {number}")
    try:
        return Source(path, path, samples=Samples(y, sample_rate or 0))
    except InputError as error:
        return Source(path, path, str(error))


def explain(source: Source, message: str) -> str:
    """Return the message for a file that cannot be read, with what it is."""
    if source.copy is not None or source.samples is not None:
        return message
    kind = kind_of(source.file)
    if kind is Kind.MISSING and glob.has_magic(str(source.path)):
        return "no file matches this pattern."
    if kind not in (Kind.AUDIO, Kind.FILE, Kind.MISSING):
        return not_a("an audio file", source.path)
    if message.endswith("not a regular file."):
        return f"{message} A pipe goes to standard input: asc predict RUN - < PIPE."
    if message.startswith("not readable") and kind is Kind.AUDIO:
        return f"{message} {conversion_advice(str(source.path))}".rstrip()
    return message


def _inside(folder: Path) -> tuple[list[Source], list[str]]:
    """Return the audio of a folder; one source with an error if there is none."""
    audio = find_audio(folder, with_convertible=ffmpeg.program() is not None)
    notes = [f"{printable(str(folder))}: {note}" for note in audio.notes()]
    found = [Source(folder / name, folder / name, name=name) for name in audio.paths]
    for problem in audio.problems:
        path = folder / problem.where
        found.append(Source(path, path, problem.message, name=problem.where))
    if not found:
        message = "there is no audio in this folder."
        if kind_of(folder) not in (Kind.FOLDER, Kind.CORPUS):
            message, notes = not_a("a folder of audio", folder), []
        found = [Source(folder, folder, message)]
    return found, notes


def _of_standard_input() -> Source:
    """Copy standard input to a temporary file: decoders need to move in a file."""
    source = Source(STANDARD_INPUT, STANDARD_INPUT, name="stdin")
    try:
        if sys.stdin is None or sys.stdin.isatty():
            example = "... | asc predict RUN -"
            raise InputError(f"standard input is a terminal. Send audio: {example}")
        source.copy = tempfile.NamedTemporaryFile(prefix="asc-")
        source.file = Path(source.copy.name)
        _copy(sys.stdin.buffer, source.copy)
    except AscError as error:
        source.error = str(error)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        source.error = f"cannot be copied to {tempfile.gettempdir()}: {reason(error)}."
    return source


def _copy(received: BinaryIO, copy: BinaryIO) -> None:
    size = 0
    while block := received.read(_BLOCK_BYTES):
        size += len(block)
        if size > _MOST_INPUT_BYTES:
            raise InputError(
                f"standard input is too large. Expected at most"
                f" {megabytes(_MOST_INPUT_BYTES)}. Write it to a file."
            )
        copy.write(block)
    if not size:
        raise InputError("standard input is empty.")
    copy.flush()
