"""Tasks on a Dask or Ray cluster, through its own client.

joblib has backends for both, but that for Dask hangs when a task kills several workers,
and that for Ray returns lists only.
"""

from __future__ import annotations

import logging
import pickle
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from asc import environment
from asc.errors import AscError, InputError, UsageError
from asc.registry import import_modules, imported_modules

#: Seconds to wait for a scheduler to answer, and for it to have a worker.
_PATIENCE = 10


def on_cluster(
    backend: str,
    scheduler: str | None,
    work: Callable[[Any], Any],
    tasks: Iterable[Any],
    *,
    folders: Sequence[Path],
    describe_task: Callable[[Any], str],
    ahead: int = 4,
) -> Iterator[Any]:
    """Yield the results of tasks in any order.

    The tasks of a lost worker are computed again by the others. Memory does not grow
    with the number of tasks.

    Parameters
    ----------
    backend : {'dask', 'ray'}
    scheduler : str or None
        Address of the cluster; None for that of the backend's own settings, or a new
        one on this machine.
    work : callable
        It, the tasks and the results are pickled.
    tasks : iterable
    folders : sequence of Path
        Folders that the workers must see under the same path as this process.
    describe_task : callable
        Returns what a task is called in an error message.
    ahead : int
        Tasks that are submitted for each processor of the cluster.

    Raises
    ------
    UsageError
        If the backend is not installed.
    InputError
        If a worker does not see a folder.
    AscError
        If the cluster cannot be reached or is lost, if its libraries have other
        versions, or if a task killed several workers.
    """
    connect: Any = _Dask if backend == "dask" else _Ray
    with _errors_in_words(backend, scheduler):
        cluster = connect(scheduler)
        checked = _Checked(
            cluster.pickled(work),
            tuple(folders),
            environment.dsp_versions(),
            imported_modules(),
        )
        try:
            waiting, most = iter(tasks), 0
            running: dict[Any, Any] = {}
            while True:
                if 2 * len(running) <= most:
                    # Workers may come and go, so they are counted again.
                    most = ahead * max(1, cluster.processors())
                    for task in islice(waiting, most - len(running)):
                        future = cluster.submit(checked, cluster.pickled(task))
                        running[future] = task
                if not running:
                    return
                future = cluster.wait(running)
                task = running.pop(future)
                try:
                    result = cluster.result(future)
                except cluster.killed as error:
                    raise AscError(
                        "Several workers of the cluster were killed, one after the"
                        f" other, while at {describe_task(task)}. Finished work is"
                        " kept. Use workers with more memory, or leave it out."
                    ) from error
                del future  # the cluster keeps a result while something refers to it
                yield result
        finally:
            cluster.close()


@contextmanager
def _errors_in_words(backend: str, scheduler: str | None) -> Iterator[None]:
    place = f"at {scheduler}" if scheduler else "of this machine"
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("distributed", "dask", "ray"):
            raise UsageError(
                f"Backend {backend!r} is not installed. Install it with:"
                f" {environment.install_command(backend)}"
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
            f" ({error or type(error).__name__}). Finished work is kept; the same"
            " command resumes."
        ) from error


@dataclass(frozen=True)
class _Checked:
    """Work that first checks versions and folders of the worker.

    Work and tasks are pickled: they may refer to modules of the user, which the worker
    has to import before.
    """

    work: bytes
    folders: tuple[Path, ...]
    versions: dict[str, str]
    modules: tuple[str, ...]

    def __call__(self, task: bytes) -> Any:
        found = _versions_here()
        other = [
            f"{name} {found.get(name)} instead of {version}"
            for name, version in self.versions.items()
            if found.get(name) != version
        ]
        if other:
            raise AscError(
                f"A worker on {socket.gethostname()} has other versions than this"
                f" process: {', '.join(other)}. Install the same ones everywhere."
            )
        for folder in self.folders:
            if not folder.is_dir():
                raise InputError(
                    f"A worker on {socket.gethostname()} does not see {folder}."
                    " Workers need it under the same path as this process."
                )
        import_modules(self.modules)
        return pickle.loads(self.work)(pickle.loads(task))


_versions_here = cache(environment.dsp_versions)


class _Dask:
    """A connection to a Dask cluster."""

    def __init__(self, scheduler: str | None) -> None:
        import cloudpickle  # on which Dask depends
        import distributed

        self.pickled = cloudpickle.dumps
        self.killed: Any = distributed.KilledWorker
        self._wait = distributed.wait
        with warnings.catch_warnings():
            # A local cluster then takes another port for its dashboard.
            warnings.filterwarnings("ignore", r"\s*Port \d+ is already in use")
            self._client = distributed.Client(scheduler, timeout=_PATIENCE)
        self.close = self._client.close
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            self.close()
            raise ConnectionError("it has no workers") from error

    def processors(self) -> int:
        return sum(self._client.nthreads().values())

    def submit(self, work: Callable[[Any], Any], task: Any) -> Any:
        return self._client.submit(work, task, pure=False)

    def wait(self, futures: Iterable[Any]) -> Any:
        return self._wait(list(futures), return_when="FIRST_COMPLETED").done.pop()

    def result(self, future: Any) -> Any:
        return future.result()


class _Ray:
    """A connection to a Ray cluster."""

    def __init__(self, scheduler: str | None) -> None:
        import ray

        self._ray = ray
        self.pickled = ray.cloudpickle.dumps
        errors = ray.exceptions
        self.killed: Any = (errors.WorkerCrashedError, errors.OutOfMemoryError)
        ray.init(address=scheduler, log_to_driver=False, logging_level=logging.ERROR)
        self.close = ray.shutdown
        self._run = ray.remote(max_retries=3)(_call)

    def processors(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    def submit(self, work: Callable[[Any], Any], task: Any) -> Any:
        return self._run.remote(work, task)

    def wait(self, futures: Iterable[Any]) -> Any:
        return self._ray.wait(list(futures))[0][0]

    def result(self, future: Any) -> Any:
        try:
            return self._ray.get(future)
        except self.killed:
            raise
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            raise ConnectionError(str(error)) from error


def _call(work: Callable[[Any], Any], task: Any) -> Any:
    return work(task)
