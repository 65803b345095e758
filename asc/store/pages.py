"""The memory that mapped arrays of a store occupy."""

from __future__ import annotations

import mmap

import numpy as np


def release_pages(rows: np.ndarray) -> None:
    """Advise the OS to drop the resident pages of a memory map (MADV_DONTNEED).

    Reading them again is cheap while they stay in the page cache of the OS. Without
    this, a process that reads a whole store counts as holding all of it. Arrays that
    are not memory maps stay as they are.
    """
    memory = getattr(rows, "_mmap", None)
    if memory is not None and hasattr(mmap, "MADV_DONTNEED"):
        memory.madvise(mmap.MADV_DONTNEED)
