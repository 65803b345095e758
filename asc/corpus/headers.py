"""The headers of audio files, read without decoding the audio."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from asc.audio import MISSING, AudioFile
from asc.corpus.audio_files import conversion_advice
from asc.corpus.base import Clip, Corpus, Problem
from asc.errors import InputError

#: Threads, since reading headers mostly waits for the disk or the network, and files
#: that a thread reads at a time.
_THREADS, _BATCH = 8, 64


@dataclass(frozen=True)
class Header:
    """The header of an audio file."""

    sample_rate: int  # in Hz
    channels: int
    frames: int | None  # samples of each channel; None if only decoding tells
    format: str  # container and encoding, such as "WAV PCM_24"

    @property
    def seconds(self) -> float | None:
        """Length of the audio; None if only decoding tells."""
        return None if self.frames is None else self.frames / self.sample_rate


def read_header(path: Path, *, accept_truncated: bool = False) -> Header:
    """Read the header of one file.

    Raises
    ------
    InputError
        If the file is missing, unreadable, empty, not audio or has no samples, or if
        it is seen at once that it is truncated.
    """
    with AudioFile(path, accept_truncated=accept_truncated, header=True) as file:
        if file.frames == 0:
            raise InputError("the file has no samples.")
        return Header(file.sample_rate, file.channels, file.frames, file.format)


def read_headers(
    corpus: Corpus,
    *,
    accept_truncated: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Header | Problem]:
    """Read the headers of all clips, in their order.

    A problem says why there is no header; its message is `asc.audio.MISSING` if there
    is no file.

    Parameters
    ----------
    corpus : Corpus
    accept_truncated : bool
        Read what is there of files that may be truncated.
    progress : callable(done, total), optional
        Called after each batch of files, in this thread.
    """
    # A file is read once, however many segments it has.
    files = list(dict.fromkeys(clip.file for clip in corpus.clips))
    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
    found: list[Header | str] = []
    read = partial(_read_batch, corpus.root, accept_truncated)
    with ThreadPoolExecutor(_THREADS) as pool:
        for headers in pool.map(read, batches):
            found += headers
            if progress:
                progress(len(found), len(files))
    header_of = dict(zip(files, found, strict=True))
    return [_of_clip(clip, header_of[clip.file]) for clip in corpus.clips]


def _read_batch(
    root: Path, accept_truncated: bool, files: list[str]
) -> list[Header | str]:
    """Return the headers of files, or why there is none."""
    found: list[Header | str] = []
    for file in files:
        try:
            header = read_header(root / file, accept_truncated=accept_truncated)
            found.append(header)
        except InputError as error:
            found.append(str(error))
    return found


def _of_clip(clip: Clip, found: Header | str) -> Header | Problem:
    """Return the header of a clip, which may be a segment of the file."""
    if isinstance(found, str):
        advice = "" if found == MISSING else conversion_advice(clip.file)
        return Problem(clip.path, f"{found} {advice}".rstrip())
    span = clip.span
    if span is None:
        return found
    try:
        start, stop = span.frames(found.sample_rate, found.frames)
    except InputError as error:
        return Problem(clip.path, str(error))
    return replace(found, frames=None if stop is None else stop - start)
