"""One writer at a time."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asc.errors import Busy


@contextmanager
def writing(store: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the right to write a store.

    The operating system drops the lock when its holder dies, so a stale lock
    file stops nobody.

    Parameters
    ----------
    store : Path
        The lock lies beside it, as ``STORE.lock``, while it is held.
    wait : bool
        Wait for another holder instead of giving up.

    Raises
    ------
    Busy
        If another process holds it; the message names host and process.
    """
    path = store.with_name(store.name + ".lock")
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip()
            os.close(descriptor)
            raise Busy(
                f"{store} is being written by {holder or 'another process'}. Wait for"
                " it, or write to another file."
            ) from None
        except BaseException:  # an interruption of the wait
            os.close(descriptor)
            raise
        # The last holder may have removed the file between the two calls.
        try:
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                break
        except FileNotFoundError:
            pass
        os.close(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        os.write(
            descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode()
        )
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
