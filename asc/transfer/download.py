"""Downloading a file, resumed after any interruption.

A record beside a copy, ``NAME.json``, names the version that it is of.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from asc.disk import check_free_space
from asc.errors import InputError
from asc.files import read_json, write_json
from asc.transfer.locations import Unreachable
from asc.transfer.sources import Pace, Source, TooSlow, Version

Progress = Callable[[int, int], None]

#: New versions that may appear during one download.
_MOST_VERSIONS = 5
#: Bytes of a record, at most.
_MOST_OF_RECORD = 100_000
#: Bytes at the start of a file that tell its size (`download`).
FIRST_BYTES = 64


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that belongs to another one."""
    return path.with_name(path.name + suffix)


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a copy; empty if it is missing or unreadable."""
    try:
        record = read_json(beside(path, ".json"), limit=_MOST_OF_RECORD)
    except InputError:
        return {}
    return record if isinstance(record, dict) else {}


def recorded_version(path: Path) -> Version:
    """Return the version that the record of a copy names."""
    record = read_record(path)
    etag, modified, size = (record.get(k) for k in ("etag", "modified", "bytes"))
    return Version(
        etag if isinstance(etag, str) else None,
        modified if isinstance(modified, str) else None,
        size if isinstance(size, int) else None,
    )


def write_record(path: Path, version: Version, **facts: object) -> None:
    """Write the record of a copy."""
    write_json(beside(path, ".json"), asdict(version) | facts)


def remove_with_record(path: Path) -> None:
    """Remove a copy and its record, which goes last."""
    path.unlink(missing_ok=True)
    beside(path, ".json").unlink(missing_ok=True)


def open_part(path: Path) -> BinaryIO:
    """Open an unfinished copy to write on, or begin one.

    Others may write to the same folder: a link, or a file with another name too, is
    replaced, and what it leads to stays as it is.
    """
    try:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
        facts = os.fstat(descriptor)
        if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
            return open(descriptor, "r+b")
        os.close(descriptor)
    except OSError:  # not there, or a link
        pass
    path.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return open(os.open(path, flags, 0o644), "r+b")


def download(
    source: Source,
    part_path: Path,
    *,
    version: Version | None = None,
    verified: bool = False,
    most: int | None = None,
    size_from: Callable[[bytes], int] | None = None,
    progress: Progress | None = None,
) -> Version:
    """Download a file to `part_path`, resuming after the bytes that are there.

    A record beside the part names its version, so bytes of two versions are never
    mixed. An interrupted connection is resumed for as long as each one brings
    something.

    Parameters
    ----------
    source : Source
    part_path : Path
        It stays after an interruption, for the next call.
    version : Version, optional
        What `source` has now, if the caller knows.
    verified : bool
        The caller verifies the file by a digest known beforehand. A part is then
        resumed also where the server names no version.
    most : int, optional
        Largest size in bytes; what is larger is deleted.
    size_from : callable(start), optional
        Returns the largest size as the file itself tells it in its first
        `FIRST_BYTES`, whatever the server says.
    progress : callable(done, total), optional
        Called with bytes.

    Returns
    -------
    Version
        What `part_path` holds.

    Raises
    ------
    Unreachable
        If there is no answer, or no more.
    InputError
        If the source cannot be read, is larger than it may be, or keeps changing.
    AscError
        If the disk has too little room.
    """
    recorded = recorded_version(part_path)
    version = version or recorded
    if not (
        recorded.is_surely(version) or (verified and not recorded.differs(version))
    ):
        remove_with_record(part_path)
    versions, pace = 1, Pace(source)
    while versions <= _MOST_VERSIONS:
        held = _size(part_path)
        if held and held == version.bytes:
            return version
        try:
            with source.open(held) as (sent, start, chunks):
                if sent.differs(version):
                    versions += 1
                    version = sent
                    if start:  # the rest of another version
                        remove_with_record(part_path)
                        continue
                version = sent if version == Version() else version
                total = version.bytes if sent.bytes is None else sent.bytes
                _check_size(source, part_path, total or 0, most)
                check_free_space(part_path, (total or start) - start)
                with open_part(part_path) as file:
                    file.truncate(start)
                    if not start:
                        write_record(part_path, version, url=str(source))
                    limit = total if most is None else most
                    own = None if size_from else limit
                    for chunk in chunks:
                        file.seek(0, os.SEEK_END)
                        file.write(chunk)
                        size = file.tell()
                        if own is None and size_from and size >= FIRST_BYTES:
                            file.seek(0)
                            own = size_from(file.read(FIRST_BYTES))
                            limit = own if limit is None else min(limit, own)
                            _check_size(source, part_path, total or 0, limit)
                            check_free_space(part_path, max(0, limit - size))
                        _check_size(source, part_path, size, limit)
                        if progress is not None:
                            progress(size, total or size)
                        pace.add(len(chunk))
                    file.flush()
                    os.fsync(file.fileno())
            if total is None or _size(part_path) == total:
                return version
            failure = Unreachable(f"{source} ended before all of it was sent.")
            # It may also be growing where it comes from.
            now = source.version()
            if now.differs(version):
                versions += 1
                version = now
                remove_with_record(part_path)
                continue
        except Unreachable as error:
            failure = error
        if _size(part_path) <= held or isinstance(failure, TooSlow):
            raise Unreachable(
                f"{failure} What was received is kept; rerun the same command to"
                " resume."
            ) from failure
    raise InputError(f"{source} changes while it is read. Rerun when it is complete.")


def _size(path: Path) -> int:
    """Return the size of an unfinished copy; 0 if it is missing, or a link."""
    return 0 if path.is_symlink() or not path.is_file() else path.stat().st_size


def _check_size(source: Source, part_path: Path, size: int, most: int | None) -> None:
    if most is not None and size > most:
        remove_with_record(part_path)
        raise InputError(
            f"{source} is too large. Got {size:,} bytes or more, expected at most"
            f" {most:,}. The download was deleted; check the address."
        )
