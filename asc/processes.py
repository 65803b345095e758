"""What runs work beside this process, and how a worker process behaves."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import cache

from asc.errors import UsageError, unknown_name

#: What runs workers: processes of this machine, or a cluster.
BACKENDS = ("loky", "dask", "ray")


def check_backend(backend: str) -> None:
    """Raise UsageError if there is no such backend."""
    if backend not in BACKENDS:
        raise UsageError(unknown_name("backend", backend, BACKENDS))


@cache
def obey_parent() -> None:
    """Make this worker process end with its parent, and by nothing else.

    Ctrl-C reaches all processes of a terminal, but only the parent acts on it.
    A parent that is killed cannot tell its workers, so they look after it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def leave_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()
