"""The headers of audio files, read without decoding the audio."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asc.audio import AudioFile
from asc.corpus.base import Corpus, Problem
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
        Called after each batch, in this thread.
    """
    paths = [clip.path for clip in corpus.clips]
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    headers: list[Header | Problem] = []
    read = partial(_read_batch, corpus.root, accept_truncated)
    with ThreadPoolExecutor(_THREADS) as pool:
        for found in pool.map(read, batches):
            headers += found
            if progress:
                progress(len(headers), len(paths))
    return headers


def _read_batch(
    root: Path, accept_truncated: bool, paths: list[str]
) -> list[Header | Problem]:
    found: list[Header | Problem] = []
    for path in paths:
        try:
            header = read_header(root / path, accept_truncated=accept_truncated)
            found.append(header)
        except InputError as error:
            found.append(Problem(path, str(error)))
    return found
