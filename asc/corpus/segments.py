"""Clips that are a segment of a longer file.

A segment is named by its file and its seconds, as media fragments are in the standard
of the W3C: ``audio/day.wav#t=12.5,22.5``. So each has a path of its own.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from asc.errors import InputError

_SEGMENT = re.compile(r"(.+)#t=(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?", re.ASCII)
#: Seconds by which a segment may exceed its file: tables round lengths.
_TOLERANCE = 0.1


class Span(NamedTuple):
    """Where a segment lies in its file, in seconds; to its end if `end` is None."""

    start: float
    end: float | None = None

    def frames(self, sample_rate: int, available: int | None) -> tuple[int, int | None]:
        """Return the first frame of a file, and the one after the last.

        Parameters
        ----------
        sample_rate : int
            In Hz.
        available : int or None
            Frames of the file; None if they are not known.

        Returns
        -------
        start : int
        stop : int or None
            None for the end of a file of unknown length.

        Raises
        ------
        InputError
            If the segment is not in the file.
        """
        start = round(self.start * sample_rate)
        stop = None if self.end is None else round(self.end * sample_rate)
        if available is None:
            return start, stop
        most = available + _TOLERANCE * sample_rate
        if start >= available or (stop is not None and stop > most):
            raise self.error(available / sample_rate)
        return start, available if stop is None else min(stop, available)

    def error(self, seconds: float | None) -> InputError:
        """Return the error for a file that is too short; None: of unknown length."""
        length = "less" if seconds is None else f"{seconds:.6g} s"
        return InputError(f"the segment is {self.text()} s of a file of {length}.")

    def text(self) -> str:
        """Return start and end for people: ``12.5 to 22.5``."""
        end = "the end" if self.end is None else seconds_text(self.end)
        return f"{seconds_text(self.start)} to {end}"


def segment_path(file: str, span: Span | None) -> str:
    """Return the path of a clip that is a segment of a file, or the whole file."""
    if span is None:
        return file
    times = [seconds_text(time) for time in span if time is not None]
    return f"{file}#t={','.join(times)}"


def split_segment(path: str) -> tuple[str, Span | None]:
    """Return the file of a clip, and where in it the clip is; None for a whole file."""
    match = _SEGMENT.fullmatch(path)
    if match is None:
        return path, None
    file, start, end = match.groups()
    return file, Span(float(start), None if end is None else float(end))


def seconds_text(time: float) -> str:
    """Return seconds to the microsecond, without needless zeros."""
    return f"{time:.6f}".rstrip("0").rstrip(".")
