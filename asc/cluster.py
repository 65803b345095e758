"""Tasks computed on a Dask or Ray cluster, through its own client.

joblib has backends for both, but they return whole lists only, and the one for
Dask keeps what tasks share in the memory of single workers: when such a worker
was lost, so was the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from asc import environment
from asc.errors import AscError, InputError, UsageError

#: Seconds to wait for a scheduler to answer, and for it to have a worker.
_PATIENCE = 10


def on_cluster(
    backend: str,
    scheduler: str | None,
    work: Callable[[Any], Any],
    tasks: Sequence[Any],
    *,
    folders: Sequence[Path],
    told: Callable[[Any], str],
    ahead: int = 4,
) -> Iterator[Any]:
    """Yield what is computed of each task, in any order.

    The tasks of a lost worker are computed anew by the others. What this process
    holds does not grow with the number of tasks.

    Parameters
    ----------
    backend : {'dask', 'ray'}
    scheduler : str or None
        Address of the cluster; None for the one of the backend's own settings,
        which is a new one on this machine if nothing is set.
    work : callable
        It and the tasks must be possible to pickle.
    tasks : sequence
    folders : sequence of Path
        What the workers must see under the same path as this process.
    told : callable
        Returns what a task is called in an error message.
    ahead : int
        Tasks that are handed out for each processor of the cluster.

    Raises
    ------
    UsageError
        If the backend is not installed.
    InputError
        If a worker does not see a folder.
    AscError
        If the cluster cannot be reached or is lost, if its libraries are of
        other versions, or if a task killed one worker after the other.
    """
    place = f"at {scheduler}" if scheduler else "of this machine"
    checked = _Checked(work, tuple(folders), environment.dsp_versions())
    run = _on_dask if backend == "dask" else _on_ray
    try:
        yield from run(checked, tasks, scheduler, told, ahead)
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
            f" ({error or type(error).__name__}). What is finished is kept; the"
            " same command goes on."
        ) from error


@dataclass(frozen=True)
class _Checked:
    """Work that first makes sure that the worker is fit for it."""

    work: Callable[[Any], Any]
    folders: tuple[Path, ...]
    versions: dict[str, str]

    def __call__(self, task: Any) -> Any:
        found = _versions_here()
        other = [
            f"{name} {found.get(name)} instead of {version}"
            for name, version in self.versions.items()
            if found.get(name) != version
        ]
        if other:
            raise AscError(
                f"A worker on {_host()} has other versions than this one:"
                f" {', '.join(other)}. Install the same ones everywhere."
            )
        for folder in self.folders:
            if not folder.is_dir():
                raise InputError(
                    f"A worker on {_host()} does not see {folder}. Workers need it"
                    " under the same path as this machine."
                )
        return self.work(task)


@cache
def _versions_here() -> dict[str, str]:
    return environment.dsp_versions()


def _host() -> str:
    import socket

    return socket.gethostname()


def _on_dask(
    work: _Checked,
    tasks: Sequence[Any],
    scheduler: str | None,
    told: Callable[[Any], str],
    ahead: int,
) -> Iterator[Any]:
    from distributed import Client, KilledWorker, as_completed

    with Client(scheduler, timeout=_PATIENCE) as client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise ConnectionError("it has no workers") from error
        waiting, most = iter(tasks), 0
        running, asked = as_completed(), {}
        while True:
            if 2 * running.count() <= most:
                # Workers may come and go, so they are counted anew.
                most = ahead * max(1, sum(client.nthreads().values()))
                for task in islice(waiting, most - running.count()):
                    future = client.submit(work, task, pure=False)
                    asked[future.key] = task
                    running.add(future)
            future = next(running, None)
            if future is None:
                return
            try:
                found = future.result()
            except KilledWorker as error:
                raise _deadly(told(asked[future.key])) from error
            del asked[future.key]
            future.release()
            yield found


def _on_ray(
    work: _Checked,
    tasks: Sequence[Any],
    scheduler: str | None,
    told: Callable[[Any], str],
    ahead: int,
) -> Iterator[Any]:
    import ray

    ray.init(address=scheduler, log_to_driver=False, logging_level=logging.ERROR)
    try:

        @ray.remote(max_retries=3)
        def compute(task: Any) -> Any:
            return work(task)

        waiting, most = iter(tasks), 0
        running: dict[Any, Any] = {}
        while True:
            if 2 * len(running) <= most:
                most = ahead * max(1, int(ray.cluster_resources().get("CPU", 0)))
                for task in islice(waiting, most - len(running)):
                    running[compute.remote(task)] = task
            if not running:
                return
            (ready,), _ = ray.wait(list(running))
            task = running.pop(ready)
            try:
                found = ray.get(ready)
            except (
                ray.exceptions.WorkerCrashedError,
                ray.exceptions.OutOfMemoryError,
            ) as error:
                raise _deadly(told(task)) from error
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                raise ConnectionError(str(error)) from error
            yield found
    finally:
        ray.shutdown()


def _deadly(task: str) -> AscError:
    return AscError(
        "Several workers of the cluster were killed, one after the other, while they"
        f" were at {task}. What is finished is kept; use workers with more memory, or"
        " leave it out."
    )
