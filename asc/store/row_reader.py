"""Reading rows of a store by position, in blocks."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from asc.errors import InputError, StoreError
from asc.files import reason
from asc.store.schema import Array

#: Bytes of a block of rows.
_BLOCK_BYTES = 1 << 23


class RowReader:
    """Rows of one array of a store, read into memory when they are asked for.

    Where a memory map of a file that is cut off, or on a disk that fails, ends the
    process (SIGBUS), this raises an error. Nothing stays mapped, so the memory of the
    process does not grow with the rows that it has read. Threads may share it.

    Parameters
    ----------
    file : BinaryIO
        The open file, which may then be closed.
    path : Path
        Its path, for messages.
    array : Array
    """

    def __init__(self, file: BinaryIO, path: Path, array: Array) -> None:
        self._descriptor, self._path, self._array = keep_open(file, self), path, array
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return some rows [shape=(len(rows), ...)]."""
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        self.read(rows, out)
        return out

    def read(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Read rows into an array.

        Parameters
        ----------
        rows : np.ndarray [shape=(count,)]
        out : np.ndarray [shape=(count, ...)]
            Contiguous, of the dtype of the rows.

        Raises
        ------
        StoreError
            If the file was cut off.
        InputError
            If the disk fails.
        """
        view, size = out.reshape(-1).view(np.uint8).data, self._array.row_bytes
        # Neighbours in the file are read by one call.
        starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        firsts = (self._array.offset + rows[starts].astype(np.int64) * size).tolist()
        bounds = [*(starts * size).tolist(), len(view)]
        for place, first in enumerate(firsts):
            self._fill(view[bounds[place] : bounds[place + 1]], first)

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows and what they hold, some megabytes at a time."""
        count = max(1, _BLOCK_BYTES // max(1, self._array.row_bytes))
        for start in range(0, len(rows), count):
            block = rows[start : start + count]
            yield block, self[block]

    def _fill(self, view: memoryview, offset: int) -> None:
        while view:
            try:
                count = os.preadv(self._descriptor, [view], offset)
            except OSError as error:
                raise InputError(
                    f"{self._path} cannot be read: {reason(error)}."
                ) from error
            if not count:
                raise StoreError(f"{self._path} was cut off while it was read.")
            view, offset = view[count:], offset + count


def keep_open(file: BinaryIO, owner: object) -> int:
    """Return a descriptor of an open file, which is closed when its owner is gone."""
    descriptor = os.dup(file.fileno())
    weakref.finalize(owner, os.close, descriptor)
    return descriptor
