"""Tasks in threads or processes of this machine, through `joblib.Parallel`.

Threads take less memory and start at once, but a decoder that crashes ends all of
them. A process that is killed is reported with the tasks in work.
"""

from __future__ import annotations

import os
import pickle
import re
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor

from asc import interrupts
from asc.errors import AscError, MissingInputError
from asc.files import opened_to_write, read_bytes
from asc.registry import import_modules, imported_modules

#: Seconds to wait for threads to leave their tasks.
_PATIENCE = 5
#: Bytes that the answers to one batch may have. loky reads answers from a pipe that
#: all workers share. A message up to PIPE_BUF (4,096 bytes) is written whole or not
#: at all; half of a longer one, from a worker that was killed, blocks it for ever.
_MOST_BYTES = 3500
#: More than any corpus has clips: a larger file is not a record of tasks.
_MOST_TASKS = 1 << 26


class InWork:
    """The numbers of the tasks in work, one byte each in a file.

    The file outlives the process, however that ends. Nothing is flushed to disk: a
    task takes a few microseconds more, and a power cut loses it.

    Parameters
    ----------
    path : Path
        The file, which is created when the first task begins.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, number: int) -> None:
        """Record that a task is in work."""
        self._put(number, b"\1")

    def end(self, number: int) -> None:
        """Record that a task is not in work any more."""
        self._put(number, b"\0")

    def numbers(self) -> list[int]:
        """Return the tasks in work, ascending."""
        try:
            marks = read_bytes(self.path, limit=_MOST_TASKS)
        except MissingInputError:
            return []
        return np.flatnonzero(np.frombuffer(marks, np.uint8)).tolist()

    def remove(self) -> None:
        """Remove the file: no task is in work."""
        self.path.unlink(missing_ok=True)

    def _put(self, number: int, value: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        with opened_to_write(self.path, flags) as descriptor:
            os.pwrite(descriptor, value, number)


class WorkerKilled(AscError):
    """A worker process was killed, by ``signal``, such as ``"SIGKILL"``.

    ``numbers`` are the tasks that were in work. One of them may be the cause.
    """

    def __init__(self, tasks: Mapping[int, str], signal: str) -> None:
        self.numbers = list(tasks)
        self.signal = signal
        place = f" while at {', '.join(tasks.values())}" if tasks else ""
        super().__init__(
            f"A worker process was killed ({signal}){place}. Usually the memory was"
            " used up. Run the same command again with fewer --jobs; finished work is"
            " kept."
        )


def in_threads(
    work: Callable[[Any], Any],
    tasks: Mapping[int, Any] | Iterable[tuple[int, Any]],
    *,
    jobs: int,
    in_work: InWork | None = None,
) -> Generator[Any, None, None]:
    """Yield the results of tasks in any order, computed by threads.

    Parameters
    ----------
    work : callable
        What it raises is raised here.
    tasks : mapping of int to object, or iterable of (int, object)
        The number of each task, and the argument of `work`. An iterable is asked for
        the next task when another one is done, by any thread.
    jobs : int > 0
        Number of threads; with one, the calling thread computes.
    in_work : InWork, optional
        Where tasks in work are recorded.
    """
    gate, stopped = threading.Semaphore(jobs), threading.Event()

    def compute(number: int, task: Any) -> Any:
        with gate:
            if stopped.is_set():
                return None
            if in_work is None:
                return work(task)
            in_work.begin(number)
            try:
                return work(task)
            finally:
                in_work.end(number)

    numbered = tasks.items() if isinstance(tasks, Mapping) else tasks
    parallel = Parallel(jobs, backend="threading", return_as="generator_unordered")
    try:
        yield from _closing(parallel(starmap(delayed(compute), numbered)))
    finally:
        # A thread that is inside C++ when the interpreter ends aborts the process.
        stopped.set()
        deadline = time.monotonic() + _PATIENCE
        for _ in range(jobs):
            gate.acquire(timeout=max(0, deadline - time.monotonic()))


def in_processes(
    work: Callable[[Any], Any],
    tasks: Mapping[int, Any],
    *,
    jobs: int,
    threads: int = 1,
    batch: int = 1,
    in_work: InWork | None = None,
    describe_task: Callable[[Any], str] = str,
) -> Iterator[Any]:
    """Yield the results of tasks in any order, computed by worker processes.

    Workers ignore Ctrl-C, on which the calling process acts, and end when that is
    killed. Memory does not grow with the number of tasks.

    Parameters
    ----------
    work : callable
        It, the tasks and the results are pickled; it may be defined anywhere. What it
        raises is raised here.
    tasks : mapping of int to object
        The number of each task, and the argument of `work`.
    jobs : int > 0
        Number of processes.
    threads : int
        Threads that numerical libraries may use in each.
    batch : int
        Tasks that a worker gets at a time, at most.
    in_work : InWork, optional
        Where tasks in work are recorded; a temporary file if not given.
    describe_task : callable
        Returns what a task is called in an error message.

    Raises
    ------
    WorkerKilled
        If a worker was killed. joblib then ends all others, too.
    """
    with TemporaryDirectory(prefix="asc-") as folder:
        in_work = in_work or InWork(Path(folder, "in-work"))
        compute = delayed(_Work(work, in_work, folder, _MOST_BYTES // batch))
        settings = parallel_config(
            "loky",
            inner_max_num_threads=threads,
            initializer=_start_worker,
            initargs=(os.getpid(), imported_modules()),
        )
        with interrupts.kept_from_children(), settings:
            # With one job, joblib would compute in this process, so two workers get
            # one task at a time. pre_dispatch counts tasks, not batches; an
            # interruption fails if it exceeds loky's queue.
            results = Parallel(
                max(2, jobs),
                return_as="generator_unordered",
                batch_size=batch,
                pre_dispatch=1 if jobs == 1 else 2 * batch * jobs,
                max_nbytes=None,
            )(map(compute, tasks, tasks.values()))
        try:
            for answer in _closing(results):
                yield _unpacked(answer)
        except BrokenProcessPool as error:
            if error.__cause__ is not None:
                last = str(error.__cause__).strip('\n" ').splitlines()[-1]
                message = f"A worker process cannot load its work: {last}."
                raise AscError(message) from error
            numbers = [number for number in in_work.numbers() if number in tasks]
            found = {number: describe_task(tasks[number]) for number in numbers}
            signals = sorted(set(re.findall(r"SIG[A-Z]+|EXIT\(\d+\)", str(error))))
            raise WorkerKilled(found, ", ".join(signals) or "no signal") from error
        finally:
            # Idle workers would wait for more work, and warn when they end.
            get_reusable_executor(reuse=True).shutdown(wait=True)


def _closing(results: Iterable[Any]) -> Iterator[Any]:
    """Yield results, without joblib's warning when the reader stops early."""
    try:
        for result in results:  # "yield from" would close them with the warning
            yield result
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Work:
    """Work whose answer is short: the result, or the path of a file with it."""

    work: Callable[[Any], Any]
    in_work: InWork
    folder: str
    most: int

    def __call__(self, number: int, task: Any) -> bytes | str:
        self.in_work.begin(number)
        result = error = None
        try:
            result = self.work(task)
        except Exception as caught:  # noqa: BLE001 - raised in the parent
            error = caught
        self.in_work.end(number)
        try:
            data = pickle.dumps((result, error))
        except Exception:  # noqa: BLE001 - errors of some libraries cannot be pickled
            if error is None:
                raise
            data = pickle.dumps((None, AscError(f"{type(error).__name__}: {error}")))
        if len(data) <= self.most:
            return data
        path = Path(self.folder, str(number))
        path.write_bytes(data)
        return str(path)


def _unpacked(answer: bytes | str) -> Any:
    """Return the result in an answer of `_Work`, or raise the error in it."""
    if isinstance(answer, str):
        path = Path(answer)
        answer = path.read_bytes()
        path.unlink()
    result, error = pickle.loads(answer)
    if error is not None:
        raise error
    return result


def _start_worker(parent: int, modules: tuple[str, ...]) -> None:
    """Prepare a worker process: no output, and it ends with its parent.

    Modules of the user are imported before a task that refers to them is unpickled.
    """
    from joblib.externals.loky import process_executor

    # loky would replace, with a warning, each worker that grew by 300 MB, as every
    # training does.
    process_executor._USE_PSUTIL = False
    os.environ.setdefault("PYTHONFAULTHANDLER", "0")  # one sentence, no stack
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # standard output is the parent's

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    with suppress(AscError):  # a task that needs it says so
        import_modules(modules)
