"""Tasks in threads or processes of this machine, through `joblib.Parallel`.

Threads cost less memory and start at once, but a decoder that crashes ends all of
them. Processes (joblib's loky) stand apart: one that is killed is reported with the
tasks that were in work, and the caller can go on.
"""

from __future__ import annotations

import os
import pickle
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor

from asc import interrupts
from asc.errors import AscError
from asc.parallel.in_work import InWork

#: Seconds to wait for threads to leave their tasks.
_PATIENCE = 5
#: Bytes that the answers to one batch may have. loky reads answers from a pipe that
#: all workers share. A message up to PIPE_BUF (4,096 bytes) is written whole or not
#: at all; half of a longer one, from a worker that was killed, blocks it for ever.
_MOST_BYTES = 3500


class WorkerKilled(AscError):
    """A worker process was killed.

    Attributes
    ----------
    numbers : list of int
        The tasks that were in work. One of them may be the cause.
    signal : str
        How it ended, such as ``"SIGKILL"``.
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
    tasks: Mapping[int, Any],
    *,
    jobs: int,
    in_work: InWork | None = None,
) -> Iterator[Any]:
    """Yield the results of tasks in any order, computed by threads.

    Parameters
    ----------
    work : callable
        What it raises is raised here.
    tasks : mapping of int to object
        The number of each task, and what `work` gets.
    jobs : int > 0
        Number of threads; one task is computed in the calling thread.
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

    parallel = Parallel(jobs, backend="threading", return_as="generator_unordered")
    try:
        yield from _closing(parallel(map(delayed(compute), tasks, tasks.values())))
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

    Workers ignore Ctrl-C, on which the calling process acts. They end with it, at
    whatever moment it is killed. What this process holds does not grow with the
    number of tasks.

    Parameters
    ----------
    work : callable
        It, the tasks and the results are pickled, with functions defined anywhere.
        What it raises is raised here.
    tasks : mapping of int to object
        The number of each task, and what `work` gets.
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
            initargs=(os.getpid(),),
        )
        with interrupts.kept_from_children(), settings:
            # With one job, joblib would compute in this process: a single task at a
            # time is given to two workers instead. The number of tasks ahead counts
            # tasks, not batches; more than loky's queue holds break an interruption.
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
            found = {
                number: describe_task(tasks[number])
                for number in in_work.numbers()
                if number in tasks
            }
            signals = sorted(set(re.findall(r"SIG[A-Z]+|EXIT\(\d+\)", str(error))))
            raise WorkerKilled(found, ", ".join(signals) or "no signal") from error
        finally:
            # Or they would wait for more work, and warn when they end.
            get_reusable_executor(reuse=True).shutdown(wait=True)


def _closing(results: Iterable[Any]) -> Iterator[Any]:
    """Yield results; joblib is not to warn of the others when the reader stops."""
    try:
        for result in results:  # "yield from" would close them in its own way
            yield result
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Work:
    """What a worker process does with a task: it returns a short answer."""

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


def _start_worker(parent: int) -> None:
    """Prepare a worker process: quiet, and not to outlive its parent."""
    from joblib.externals.loky import process_executor

    # loky would replace each worker that grew by 300 MB, as every training does, and
    # warn of it in a thread that a warning turned into an error would end.
    process_executor._USE_PSUTIL = False
    os.environ.setdefault("PYTHONFAULTHANDLER", "0")  # one sentence, no stack
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # standard output is the parent's

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
