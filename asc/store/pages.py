"""The memory that mapped arrays of a store take."""

from __future__ import annotations

import mmap

import numpy as np


def let_go(rows: np.ndarray) -> None:
    """Take the pages of a memory map out of this process.

    The system keeps them in its cache while it has room, so what is read again
    comes from there. Without this, a process that reads all of a store in the end
    counts as holding all of it. Other arrays stay as they are.
    """
    memory = getattr(rows, "_mmap", None)
    if memory is not None and hasattr(mmap, "MADV_DONTNEED"):
        memory.madvise(mmap.MADV_DONTNEED)
