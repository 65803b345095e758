"""A file that names the tasks in work, for when a process dies without a word."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


class InWork:
    """The numbers of the tasks in work, one byte each in a file.

    What a process has written outlives it, however it ends. Nothing is flushed to
    disk, so it costs a few microseconds a task and does not survive a power cut.

    Parameters
    ----------
    path : Path
        The file, which is created when the first task begins.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, number: int) -> None:
        """Record that a task is in work."""
        self._put(number, b"\1")

    def end(self, number: int) -> None:
        """Record that a task is not in work any more."""
        self._put(number, b"\0")

    def numbers(self) -> list[int]:
        """Return the tasks in work, ascending."""
        try:
            found = np.fromfile(self.path, np.uint8)
        except FileNotFoundError:
            return []
        return np.flatnonzero(found).tolist()

    def remove(self) -> None:
        """Remove the file: no task is in work."""
        self.path.unlink(missing_ok=True)

    def _put(self, number: int, value: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o644)
        try:
            os.pwrite(descriptor, value, number)
        finally:
            os.close(descriptor)
