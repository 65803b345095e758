"""What runs work beside this process: other processes of this machine.

Each has a connection of its own. In a queue that workers share, the first half of
an answer of one that is killed would hold up all others for ever.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from multiprocessing.connection import Connection, Pipe, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from asc.errors import AscError, UsageError
from asc.text import unknown_name

#: What runs workers: processes of this machine, or a cluster.
BACKENDS = ("local", "dask", "ray")

#: Tasks that a worker has, with the one that it is at.
_AHEAD = 3
#: Seconds to wait for a worker to end by itself.
_PATIENCE = 5
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from asc.processes import serve;"
    " serve(int(sys.argv[1]))"
)
_THREAD_VARIABLES = (
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def check_backend(backend: str) -> None:
    """Raise UsageError if there is no such backend."""
    if backend not in BACKENDS:
        raise UsageError(unknown_name("backend", backend, BACKENDS))


class Pool:
    """Processes of this machine, to be used in a ``with`` block.

    They end with the block or with this process, at whatever moment it is killed,
    and not by Ctrl-C, on which this process alone acts.

    Parameters
    ----------
    count : int > 0
    threads : int
        Threads that numerical libraries may use in each.
    imports : sequence of str
        Modules that they import while this process prepares the work.
    """

    def __init__(
        self, count: int, *, threads: int = 1, imports: Sequence[str] = ()
    ) -> None:
        self._workers = [_Worker(threads) for _ in range(count)]
        for worker in self._workers:
            worker.send(pickle.dumps(tuple(imports)))

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.end()

    def compute(
        self,
        work: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        told: Callable[[Any], str],
    ) -> Iterator[Any]:
        """Yield what is computed of each task, in any order; once for a pool.

        What this process holds does not grow with the number of tasks.

        Parameters
        ----------
        work : callable
            It and the tasks must be possible to pickle. What it raises is raised
            here.
        tasks : iterable
        told : callable
            Returns what a task is called in an error message.

        Raises
        ------
        AscError
            If a process was killed. It tells what that one was at.
        """
        waiting, pickled = iter(tasks), pickle.dumps(work)
        for worker in self._workers:
            worker.send(pickled)
            worker.give(waiting)
        while busy := {w.connection: w for w in self._workers if w.tasks}:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                try:
                    found, error = worker.connection.recv()
                except (EOFError, OSError):
                    raise worker.killed(told(worker.tasks[0])) from None
                if error is not None:
                    raise error
                worker.tasks.popleft()
                worker.give(waiting)
                yield found


class _Worker:
    """One process, as this one sees it."""

    def __init__(self, threads: int) -> None:
        self.connection, other = Pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(other.fileno()), *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the output of this process is its own
            pass_fds=[other.fileno()],
            env=os.environ | dict.fromkeys(_THREAD_VARIABLES, str(threads)),
            process_group=0,
        )
        other.close()
        self.tasks: deque[Any] = deque()

    def give(self, waiting: Iterator[Any]) -> None:
        for task in islice(waiting, _AHEAD - len(self.tasks)):
            self.tasks.append(task)
            self.send(pickle.dumps(task))

    def send(self, data: bytes) -> None:
        try:
            self.connection.send_bytes(data)
        except OSError:
            pass  # it was killed, which shows when its answer is read

    def killed(self, task: str) -> AscError:
        code = self.end()
        how = f"was killed ({signal.Signals(-code).name})" if code < 0 else "ended"
        return AscError(
            f"A worker process {how} while it was at {task}. Usually the memory was"
            " used up: run the same command again with fewer --jobs. What is finished"
            " is kept."
        )

    def end(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        try:
            return self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def serve(handle: int) -> None:
    """Work for the process at the other end of a connection, in a process of its own.

    What comes is the names of modules, the work, and one task after the other.
    """
    connection = Connection(handle)
    received: SimpleQueue[bytes] = SimpleQueue()

    def receive() -> None:
        try:
            while True:
                received.put(connection.recv_bytes())
        except (EOFError, OSError):  # the other end has closed it, or was killed
            os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    answer: tuple[Any, Exception | None]
    work = None
    try:
        for name in pickle.loads(received.get()):
            import_module(name)
        work = pickle.loads(received.get())
    except Exception as error:  # noqa: BLE001 - told where it can be shown
        answer = None, error
    while True:
        task = pickle.loads(received.get())
        if work is not None:
            try:
                answer = work(task), None
            except Exception as error:  # noqa: BLE001 - raised at the other end
                answer = None, error
        try:
            connection.send(answer)
        except OSError:
            os._exit(0)
