"""Memory for batches, which is used again when nobody holds it any more."""

from __future__ import annotations

import mmap
import weakref

import numpy as np


class BufferPool:
    """Arrays of one shape whose memory is used again when nobody holds it.

    Fresh memory of some megabytes costs more than writing a batch into it: the system
    hands it out page by page, and clears every page.

    Parameters
    ----------
    shape : tuple of int
        Of the largest array.
    dtype : np.dtype
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._bytes = max(1, int(np.prod(shape)) * self._dtype.itemsize)
        self._free: list[mmap.mmap] = []

    def take(self, length: int) -> np.ndarray:
        """Return an array with a given number of rows, and any values.

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
