"""The headers of audio files, read without decoding the audio."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asc.corpus.base import Corpus, Problem
from asc.errors import InputError

#: The message for a file that is missing.
MISSING = "the file is missing."

#: Threads, since reading headers mostly waits for the disk or the network, and files
#: that a thread reads at a time.
_THREADS, _BATCH = 8, 64


@dataclass(frozen=True)
class Header:
    """The header of an audio file."""

    sample_rate: int  # in Hz
    channels: int
    frames: int  # samples of each channel
    format: str  # container and encoding, such as "WAV PCM_24"

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return self.frames / self.sample_rate


def read_header(path: Path) -> Header:
    """Read the header of one file.

    Raises
    ------
    InputError
        If the file is missing, unreadable, empty, not audio or has no samples.
    """
    import soundfile

    try:
        info = soundfile.info(str(path))
    # TypeError: a file named .raw, whose format would have to be given.
    except (soundfile.LibsndfileError, RuntimeError, OSError, TypeError) as error:
        raise InputError(_reason(path, error)) from error
    if info.frames <= 0:
        raise InputError("the file has no samples.")
    return Header(
        info.samplerate, info.channels, info.frames, f"{info.format} {info.subtype}"
    )


def read_headers(
    corpus: Corpus, *, progress: Callable[[int, int], None] | None = None
) -> list[Header | Problem]:
    """Read the headers of all clips, in their order.

    A problem says why there is no header; its message is `MISSING` if there is no
    file.

    Parameters
    ----------
    corpus : Corpus
    progress : callable(done, total), optional
        Called after each batch, in this thread.
    """
    paths = [clip.path for clip in corpus.clips]
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    headers: list[Header | Problem] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for found in pool.map(partial(_read_batch, corpus.root), batches):
            headers += found
            if progress:
                progress(len(headers), len(paths))
    return headers


def _read_batch(root: Path, paths: list[str]) -> list[Header | Problem]:
    found: list[Header | Problem] = []
    for path in paths:
        try:
            found.append(read_header(root / path))
        except InputError as error:
            found.append(Problem(path, str(error)))
    return found


def _reason(path: Path, error: Exception) -> str:
    """Return why a header could not be read, in the words of `read_audio`."""
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        return MISSING
    except OSError as failure:
        return f"the file cannot be read ({failure.strerror})."
    if empty:
        return "the file is empty (0 bytes)."
    reason = getattr(error, "error_string", str(error)).rstrip(".")
    return f"not readable as audio ({reason})."
