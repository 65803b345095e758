"""One writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asc.errors import Busy, InputError


@contextmanager
def writing(
    target: Path, *, lock: Path | None = None, wait: bool = False
) -> Iterator[None]:
    """Hold the right to write a file or a folder.

    The operating system drops the lock when its holder dies, so a stale lock
    file stops nobody.

    Parameters
    ----------
    target : Path
    lock : Path, optional
        Where the lock lies while it is held; beside the target, as ``TARGET.lock``, if
        not given.
    wait : bool
        Wait for another holder instead of giving up.

    Raises
    ------
    Busy
        If another process holds it; the message names host and process.
    InputError
        If the lock is a link, which could lead to any file of this user.
    """
    path = lock or target.with_name(target.name + ".lock")
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise InputError(
                f"{path} is a link, and a lock is none. Remove it and call again."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace")
            # Others can write to it too, and it reaches a terminal.
            holder = "".join(c if c.isprintable() else " " for c in holder).strip()
            os.close(descriptor)
            raise Busy(
                f"{target} is being written by {holder or 'another process'}. Wait for"
                " it, or write somewhere else."
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
