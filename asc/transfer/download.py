"""Downloading a file, resumed after any interruption.

A record beside a copy, ``NAME.json``, names the version that it is of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asc.disk import check_free_space
from asc.errors import InputError
from asc.files import write_json
from asc.transfer.locations import Unreachable
from asc.transfer.sources import Source, Version

Progress = Callable[[int, int], None]

#: New versions that may appear during one download.
_MOST_VERSIONS = 5


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that belongs to another one."""
    return path.with_name(path.name + suffix)


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a copy; empty if it is missing or unreadable."""
    try:
        record = json.loads(beside(path, ".json").read_text("utf-8"))
    except (OSError, ValueError):
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


def download(
    source: Source,
    part_path: Path,
    *,
    version: Version | None = None,
    verified: bool = False,
    most: int | None = None,
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
        If the source cannot be read, is larger than `most`, or keeps changing.
    AscError
        If the disk has too little room.
    """
    recorded = recorded_version(part_path)
    version = version or recorded
    if not (
        recorded.is_surely(version) or (verified and not recorded.differs(version))
    ):
        remove_with_record(part_path)
    versions = 1
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
                if not start:
                    part_path.write_bytes(b"")
                    write_record(part_path, version, url=str(source))

                def received(size: int, total: int | None = total) -> None:
                    _check_size(source, part_path, size, most)
                    if progress is not None:
                        progress(size, total or size)

                _append(part_path, start, chunks, received)
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
        if _size(part_path) <= held:
            raise Unreachable(
                f"{failure} What was received is kept; rerun the same command to"
                " resume."
            ) from failure
    raise InputError(f"{source} changes while it is read. Rerun when it is complete.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(
    path: Path, start: int, chunks: Iterator[bytes], received: Callable[[int], None]
) -> None:
    """Write chunks from a byte on, and report the size after each one."""
    with open(path, "ab") as file:
        file.truncate(start)
        for chunk in chunks:
            file.write(chunk)
            received(file.tell())
        file.flush()
        os.fsync(file.fileno())


def _check_size(source: Source, part_path: Path, size: int, most: int | None) -> None:
    if most is not None and size > most:
        remove_with_record(part_path)
        raise InputError(
            f"{source} is too large. Got {size:,} bytes or more, expected at most"
            f" {most:,}. The download was deleted; check the address."
        )
