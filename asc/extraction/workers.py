"""Rows computed and written in parallel: by threads, by processes or on a cluster."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from operator import itemgetter
from pathlib import Path

import numpy as np

from asc import environment, parallel
from asc.errors import InputError
from asc.extraction.planning import ExtractionPlan
from asc.features import FrontEnd, fit, read_audio
from asc.parallel import InWork, WorkerKilled
from asc.store.writer import RowWriter
from asc.validation import check_choice

#: Row and path of a clip.
Clip = tuple[int, str]

#: Clips that a worker process gets at a time.
_BATCH = 8
#: A process takes about a second to start, in which this many clips are done.
_CLIPS_WORTH_A_PROCESS = 40
#: The most threads that pay. Python's global lock is held in one seventh of the time
#: of a clip, so more threads would wait for it; processes do not share it.
_MOST_THREADS = 8
#: How the message of a clip begins that ended its process twice.
KILLED = "it ended the process that read it"
#: Bytes of a message that are kept: answers of processes are short.
_MOST_MESSAGE = 200
#: Parameters of the GNU C library's mallopt, and the memory that it may keep.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 1 << 28


@dataclass(frozen=True)
class Outcome:
    """What became of a clip: its row is written, or why there is none.

    Attributes
    ----------
    row : int
    silent : bool
        The audio is digital silence.
    failure : str or None
    retried : bool
        It was in work when a process was killed, and was computed again.
    """

    row: int
    silent: bool = False
    failure: str | None = None
    retried: bool = False


@dataclass(frozen=True)
class Computed:
    """A row that is computed and not yet written."""

    row: int
    features: dict[str, np.ndarray]
    measured: dict[str, float]
    silent: bool

    def write(self, rows: RowWriter) -> Outcome:
        """Write the row."""
        rows.write(self.row, self.features, self.measured)
        return Outcome(self.row, self.silent)


def compute_rows(
    plan: ExtractionPlan,
    rows: RowWriter,
    todo: Iterable[int],
    *,
    jobs: int = -1,
    backend: str = "local",
    scheduler: str | None = None,
    in_work: InWork,
    suspects: Iterable[int] = (),
) -> Generator[Outcome, None, None]:
    """Compute rows and write them; yield what became of each, in any order.

    Parameters
    ----------
    plan : ExtractionPlan
    rows : RowWriter
    todo : iterable of int
        Which rows.
    jobs : int
        Threads or processes of this machine; -1 for one on each core.
    backend : {'local', 'threading', 'loky', 'dask', 'ray'}
        ``local`` for threads, or for processes where there are many. On a cluster,
        whose workers see the audio under the same path, rows are computed but not
        written: this machine could not vouch for what another one has in its cache.
    scheduler : str, optional
        Address of the cluster; a local one is started if not given.
    in_work : InWork
        Where rows in work are recorded. What is recorded there after the process
        was killed are the suspects of the next run.
    suspects : iterable of int
        Rows that may have killed a process. They come first, one at a time in a
        process of its own; one that is killed again is a failure of the clip.

    Raises
    ------
    UsageError
        If there is no such backend, or if it is not installed.
    AscError
        If workers were killed before they began a clip, or if a cluster is lost.
    """
    check_choice("backend", backend, parallel.BACKENDS)
    left = {row: (row, plan.corpus.clips[row].path) for row in map(int, todo)}
    if not left:
        return
    frontend = FrontEnd(plan.spec)
    if backend in parallel.CLUSTERS:
        yield from _on_cluster(
            plan, frontend, rows, list(left.values()), backend, scheduler
        )
        return
    jobs = jobs if jobs > 0 else environment.usable_cores()
    if backend == "local":
        backend = "threading" if jobs <= _MOST_THREADS else "loky"
    work = partial(_compute_and_write, frontend, plan.corpus.root, rows)

    def alone(numbers: list[int]) -> Iterator[Outcome]:
        """Compute rows one at a time, in a process of their own."""
        tasks = {row: left.pop(row) for row in numbers}
        for row in tasks:
            in_work.end(row)
        while tasks:
            outcomes = parallel.in_processes(
                work, dict(tasks), jobs=1, in_work=in_work, describe_task=_path_of
            )
            try:
                for outcome in outcomes:
                    del tasks[outcome.row]
                    yield replace(outcome, retried=True)
            except WorkerKilled as error:
                if not error.numbers:
                    raise
                for row in error.numbers:
                    del tasks[row]
                    in_work.end(row)
                    message = f"{KILLED} ({error.signal})."
                    yield Outcome(row, failure=message, retried=True)

    yield from alone([row for row in suspects if row in left])
    if backend == "threading":
        jobs = max(1, min(jobs, len(left)))
        yield from parallel.in_threads(work, left, jobs=jobs, in_work=in_work)
        return
    while left:
        jobs = max(1, min(jobs, len(left) // _CLIPS_WORTH_A_PROCESS))
        outcomes = parallel.in_processes(
            work,
            dict(left),
            jobs=jobs,
            batch=_BATCH,
            in_work=in_work,
            describe_task=_path_of,
        )
        try:
            for outcome in outcomes:
                del left[outcome.row]
                yield outcome
        except WorkerKilled as error:
            if not error.numbers:
                raise
            yield from alone(error.numbers)


_path_of = itemgetter(1)


def _on_cluster(
    plan: ExtractionPlan,
    frontend: FrontEnd,
    rows: RowWriter,
    clips: list[Clip],
    backend: str,
    scheduler: str | None,
) -> Iterator[Outcome]:
    root = plan.corpus.root.resolve()
    for found in parallel.on_cluster(
        backend,
        scheduler,
        partial(_compute_batch, frontend, root),
        [clips[i : i + _BATCH] for i in range(0, len(clips), _BATCH)],
        folders=(root,),
        describe_task=_describe_batch,
    ):
        for result in found:
            yield result.write(rows) if isinstance(result, Computed) else result


def _describe_batch(batch: list[Clip]) -> str:
    return "one of these clips: " + ", ".join(path for _, path in batch)


def _compute_batch(
    frontend: FrontEnd, root: Path, batch: list[Clip]
) -> list[Computed | Outcome]:
    return [_compute(frontend, root, clip) for clip in batch]


def _compute_and_write(
    frontend: FrontEnd, root: Path, rows: RowWriter, clip: Clip
) -> Outcome:
    """Compute a row and write it. Only what fails in writing is raised."""
    _keep_memory()
    result = _compute(frontend, root, clip)
    return result.write(rows) if isinstance(result, Computed) else result


def _compute(frontend: FrontEnd, root: Path, clip: Clip) -> Computed | Outcome:
    """Compute a row. No exception leaves it: one clip must not stop the others."""
    row, path = clip
    try:
        return _computed(frontend, root, row, path)
    except InputError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 - see above
        message = f"{type(error).__name__}: {error}."
    return Outcome(row, failure=message[:_MOST_MESSAGE])


def _computed(frontend: FrontEnd, root: Path, row: int, path: str) -> Computed:
    audio = read_audio(root / path)
    y = fit(audio, frontend.spec)
    return Computed(
        row,
        frontend(y),
        {
            "seconds": audio.seconds,
            "sample_rate": audio.sample_rate,
            "channels": audio.samples.shape[1],
            "source_bytes": audio.size,
            "source_crc32": audio.checksum,
        },
        silent=not y.any(),
    )


@cache
def _keep_memory() -> None:
    """Let this process keep the memory that it frees.

    A clip needs some ten arrays of a megabyte or more. The GNU C library gives such
    memory back to the system at once and gets it again for the next clip, zeroed page
    by page, which took a quarter of the time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)


def seconds_per_clip(plan: ExtractionPlan, clips: int = 3) -> float:
    """Return how long one processor takes for a clip, tried on a few of them."""
    frontend = FrontEnd(plan.spec)
    tried = [(row, clip.path) for row, clip in enumerate(plan.corpus.clips[:clips])]
    started = time.perf_counter()
    _compute_batch(frontend, plan.corpus.root, tried)
    return (time.perf_counter() - started) / len(tried)
