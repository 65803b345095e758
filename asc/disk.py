"""Room on a disk, and what the errors of a disk mean."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asc.errors import AscError, InputError
from asc.files import error_number, reason
from asc.text import megabytes, printable


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


#: Errors that mean the same as a full disk, each with its sentence.
_FULL = {
    errno.ENOSPC: "The disk of {} is full.",
    errno.EDQUOT: "The disk quota for {} is used up.",
    errno.EFBIG: "{} would be larger than files may be here (ulimit -f).",
}


def is_full_disk(error: BaseException) -> bool:
    """Return True if there is no more room, whichever library wrote to the disk.

    A quota that is used up and a limit on the size of files count too.
    """
    return isinstance(error, OSError) and error_number(error) in _FULL


def disk_error(target: str | os.PathLike[str], error: OSError) -> AscError:
    """Return what an error of the operating system means for a file or folder.

    The one place where such errors become sentences.
    """
    name = printable(os.fspath(target))
    number = error_number(error)
    if number in _FULL:
        return AscError(_FULL[number].format(name))
    return InputError(f"Cannot write to {name}: {reason(error)}.")


def unexpected_error(error: OSError) -> InputError | None:
    """Return a sentence for an error that no step has expected, None without a reason.

    Whether the file was read or written is not known.
    """
    if not error_number(error):
        return None
    what = (
        f"use {printable(str(error.filename))}" if error.filename else "read or write"
    )
    found = InputError(f"Cannot {what}: {reason(error)}.")
    found.__notes__ = getattr(error, "__notes__", [])
    return found


@contextmanager
def writing_to(target: Path, advice: str = "") -> Iterator[None]:
    """Raise one sentence for what the disk refuses while a target is written.

    Errors of other files pass.

    Parameters
    ----------
    target : Path
        A file or folder.
    advice : str
        What to do about it, and what is kept.

    Raises
    ------
    InputError
        If it cannot be written: permission denied, a read-only disk, ...
    AscError
        If the disk is full.
    """
    try:
        yield
    except AscError:
        raise  # a missing input is an OSError, too
    except OSError as error:
        if not is_full_disk(error) and not _is_of(error.filename, target):
            raise
        gone = isinstance(error, FileNotFoundError) and not target.exists()
        name = printable(os.fspath(target))
        sentence = f"{name} was removed while it was written."
        found = InputError(sentence) if gone else disk_error(target, error)
        raise type(found)(f"{found} {advice}".rstrip()) from error


def _is_of(name: Any, target: Path) -> bool:
    """Return True for the target, what is in it, beside it as a helper, or above it."""
    if not isinstance(name, str):
        return name is None
    path, place = os.path.abspath(name), os.path.abspath(target)
    return path.startswith(os.path.splitext(place)[0]) or place.startswith(
        os.path.join(path, "")
    )


def check_writable(target: Path) -> None:
    """Raise InputError if a file or folder cannot be made there, before work for it."""
    place = target if target.is_dir() else target.parent
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    number = None
    if not place.is_dir():
        number = errno.ENOTDIR
    elif os.statvfs(place).f_flag & os.ST_RDONLY:
        number = errno.EROFS
    elif not os.access(place, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        raise disk_error(target, OSError(number, ""))
