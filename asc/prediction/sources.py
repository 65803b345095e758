"""From paths of audio, folders and standard input to the files that are read."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from asc.corpus.audio_files import conversion_advice, find_audio
from asc.errors import AscError, InputError
from asc.files import reason
from asc.kinds import Kind, kind_of, not_a
from asc.text import megabytes, printable

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")
#: Half a day of four channels of 24 bits at 48 kHz.
_MOST_INPUT_BYTES = 25 * 10**9
_BLOCK_BYTES = 1 << 20


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
    """

    path: Path
    file: Path
    error: str = ""
    copy: Any = None

    def close(self) -> None:
        """Delete the copy of standard input."""
        if self.copy is not None:
            self.copy.close()


def find_sources(paths: Iterable[Path]) -> tuple[list[Source], list[str]]:
    """Return the files that paths lead to, and notes on what is left out.

    Parameters
    ----------
    paths : iterable of Path
        Audio files, folders that are searched for audio, and ``-``.
    """
    found: list[Source] = []
    notes: list[str] = []
    for path in paths:
        if path == STANDARD_INPUT:
            found.append(_of_standard_input())
        elif os.path.isdir(path):  # False for a name that is too long
            inside, more = _inside(path)
            found += inside
            notes += more
        else:
            found.append(Source(path, path))  # a missing file is reported at its turn
    return found, notes


def explain(source: Source, message: str) -> str:
    """Return the message for a file that cannot be read, with what it is."""
    if source.copy is not None:
        return message
    kind = kind_of(source.file)
    if kind not in (Kind.AUDIO, Kind.FILE, Kind.MISSING):
        return not_a("an audio file", source.path)
    if message.endswith("not a regular file."):
        return f"{message} A pipe goes to standard input: asc predict RUN - < PIPE."
    if message.startswith("not readable") and kind is Kind.AUDIO:
        return f"{message} {conversion_advice(str(source.path))}".rstrip()
    return message


def _inside(folder: Path) -> tuple[list[Source], list[str]]:
    """Return the audio of a folder; one source with an error if there is none."""
    audio = find_audio(folder)
    notes = [f"{printable(str(folder))}: {note}" for note in audio.notes()]
    found = [Source(folder / path, folder / path) for path in audio.paths]
    for problem in audio.problems:
        path = folder / problem.where
        found.append(Source(path, path, problem.message))
    if not found:
        message = "there is no audio in this folder."
        if kind_of(folder) not in (Kind.FOLDER, Kind.CORPUS):
            message, notes = not_a("a folder of audio", folder), []
        found = [Source(folder, folder, message)]
    return found, notes


def _of_standard_input() -> Source:
    """Copy standard input to a temporary file: decoders need to move in a file."""
    source = Source(STANDARD_INPUT, STANDARD_INPUT)
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
