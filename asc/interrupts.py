"""Ctrl-C and SIGTERM: postponed around foreign code, and kept from new processes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def postponed() -> Iterator[None]:
    """Let an interruption take effect after the block, not within it.

    For libraries that call back into Python, as libsndfile does to read: it drops an
    exception of the callback and reports a read error of the file.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs signal handlers in the main thread alone
        return
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    handlers: dict[int, Any] = {}
    for name in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(name)
        if callable(handler):
            handlers[name] = handler
            signal.signal(name, remember)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in received:
            handlers[number](number, None)


@contextmanager
def kept_from_children() -> Iterator[None]:
    """Keep Ctrl-C of a terminal from processes and threads started in the block.

    A terminal sends it to all processes. This one acts on it, after the block.
    """
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
