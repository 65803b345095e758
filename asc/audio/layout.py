"""What the bytes of an audio file hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from asc.errors import InputError

_MOST_STREAMS = 2000


@dataclass(frozen=True)
class Stream:
    """A part of a file that is decoded by itself.

    Attributes
    ----------
    start, end : int
        Its bytes.
    prefix : bytes
        What the decoder gets in front of them: a header that tells the right length.
    frames : int or None
        Samples of each channel by its header or by its bytes, where the decoder does
        not know them.
    """

    start: int
    end: int
    prefix: bytes = b""
    frames: int | None = None


class Samples(NamedTuple):
    """Where the samples of a WAV file lie."""

    start: int
    size: int


@dataclass(frozen=True)
class Layout:
    """The streams of a file, one after the other.

    Attributes
    ----------
    streams : tuple of Stream
    doubt : str
        Why the file may be truncated; empty if all samples are there.
    samples : Samples, optional
        Of a WAV file.
    """

    streams: tuple[Stream, ...]
    doubt: str = ""
    samples: Samples | None = None


def check_stream_count(count: int) -> None:
    """Raise InputError for more streams than a day of radio has songs."""
    if count > _MOST_STREAMS:
        raise InputError(f"the file has more than {_MOST_STREAMS:,} streams.")


def truncated(have: int, expected: int, unit: str) -> str:
    """Return the sentence for a file that is truncated."""
    return f"the file is truncated ({have:,} {unit} of {expected:,})."
