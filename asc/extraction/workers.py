"""Rows computed in parallel processes, which import as little as they can."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from asc import environment, processes
from asc.cluster import on_cluster
from asc.errors import AscError, InputError
from asc.extraction.planning import Plan
from asc.features import FrontEnd, fit, read_audio
from asc.store.writer import digest_of

#: Rows and paths of clips.
Batch = list[tuple[int, str]]

#: What a worker notes down between clips, in place of a row.
_NONE = b"\xff" * 8
#: Clips that a worker gets at a time.
_BATCH = 8
#: A worker takes about a second to start, in which this many clips are done.
_CLIPS_WORTH_A_WORKER = 40
#: Parameters of the GNU C library's mallopt, and what a worker may keep.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 1 << 28


@dataclass(frozen=True)
class Computed:
    """A row as a worker returns it."""

    row: int
    features: dict[str, np.ndarray]
    digests: dict[str, bytes]
    measured: dict[str, float]
    silent: bool


@dataclass(frozen=True)
class Failed:
    """A clip that cannot become a row. Returned, since raising stops the rest."""

    row: int
    message: str


def results(
    plan: Plan,
    todo: np.ndarray,
    *,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
) -> Iterator[Computed | Failed]:
    """Yield rows in any order.

    Parameters
    ----------
    plan : Plan
    todo : np.ndarray [shape=(rows,)]
        Which rows.
    jobs : int
        Worker processes of this machine; -1 for one on each core.
    backend : {'loky', 'dask', 'ray'}
        ``loky`` for processes of this machine, the others for a cluster whose
        workers see the audio under the same path.
    scheduler : str, optional
        Address of the cluster; a local one is started if not given.

    Raises
    ------
    UsageError
        If there is no such backend, or if it is not installed.
    AscError
        If a worker was killed. It names the clips that were being computed.
    """
    processes.check_backend(backend)
    batches = [
        [
            (int(row), plan.corpus.clips[row].path)
            for row in todo[start : start + _BATCH]
        ]
        for start in range(0, len(todo), _BATCH)
    ]
    if not batches:
        return
    if backend != "loky":
        root = plan.corpus.root.resolve()
        compute = partial(_process, FrontEnd(plan.spec), root)
        for found in on_cluster(
            backend, scheduler, compute, batches, folders=(root,), told=_clips_of
        ):
            yield from found
        return
    workers = jobs if jobs > 0 else environment.usable_cores()
    workers = max(1, min(workers, len(todo) // _CLIPS_WORTH_A_WORKER))
    if workers == 1:
        frontend = FrontEnd(plan.spec)
        for batch in batches:
            yield from _process(frontend, plan.corpus.root, batch)
    else:
        yield from _in_processes(plan, batches, workers)


def _in_processes(
    plan: Plan, batches: list[Batch], workers: int
) -> Iterator[Computed | Failed]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with (
        tempfile.TemporaryDirectory(prefix="asc-") as notes,
        parallel_config("loky", inner_max_num_threads=1),
        Parallel(workers, return_as="generator_unordered", batch_size=1) as parallel,
    ):
        # Workers import what they need while this process builds the front end,
        # for which it imports librosa.
        warm = parallel(delayed(_warm_up)() for _ in range(workers))
        frontend = FrontEnd(plan.spec)
        for _ in warm:
            pass
        work = delayed(_process_apart)
        try:
            for found in parallel(
                work(frontend, plan.corpus.root, batch, notes) for batch in batches
            ):
                yield from found
        except TerminatedWorkerError as error:
            clips = [plan.corpus.clips[row].path for row in _current_rows(notes)]
            at = " or ".join(clips) or "an unknown clip"
            raise AscError(
                f"A worker process was killed while it was at {at}. Usually the"
                " memory was used up: run the same command again with fewer --jobs."
                " Finished clips are kept."
            ) from error


def _clips_of(batch: Batch) -> str:
    return "one of these clips: " + ", ".join(path for _, path in batch)


def _warm_up() -> None:
    """Import what a worker needs; this module has imported the rest."""
    import soundfile  # noqa: F401


def _current_rows(notes: str) -> list[int]:
    """Return the rows that workers noted down and did not finish."""
    found = [note.read_bytes() for note in Path(notes).iterdir()]
    return sorted(int.from_bytes(row, sys.byteorder) for row in {*found} - {b"", _NONE})


def _process_apart(
    frontend: FrontEnd, root: Path, batch: Batch, notes: str
) -> list[Computed | Failed]:
    """Compute a batch in a worker process, which notes down what it is at."""
    _settle_in()
    note, found = _own_note(notes).fileno(), []
    for row, path in batch:
        os.pwrite(note, row.to_bytes(len(_NONE), sys.byteorder), 0)
        found += _process(frontend, root, [(row, path)])
    os.pwrite(note, _NONE, 0)
    return found


@lru_cache(maxsize=1)
def _own_note(notes: str) -> BinaryIO:
    """Return the file where this process notes down its row, kept open."""
    return open(Path(notes, str(os.getpid())), "wb", buffering=0)


@cache
def _settle_in() -> None:
    """Prepare a worker process, once."""
    processes.obey_parent()
    _keep_memory()


def _keep_memory() -> None:
    """Let this process keep the memory that it frees.

    A clip needs some ten arrays of a megabyte or more. The GNU C library gives
    such memory back to the system at once and gets it anew for the next clip,
    zeroed page by page, which took a quarter of the time of a worker.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)


def _process(frontend: FrontEnd, root: Path, batch: Batch) -> list[Computed | Failed]:
    """Compute a batch of rows. No exception leaves it."""
    results: list[Computed | Failed] = []
    for row, path in batch:
        try:
            results.append(_computed(frontend, root, row, path))
        except InputError as error:
            results.append(Failed(row, str(error)))
        except Exception as error:  # noqa: BLE001 - one clip must not stop the rest
            results.append(Failed(row, f"{type(error).__name__}: {error}."))
    return results


def _computed(frontend: FrontEnd, root: Path, row: int, path: str) -> Computed:
    audio = read_audio(root / path)
    y = fit(audio, frontend.spec)
    features = frontend(y)
    return Computed(
        row,
        features,
        {name: digest_of(array) for name, array in features.items()},
        {
            "seconds": audio.seconds,
            "sample_rate": audio.sample_rate,
            "channels": audio.samples.shape[1],
            "source_bytes": audio.size,
            "source_crc32": audio.checksum,
        },
        silent=not y.any(),
    )


def seconds_per_clip(plan: Plan, clips: int = 3) -> float:
    """Return how long one process takes for a clip, tried on a few of them."""
    frontend = FrontEnd(plan.spec)
    tried = [(row, clip.path) for row, clip in enumerate(plan.corpus.clips[:clips])]
    started = time.perf_counter()
    _process(frontend, plan.corpus.root, tried)
    return (time.perf_counter() - started) / len(tried)
