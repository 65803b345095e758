"""Functions that Numba, which librosa brings along, compiles to machine code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function that is compiled when it is first called.

    For loops over cells that would take several passes as array operations. They write
    into given arrays and release the GIL. The machine code is cached on disk, so later
    processes only load it.
    """

    @cache
    def machine_code() -> Callable[..., None]:
        import numba

        try:
            return numba.njit(nogil=True, cache=True)(function)
        except RuntimeError:  # there is no folder that it may write to
            return numba.njit(nogil=True)(function)

    @wraps(function)
    def call(*arguments: Any) -> None:
        machine_code()(*arguments)

    return call
