"""Memory for batches, which is reused."""

from __future__ import annotations

import mmap
import weakref

import numpy as np


class BufferPool:
    """Arrays of up to some shape whose memory is reused when nothing refers to them.

    The system clears every page of fresh memory, which costs more than writing a batch.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._bytes = max(1, int(np.prod(shape)) * self._dtype.itemsize)
        self._free: list[mmap.mmap] = []

    def take(self, length: int) -> np.ndarray:
        """Return an uninitialised array with a number of rows.

        It begins at a page, so TensorFlow takes it without a copy.
        """
        try:
            memory = self._free.pop()
        except IndexError:
            memory = self._create()
        array = np.frombuffer(memory, self._dtype)
        # Every view of the array holds it, so this happens after the last one.
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array.reshape(self._shape)[:length]

    def _create(self) -> mmap.mmap:
        return mmap.mmap(-1, self._bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
