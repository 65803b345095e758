"""What the headers of audio files say, without decoding them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from asc.corpus.base import Corpus, Problem
from asc.errors import InputError

#: What is said of a file that is not there.
MISSING = "the file is missing."

# Reading a header is waiting for the disk or the network, so each process has
# threads. A batch is worth the cost of handing it over, and so many batches are
# worth that of starting processes.
_THREADS, _BATCH, _WORTH_PROCESSES = 4, 64, 8


@dataclass(frozen=True)
class Header:
    """The header of an audio file.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    frames : int
        Samples of each channel.
    format : str
        Container and encoding, such as ``"WAV PCM_24"``.
    """

    sample_rate: int
    channels: int
    frames: int
    format: str

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
    # TypeError: a file named .raw, whose format would have to be told.
    except (soundfile.LibsndfileError, RuntimeError, OSError, TypeError) as error:
        raise InputError(_reason(path, error)) from error
    if info.frames <= 0:
        raise InputError("the file has no samples.")
    return Header(
        info.samplerate, info.channels, info.frames, f"{info.format} {info.subtype}"
    )


def read_headers(
    corpus: Corpus,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Header | Problem]:
    """Read the headers of all clips.

    Parameters
    ----------
    corpus : Corpus
    jobs : int
        Processes; -1 for one on each core. They pay from thousands of clips on.
    progress : callable(done, total), optional
        Called now and then, in this thread.

    Returns
    -------
    list of Header or Problem
        One for each clip, in the order of ``corpus.clips``. The problem says why
        there is no header; its message is `MISSING` if there is no file.
    """
    from joblib import Parallel, delayed

    paths = [clip.path for clip in corpus.clips]
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    if len(batches) < _WORTH_PROCESSES:
        jobs = 1
    headers: list[Header | Problem] = []
    work = delayed(_read_batch)
    for found in Parallel(jobs, return_as="generator", batch_size=1)(
        work(corpus.root, batch) for batch in batches
    ):
        headers += found
        if progress:
            progress(len(headers), len(paths))
    return headers


def _read_batch(root: Path, paths: Sequence[str]) -> list[Header | Problem]:
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda path: _header_or_problem(root, path), paths))


def _header_or_problem(root: Path, path: str) -> Header | Problem:
    try:
        return read_header(root / path)
    except InputError as error:
        return Problem(path, str(error))


def _reason(path: Path, error: Exception) -> str:
    """Say why a header could not be read, in the words of `read_audio`."""
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
