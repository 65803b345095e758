"""Batches of clips computed on a Dask or Ray cluster, through its own client.

joblib has backends for both, but they return whole lists only, and the one for
Dask keeps what tasks share in the memory of single workers: when such a worker
was lost, so was the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from asc import environment
from asc.errors import AscError, InputError, UsageError

#: Rows and paths of clips.
Batch = list[tuple[int, str]]
#: What computes a batch. It must be possible to pickle it.
Compute = Callable[[Batch], list[Any]]

#: Batches that are handed out for each processor of the cluster.
_AHEAD = 4
#: Seconds to wait for a scheduler to answer, and for it to have a worker.
_PATIENCE = 10


def on_cluster(
    backend: str,
    scheduler: str | None,
    compute: Compute,
    batches: list[Batch],
    root: Path,
) -> Iterator[list[Any]]:
    """Yield what is computed of each batch, in any order.

    The batches of a lost worker are computed anew by the others. What this
    process holds does not grow with the number of batches.

    Parameters
    ----------
    backend : {'dask', 'ray'}
    scheduler : str or None
        Address of the cluster; None for the one of the backend's own settings,
        which is a new one on this machine if nothing is set.
    compute : callable
    batches : list
    root : Path
        Folder that the workers must see.

    Raises
    ------
    UsageError
        If the backend is not installed.
    InputError
        If a worker does not see the folder.
    AscError
        If the cluster cannot be reached or is lost, if its libraries are of
        other versions, or if clips killed one worker after the other.
    """
    place = f"at {scheduler}" if scheduler else "of this machine"
    task = _Task(compute, root.resolve(), environment.dsp_versions())
    run = _on_dask if backend == "dask" else _on_ray
    try:
        yield from run(task, batches, scheduler)
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("distributed", "dask", "ray"):
            raise UsageError(
                f"Backend {backend!r} is not installed. Use: pip install"
                f" 'asc[{backend}]'."
            ) from error
        raise AscError(
            f"A worker of the {backend} cluster {place} cannot import what it needs"
            f" ({error}). Install asc of the same version there."
        ) from error
    except AscError:
        raise
    except (OSError, ValueError, CancelledError) as error:
        raise AscError(
            f"The {backend} cluster {place} does not answer"
            f" ({error or type(error).__name__}). Finished clips are kept; the same"
            " command goes on."
        ) from error


class _Task:
    """A computation that first makes sure that the worker is fit for it."""

    def __init__(self, compute: Compute, root: Path, versions: dict[str, str]) -> None:
        self.compute, self.root, self.versions = compute, root, versions

    def __call__(self, batch: Batch) -> list[Any]:
        found = _versions_here()
        other = [
            f"{name} {found.get(name)} instead of {version}"
            for name, version in self.versions.items()
            if found.get(name) != version
        ]
        if other:
            raise AscError(
                f"A worker on {_host()} has other versions than the store is made"
                f" with: {', '.join(other)}. Install the same ones everywhere."
            )
        if not self.root.is_dir():
            raise InputError(
                f"A worker on {_host()} does not see {self.root}. Workers need the"
                " corpus under the same path as this machine."
            )
        return self.compute(batch)


@cache
def _versions_here() -> dict[str, str]:
    return environment.dsp_versions()


def _host() -> str:
    import socket

    return socket.gethostname()


def _on_dask(
    task: _Task, batches: list[Batch], scheduler: str | None
) -> Iterator[list[Any]]:
    from distributed import Client, KilledWorker, as_completed

    with Client(scheduler, timeout=_PATIENCE) as client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise ConnectionError("it has no workers") from error
        waiting, most = iter(batches), 0
        running, asked = as_completed(), {}
        while True:
            if 2 * running.count() <= most:
                # Workers may come and go, so they are counted anew.
                most = _AHEAD * max(1, sum(client.nthreads().values()))
                for batch in islice(waiting, most - running.count()):
                    future = client.submit(task, batch, pure=False)
                    asked[future.key] = batch
                    running.add(future)
            future = next(running, None)
            if future is None:
                return
            try:
                found = future.result()
            except KilledWorker as error:
                raise _deadly(asked[future.key]) from error
            del asked[future.key]
            future.release()
            yield found


def _on_ray(
    task: _Task, batches: list[Batch], scheduler: str | None
) -> Iterator[list[Any]]:
    import ray

    ray.init(address=scheduler, log_to_driver=False, logging_level=logging.ERROR)
    try:

        @ray.remote(max_retries=3)
        def compute(batch: Batch) -> list[Any]:
            return task(batch)

        waiting, most = iter(batches), 0
        running: dict[Any, Batch] = {}
        while True:
            if 2 * len(running) <= most:
                most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 0)))
                for batch in islice(waiting, most - len(running)):
                    running[compute.remote(batch)] = batch
            if not running:
                return
            (ready,), _ = ray.wait(list(running))
            batch = running.pop(ready)
            try:
                found = ray.get(ready)
            except (
                ray.exceptions.WorkerCrashedError,
                ray.exceptions.OutOfMemoryError,
            ) as error:
                raise _deadly(batch) from error
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                raise ConnectionError(str(error)) from error
            yield found
    finally:
        ray.shutdown()


def _deadly(batch: Batch) -> AscError:
    clips = ", ".join(path for _, path in batch)
    return AscError(
        "Several workers of the cluster were killed, one after the other, while they"
        f" were at one of these clips: {clips}. Finished clips are kept; leave out"
        " the clip, or use workers with more memory."
    )
