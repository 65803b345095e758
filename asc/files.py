"""Reading what others wrote, atomic writes, free space on the disk, and locks."""

from __future__ import annotations

import csv
import errno
import fcntl
import json
import math
import os
import shutil
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from asc.errors import AscError, Busy, InputError, MissingInputError
from asc.text import megabytes, printable

_READ = os.O_RDONLY | os.O_CLOEXEC
#: Lists and objects inside one another in JSON. Python writes no more than some 300.
_MOST_LEVELS = 100


def open_regular(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> BinaryIO:
    """Open a file for reading, if it is a regular one.

    Opening a pipe could wait for ever, and reading a device could never end.

    Parameters
    ----------
    path : path-like
    root : path-like, optional
        A folder that may be a stranger's, with the file in it. No symbolic link below
        it is followed.
    name : str, optional
        What messages call the file; its path if not given.

    Returns
    -------
    file : BinaryIO
        The file, without a buffer of its own.

    Raises
    ------
    MissingInputError
        If it is not there.
    InputError
        If it is not a regular file, cannot be read, or is outside the root.
    """
    name = name or printable(os.fspath(path))
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        if root is None:
            descriptor = os.open(path, _READ | os.O_NONBLOCK)
        else:
            descriptor = _open_below(Path(root), Path(path))
    except (FileNotFoundError, NotADirectoryError):
        raise MissingInputError(f"{name} is not there.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read: {reason(error)}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{name} is not a regular file.")
    return open(descriptor, "rb", buffering=0)


def _open_below(root: Path, path: Path) -> int:
    """Open a path below a folder without following a link below it."""
    *folders, last = path.relative_to(root).parts
    if ".." in (*folders, last):
        raise InputError(f"{printable(str(path))} is outside {printable(str(root))}.")
    here = os.open(root, _READ | os.O_DIRECTORY)
    try:
        for name in folders:
            inner = os.open(name, _READ | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(last, _READ | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=here)
    finally:
        os.close(here)


def reason(error: BaseException) -> str:
    """Return the reason of an error of the operating system in a few words."""
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "it is a symbolic link"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return printable(str(error)) or type(error).__name__


def read_bytes(
    path: str | os.PathLike[str],
    *,
    limit: int,
    root: str | os.PathLike[str] | None = None,
) -> bytes:
    """Read a whole regular file of at most `limit` bytes.

    Raises
    ------
    InputError
        As `open_regular`, and if the file is larger; its size is known before it is
        read.
    """
    name = printable(os.fspath(path))
    with open_regular(path, root=root) as file:
        # The size that was told is not the end of a file that grows meanwhile.
        size = os.fstat(file.fileno()).st_size
        try:
            data = b"" if size > limit else _read_up_to(file, limit + 1)
        except OSError as error:
            raise InputError(f"{name} cannot be read: {reason(error)}.") from error
    if max(size, len(data)) > limit:
        raise InputError(
            f"{name} is too large. Got {megabytes(max(size, len(data)))}, expected at"
            f" most {megabytes(limit)}."
        )
    return data


def _read_up_to(file: BinaryIO, count: int) -> bytes:
    parts = []
    while count and (part := file.read(min(count, 1 << 24))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_text(
    path: str | os.PathLike[str],
    *,
    limit: int,
    root: str | os.PathLike[str] | None = None,
) -> str:
    """Read UTF-8 text, with or without a byte order mark, as `read_bytes` does."""
    data = read_bytes(path, limit=limit, root=root)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{printable(os.fspath(path))} is not UTF-8 text: byte {error.start:,}"
            f" cannot be decoded."
        ) from error


def read_json(
    path: str | os.PathLike[str],
    *,
    limit: int,
    root: str | os.PathLike[str] | None = None,
) -> Any:
    """Read JSON as `read_bytes` does; NaN and infinity are refused, as in the standard.

    Raises
    ------
    InputError
        As `read_bytes`, and if it is not JSON.
    """
    text = read_text(path, limit=limit, root=root)
    try:
        return parse_json(text)
    except ValueError as error:
        raise InputError(
            f"{printable(os.fspath(path))} is not JSON: {reason(error)}."
        ) from error


def parse_json(text: str) -> Any:
    """Return the value of JSON text, which can then be written as JSON again.

    Raises
    ------
    ValueError
        If it is not JSON as the standard has it, without NaN and infinity, or if
        lists and objects are nested too deeply.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    layer = [value]
    for _ in range(_MOST_LEVELS):
        layer = [
            inner
            for one in layer
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not layer:
            return value
    raise ValueError("it is nested too deeply")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Write a file so that it is complete or unchanged, whatever happens.

    Parameters
    ----------
    path : Path
    sync : bool
        False for many small files that are easily made again: faster, but a power cut
        may damage them.

    Yields
    ------
    tmp_path : Path
        The path to write to: beside the file, with the same suffix. It is renamed
        after the block, and removed if the block fails.
    """
    tmp_path = path.with_name(f"{path.stem}.new{path.suffix}")
    tmp_path.unlink(missing_ok=True)
    try:
        yield tmp_path
        if sync:
            fsync_and_rename(tmp_path, path)
        else:
            os.replace(tmp_path, path)
    except BaseException:
        tmp_path.unlink(missing_ok=True)
        raise


def fsync_and_rename(source: Path, target: Path) -> None:
    """Rename a file so that a power cut leaves it complete or not there."""
    _fsync(source)
    os.replace(source, target)
    _fsync(target.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with `replacing`."""
    with replacing(path) as tmp_path:
        tmp_path.write_text(text, "utf-8", newline="")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON with `replacing`."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write CSV with `replacing`."""
    with replacing(path) as tmp_path:
        with open(tmp_path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def free_space(target: Path) -> int:
    """Return the free bytes on the disk that a path is on, or will be on."""
    places = (target, *target.absolute().parents)
    return shutil.disk_usage(next(path for path in places if path.is_dir())).free


def check_free_space(target: Path, needed: int) -> None:
    """Raise AscError if the disk of a path has less free space than so many bytes."""
    free = free_space(target)
    if needed > free:
        raise AscError(
            f"Not enough space on the disk of {target}. Got {megabytes(free)} free,"
            f" expected {megabytes(needed)}. Free some space, or write to another disk."
        )


def is_full_disk(error: BaseException) -> bool:
    """Return True for the error of a full disk, whichever library wrote to it."""
    # HDF5 sets no errno, but its message has the number.
    return isinstance(error, OSError) and (
        error.errno == errno.ENOSPC or f"errno = {errno.ENOSPC}" in str(error)
    )


@contextmanager
def locked(
    target: Path, *, lock_path: Path | None = None, wait: bool = False
) -> Iterator[None]:
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

    Raises
    ------
    Busy
        If another process holds it; the message names host and process.
    InputError
        If the lock file is a symbolic link, which could lead to any file.
    """
    path = lock_path or target.with_name(target.name + ".lock")
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise InputError(
                f"{path} is a symbolic link; expected a regular lock file. Remove it"
                " and run the command again."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            # Others can write to it too, and it reaches a terminal.
            holder = printable(os.read(descriptor, 200).decode(errors="replace"))
            os.close(descriptor)
            raise Busy(
                f"{target} is being written by {holder.strip() or 'another process'}."
                " Wait for it, or write somewhere else."
            ) from None
        except BaseException:  # interrupted while waiting
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
