"""Rows computed and written in parallel: by threads, by processes or on a cluster."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from asc import environment, parallel
from asc.errors import InputError
from asc.extraction.planning import ExtractionPlan
from asc.features import FrontEnd, read_clip
from asc.parallel import InWork, WorkerKilled
from asc.store.writer import RowWriter

#: Row and path of a clip.
Clip = tuple[int, str]
#: Features by name, and what was measured of the audio.
Computed = tuple[dict[str, np.ndarray], dict[str, Any]]

#: Clips that a worker process gets at a time.
_BATCH = 8
#: A process takes about a second to start, in which this many clips are done.
_CLIPS_WORTH_A_PROCESS = 40
#: The most threads that pay: each holds Python's global lock for a seventh of the time.
_MOST_THREADS = 8
#: How the message of a clip begins that killed its process twice.
KILLED = "it ended the process that read it"
#: Characters of a message: answers of processes are short.
_MOST_MESSAGE = 200
#: Parameters of the GNU C library's mallopt, and the memory that it may keep.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 1 << 28


@dataclass(frozen=True)
class Outcome:
    """What became of a clip: its row is written, or there is a failure.

    A ``silent`` clip is digital silence. A ``note`` says what is missing of a clip that
    was accepted though truncated. A clip is ``retried`` if it was in work when
    a process was killed.
    """

    row: int
    silent: bool = False
    failure: str | None = None
    note: str = ""
    retried: bool = False


def compute_rows(
    plan: ExtractionPlan,
    rows: RowWriter,
    todo: Iterable[int],
    *,
    jobs: int,
    backend: str,
    scheduler: str | None,
    in_work: InWork,
    suspects: Iterable[int],
) -> Generator[Outcome, None, None]:
    """Compute rows and write them; yield what became of each, in any order.

    Parameters
    ----------
    plan, jobs, backend, scheduler
        As for `asc.extraction.extract`. A cluster computes rows, but this process
        writes them: it cannot know what another machine has flushed to disk.
    rows : RowWriter
    todo : iterable of int
        Which rows.
    in_work : InWork
        Where rows in work are recorded.
    suspects : iterable of int
        Rows that may have killed a process. They come first, one at a time in a
        process of their own; if it is killed again, the clip is a failure.

    Raises
    ------
    UsageError
        If the backend is not installed.
    AscError
        If workers were killed before they began a clip, or if a cluster is lost.
    """
    left = {row: (row, plan.corpus.clips[row].path) for row in map(int, todo)}
    if not left:
        return
    frontend = FrontEnd(plan.spec)
    if backend in parallel.CLUSTERS:
        clips, root = list(left.values()), plan.corpus.root.resolve()
        for batch in parallel.on_cluster(
            backend,
            scheduler,
            partial(_compute_batch, frontend, root, plan.accept_truncated),
            [clips[start : start + _BATCH] for start in range(0, len(clips), _BATCH)],
            folders=(root,),
            describe_task=_describe_batch,
        ):
            for outcome, computed in batch:
                yield _written(rows, outcome, computed)
        return
    jobs = jobs if jobs > 0 else environment.usable_cores()
    if backend == "local":
        backend = "threading" if jobs <= _MOST_THREADS else "loky"
    accept = plan.accept_truncated
    work = partial(_compute_and_write, frontend, plan.corpus.root, accept, rows)

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


def _describe_batch(batch: list[Clip]) -> str:
    return "one of these clips: " + ", ".join(path for _, path in batch)


def _compute_batch(
    frontend: FrontEnd, root: Path, accept: bool, batch: list[Clip]
) -> list[tuple[Outcome, Computed | None]]:
    return [_compute(frontend, root, accept, clip) for clip in batch]


def _compute_and_write(
    frontend: FrontEnd, root: Path, accept: bool, rows: RowWriter, clip: Clip
) -> Outcome:
    """Compute a row and write it. Only errors of writing are raised."""
    _keep_memory()
    return _written(rows, *_compute(frontend, root, accept, clip))


def _written(rows: RowWriter, outcome: Outcome, computed: Computed | None) -> Outcome:
    if computed is not None:
        rows.write(outcome.row, *computed, note=outcome.note)
    return outcome


def _compute(
    frontend: FrontEnd, root: Path, accept: bool, clip: Clip
) -> tuple[Outcome, Computed | None]:
    """Compute a row. No exception leaves it: one clip must not stop the others."""
    row, path = clip
    try:
        audio = read_clip(root / path, frontend.spec, accept_truncated=accept)
        measured = {
            "seconds": audio.seconds,
            "sample_rate": audio.sample_rate,
            "channels": audio.channels,
            "source_bytes": audio.size,
            "source_crc32": audio.checksum,
        }
        outcome = Outcome(row, silent=not audio.y.any(), note=audio.note)
        return outcome, (frontend(audio.y), measured)
    except InputError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 - see above
        message = f"{type(error).__name__}: {error}."
    return Outcome(row, failure=message[:_MOST_MESSAGE]), None


@cache
def _keep_memory() -> None:
    """Let this process keep the memory that it frees.

    The GNU C library would return the large arrays of a clip to the system and get
    new pages, zeroed, for the next one: a quarter of the time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)


def seconds_per_clip(plan: ExtractionPlan, clips: int = 3) -> float:
    """Return how long one processor takes for a clip, measured on the first few."""
    frontend = FrontEnd(plan.spec)
    measured = [(row, clip.path) for row, clip in enumerate(plan.corpus.clips[:clips])]
    started = time.perf_counter()
    _compute_batch(frontend, plan.corpus.root, plan.accept_truncated, measured)
    return (time.perf_counter() - started) / len(measured)
