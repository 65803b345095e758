"""Rows computed in parallel processes, which import as little as they can."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from pathlib import Path

import numpy as np

from asc import environment, processes
from asc.cluster import on_cluster
from asc.errors import InputError
from asc.extraction.planning import Plan
from asc.features import FrontEnd, fit, read_audio
from asc.store.writer import digest_of

#: Row and path of a clip.
Clip = tuple[int, str]

#: Clips that a worker of a cluster gets at a time.
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
    backend: str = "local",
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
    backend : {'local', 'dask', 'ray'}
        ``local`` for processes of this machine, the others for a cluster whose
        workers see the audio under the same path.
    scheduler : str, optional
        Address of the cluster; a local one is started if not given.

    Raises
    ------
    UsageError
        If there is no such backend, or if it is not installed.
    AscError
        If a worker was killed. It names the clip that was being computed.
    """
    processes.check_backend(backend)
    clips = [(int(row), plan.corpus.clips[row].path) for row in todo]
    if not clips:
        return
    if backend != "local":
        root = plan.corpus.root.resolve()
        compute = partial(_process_batch, FrontEnd(plan.spec), root)
        batches = [clips[i : i + _BATCH] for i in range(0, len(clips), _BATCH)]
        for found in on_cluster(
            backend, scheduler, compute, batches, folders=(root,), told=_clips_of
        ):
            yield from found
        return
    workers = jobs if jobs > 0 else environment.usable_cores()
    workers = max(1, min(workers, len(clips) // _CLIPS_WORTH_A_WORKER))
    if workers == 1:
        yield from map(partial(_process, FrontEnd(plan.spec), plan.corpus.root), clips)
    else:
        yield from _in_processes(plan, clips, workers)


def _in_processes(
    plan: Plan, clips: list[Clip], workers: int
) -> Iterator[Computed | Failed]:
    with processes.Pool(workers, imports=(__name__, "soundfile")) as pool:
        # Meanwhile, this process imports librosa for the front end.
        compute = partial(_process_apart, FrontEnd(plan.spec), plan.corpus.root)
        yield from pool.compute(compute, clips, told=itemgetter(1))


def _clips_of(batch: list[Clip]) -> str:
    return "one of these clips: " + ", ".join(path for _, path in batch)


def _process_apart(frontend: FrontEnd, root: Path, clip: Clip) -> Computed | Failed:
    """Compute a row in a worker process."""
    _keep_memory()
    return _process(frontend, root, clip)


@cache
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


def _process_batch(
    frontend: FrontEnd, root: Path, batch: list[Clip]
) -> list[Computed | Failed]:
    return [_process(frontend, root, clip) for clip in batch]


def _process(frontend: FrontEnd, root: Path, clip: Clip) -> Computed | Failed:
    """Compute a row. No exception leaves it."""
    row, path = clip
    try:
        return _computed(frontend, root, row, path)
    except InputError as error:
        return Failed(row, str(error))
    except Exception as error:  # noqa: BLE001 - one clip must not stop the rest
        return Failed(row, f"{type(error).__name__}: {error}.")


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
    _process_batch(frontend, plan.corpus.root, tried)
    return (time.perf_counter() - started) / len(tried)
