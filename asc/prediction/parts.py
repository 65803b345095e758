"""Parts of files, several windows each, decoded and transformed in joblib threads.

A file is decoded by one thread at a time, but the features of one of its parts are
computed while the next part is decoded. So a long file keeps all threads busy, as many
short ones do. A task takes several short files: handing one out costs a tenth of what
the features of a short file cost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from itertools import count, takewhile
from threading import Condition, Semaphore

import numpy as np

from asc import environment, parallel
from asc.prediction.reading import Reading

#: Windows of a task: those of a file are in memory as audio.
_PART = 8
#: Tasks whose parts may wait for the model, beside one for each thread.
_WAITING = 4

#: A file, the number of the first window of the part, and the features of all.
Part = tuple[Reading, int, list[np.ndarray]]


def compute_parts(
    readings: Iterable[Reading], feature: Callable[[np.ndarray], np.ndarray]
) -> Generator[Part, None, None]:
    """Yield the parts of files in any order.

    Memory is flat: the threads stop while several parts were not asked for.

    Parameters
    ----------
    readings : iterable of Reading
    feature : callable
        Returns the feature of a window [shape=(channels, spec.samples)].
    """
    jobs = environment.usable_cores()
    queue = _Queue(readings)
    room = Semaphore(jobs + _WAITING)

    def compute(_: int) -> list[Part]:
        room.acquire()
        found: list[Part] = []
        left = _PART
        while left > 0 and (reading := queue.take(wait=not found)):
            try:
                first, windows = reading.read(left)
            finally:
                queue.put_back(reading)
            found.append((reading, first, reading.compute(feature, first, windows)))
            left -= max(1, len(windows))
        if not found:
            room.release()
        return found

    tasks = takewhile(lambda _: not queue.ended, zip(count(), count(), strict=True))
    with closing(parallel.in_threads(compute, tasks, jobs=jobs)) as results:
        try:
            for parts in results:
                yield from parts
                if parts:
                    room.release()
        finally:  # threads that wait would not end
            queue.stop()
            room.release(jobs)


class _Queue:
    """Which file is read next: the first one that no other thread is reading."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self.ended = False
        self._changed = Condition()
        self._upcoming = iter(readings)
        self._begun: list[Reading] = []
        self._in_work: set[Reading] = set()

    def take(self, *, wait: bool) -> Reading | None:
        """Return a file that this thread may read; None if all have ended.

        Without `wait`, also None if others are reading all that have not.
        """
        with self._changed:
            while not self.ended:
                free = (each for each in self._begun if each not in self._in_work)
                reading = next(free, None)
                if reading is None and (reading := next(self._upcoming, None)):
                    self._begun.append(reading)
                if reading is not None:
                    self._in_work.add(reading)
                    return reading
                if not self._begun:
                    self.ended = True
                elif not wait:
                    break
                else:
                    self._changed.wait()
            return None

    def put_back(self, reading: Reading) -> None:
        """Let others read a file on, unless it has ended."""
        with self._changed:
            self._in_work.remove(reading)
            if reading.ended:
                self._begun.remove(reading)
            self._changed.notify_all()

    def stop(self) -> None:
        """Let no thread begin anything more."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()
