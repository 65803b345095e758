"""Reading what others wrote, and writing whole files or none."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import re
import shutil
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from asc.errors import InputError, MissingInputError
from asc.text import megabytes, printable, printable_lines

_READ = os.O_RDONLY | os.O_CLOEXEC
#: Bytes of a JSON file that does not grow with clips or epochs.
_RECORD_BYTES = 1 << 22
#: Characters that are shown of what is wrong with a file.
_MOST_REASON = 500
#: Lists and objects inside one another in JSON. Python writes no more than some 300.
_MOST_LEVELS = 100
#: Lists and objects of one JSON file.
_MOST_LISTS = 1_000_000


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
        An untrusted folder with the file in it. No symbolic link below it is followed.
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


def error_number(error: OSError) -> int:
    """Return the number of an error of the operating system, 0 if there is none."""
    # HDF5 sets no errno, but its message has the number.
    found = re.search(r"errno = (\d{1,3})\b", str(error))
    return error.errno or (int(found[1]) if found else 0)


def reason(error: BaseException) -> str:
    """Return the reason of an error of the operating system in a few words."""
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "it is a symbolic link"
    if isinstance(error, OSError) and error_number(error):
        return os.strerror(error_number(error)).lower()
    return printable(str(error)) or type(error).__name__


def damaged(path: Path, error: BaseException | str, advice: str = "") -> InputError:
    """Return the error for a file whose content is not what it should be."""
    text = (error if isinstance(error, str) else reason(error)).rstrip(".")
    text = text[:_MOST_REASON]
    name = printable(os.fspath(path))
    # What reading it has raised names it already.
    start = "" if text.startswith(name) else f"{name} is damaged: "
    return InputError(f"{start}{text}. {advice}".rstrip())


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
        # A file may grow while it is read.
        size = os.fstat(file.fileno()).st_size
        try:
            data = b"" if size > limit else _read_up_to(file, limit + 1)
        except OSError as error:
            raise InputError(f"{name} cannot be read: {reason(error)}.") from error
    if max(size, len(data)) > limit:
        raise _too_large(name, max(size, len(data)), limit)
    return data


def _too_large(name: str, size: int, limit: int) -> InputError:
    return InputError(
        f"{name} is too large. Got {megabytes(size)}, expected at most"
        f" {megabytes(limit)}."
    )


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
            f" cannot be decoded. Save it as UTF-8."
        ) from error


def read_lines(
    path: str | os.PathLike[str],
    *,
    limit: int,
    longest: int = 1 << 20,
    root: str | os.PathLike[str] | None = None,
) -> Iterator[str]:
    """Yield the lines of UTF-8 text with their ends, without holding all of them.

    Parameters
    ----------
    path, limit, root
        See `read_bytes`.
    longest : int
        Most characters of a line.
    """
    name = printable(os.fspath(path))
    with open_regular(path, root=root) as file:
        if (size := os.fstat(file.fileno()).st_size) > limit:
            raise _too_large(name, size, limit)
        number = file.fileno()
        try:
            with open(number, encoding="utf-8-sig", newline="", closefd=False) as text:
                while line := text.readline(longest + 1):
                    if len(line) > longest:
                        raise InputError(
                            f"{name} has a line of more than {longest:,} characters."
                        )
                    yield line
        except UnicodeDecodeError as error:
            raise InputError(f"{name} is not UTF-8 text.") from error
        except OSError as error:
            raise InputError(f"{name} cannot be read: {reason(error)}.") from error


def read_json(
    path: str | os.PathLike[str],
    *,
    limit: int = _RECORD_BYTES,
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
    # An empty list of two characters takes thirty times as much memory.
    if text.count("[") + text.count("{") > _MOST_LISTS:
        raise ValueError("it has too many lists and objects")
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


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make a folder so that it is complete or not there, whatever happens.

    Parameters
    ----------
    path : Path
        Nothing may be there; what is, is left as it is.

    Yields
    ------
    tmp_path : Path
        The folder to fill, beside it. It is renamed after the block, and removed if
        the block fails.
    """
    tmp_path = path.with_name(f"{path.name}.new-{os.getpid()}")
    shutil.rmtree(tmp_path, ignore_errors=True)  # of a process that was killed
    try:
        tmp_path.mkdir(parents=True)
        yield tmp_path
        for folder, _, names in os.walk(tmp_path):
            for name in (*names, os.curdir):
                _fsync(Path(folder, name))
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "", os.fspath(path))
        os.rename(tmp_path, path)
        _fsync(path.parent)
    except BaseException:
        shutil.rmtree(tmp_path, ignore_errors=True)
        raise


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


def log_line(path: Path, text: str) -> None:
    """Add a line with the time to a text file, a regular one that no link leads to."""
    line = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    with opened_to_write(path, flags) as descriptor:
        data = printable_lines(line) + "\n"
        with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
            file.write(data)


@contextmanager
def opened_to_write(path: Path, flags: int) -> Iterator[int]:
    """Yield the descriptor of a regular file that is not a link; made if not there."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    except OSError as error:
        # What a link, a folder, and a pipe or socket give.
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        is_link = error.errno == errno.ELOOP
        kind = "is a symbolic link" if is_link else "is not a regular file"
        raise _not_written(path, kind) from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _not_written(path, "is not a regular file")
        if facts.st_nlink > 1:
            kind = "has a second name (a hard link), and writing would change both"
            raise _not_written(path, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def _not_written(path: Path, kind: str) -> InputError:
    name = printable(os.fspath(path))
    return InputError(f"{name} {kind}. Remove it and run the command again.")


def check_no_links(path: Path, root: Path) -> None:
    """Check that a place below a folder is reached without a link.

    It need not exist. What is read and written there then is in the folder, whoever
    has made the folder.

    Raises
    ------
    InputError
        If it is outside the folder, or one of its parts is a symbolic link.
    """
    parts = path.relative_to(root).parts
    place = root
    for part in parts:
        place /= part
        if part == os.pardir:
            raise InputError(f"{printable(str(path))} is outside {root}.")
        if place.is_symlink():
            raise InputError(
                f"{printable(str(place))} is a symbolic link, which is not followed."
            )


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the names of folders, with parents where names are equal."""
    names = [""] * len(folders)
    for depth in range(1, max(len(folder.parts) for folder in folders) + 1):
        ends = ["/".join(folder.parts[-depth:]) for folder in folders]
        count = Counter(ends)
        names = [
            name or (end if count[end] == 1 else "")
            for name, end in zip(names, ends, strict=True)
        ]
    return names
