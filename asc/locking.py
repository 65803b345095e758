"""One writer at a time."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from asc.disk import writing_to
from asc.errors import Busy, InputError
from asc.files import opened_to_write
from asc.text import printable


@contextmanager
def locked(
    target: Path, *, lock_path: Path | None = None, wait: bool = False
) -> Iterator[Callable[[], None]]:
    """Hold the right to write a file or a folder.

    The operating system releases the lock when its holder dies, so a stale lock
    file stops nobody.

    Parameters
    ----------
    target : Path
    lock_path : Path, optional
        The lock file, which exists while the lock is held; ``TARGET.lock`` beside the
        target if not given.
    wait : bool
        Wait for another holder instead of giving up.

    Yields
    ------
    check : callable
        Raises InputError if the lock file was removed since, and so perhaps the target.

    Raises
    ------
    Busy
        If another process holds it; the message names host and process.
    InputError
        If the lock file cannot be written, or is not a regular file, such as a
        symbolic link, which could lead to any file.
    """
    path = lock_path or target.with_name(target.name + ".lock")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    with ExitStack() as stack:
        while True:
            with writing_to(target):
                descriptor = stack.enter_context(opened_to_write(path, flags))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                # Others can write to it too, and it reaches a terminal.
                holder = printable(os.read(descriptor, 200).decode(errors="replace"))
                raise Busy(
                    f"{target} is being written by"
                    f" {holder.strip() or 'another process'}. Wait for it, or write"
                    " somewhere else."
                ) from None
            # The last holder may have removed the file between the two calls.
            if _is_at(descriptor, path):
                break
            stack.close()

        def check() -> None:
            if not _is_at(descriptor, path):
                raise InputError(
                    f"{target} was removed or replaced while it was written."
                )

        try:
            with writing_to(target):
                holder = f"process {os.getpid()} on {socket.gethostname()}"
                os.ftruncate(descriptor, 0)
                os.write(descriptor, holder.encode())
            yield check
        finally:
            if _is_at(descriptor, path):  # else it is the lock of another process
                with suppress(OSError):
                    path.unlink()


def _is_at(descriptor: int, path: Path) -> bool:
    """Return True if an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False
