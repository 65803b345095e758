"""Standard output and error: readers that leave, full disks, narrow encodings."""

from __future__ import annotations

import errno
import io
import os
import sys
from select import select
from typing import Any

from asc.files import reason
from asc.text import printable_lines


class _Stream(io.FileIO):
    """A standard stream that can stop being read at any moment.

    What is written later is dropped. A command that only prints ends then; one that
    makes something continues.

    Parameters
    ----------
    program : str
        Name of the command.
    needed : bool
        End the command when the stream fails.
    """

    def __init__(self, descriptor: int, program: str, needed: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.needed, self.exit_code = needed, 0
        self._program = program

    def write(self, data: Any) -> int:
        """Write bytes, or drop them if nobody can read them."""
        try:
            while (written := super().write(data)) is None:  # a pipe that is full
                select([], [self], [])
            return written
        except OSError as error:
            # Libraries and child processes write there, too.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            if error.errno != errno.EPIPE:
                self.exit_code = 1
                text = f"Cannot write to standard output: {reason(error)}."
                print(f"{self._program}: {text}", file=sys.stderr)
            if self.needed:
                raise SystemExit(self.exit_code) from None
            return len(data)


class _Text(io.TextIOWrapper):
    """A text stream that escapes control characters, whoever made the text.

    Names and messages of files from others are in what asc prints. A control character
    in them could move the cursor or forge a line.
    """

    def write(self, text: str) -> int:
        """Write text with its control characters escaped."""
        super().write(printable_lines(text))
        return len(text)


def prepare(program: str) -> None:
    """Take over the standard streams of a command."""
    # A stream that was closed (`>&-`) leaves its number to the next file that is
    # opened, such as a store, and with it the messages of libraries.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free is the one of the stream.
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(descriptor, mode, closefd=False))
    sys.stderr = _text(sys.stderr, program, needed=False)
    sys.stdout = _text(sys.stdout, program, needed=True)


def _text(stream: Any, program: str, needed: bool) -> io.TextIOWrapper:
    stream.flush()
    return _Text(
        io.BufferedWriter(_Stream(stream.fileno(), program, needed)),
        encoding=stream.encoding,
        # A name that the encoding lacks must not end a command.
        errors="backslashreplace",
        line_buffering=True,
    )


def continue_without_reader() -> None:
    """Let the command continue when nobody reads what it prints.

    For commands that make something: ``asc-train store.h5 | head`` is a training.
    """
    if (stream := _stream()) is not None:
        stream.needed = False


def finish() -> int:
    """Write what is left, and return the exit code that the streams ask for."""
    continue_without_reader()
    sys.stdout.flush()
    stream = _stream()
    return 0 if stream is None else stream.exit_code


def _stream() -> _Stream | None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Stream) else None
