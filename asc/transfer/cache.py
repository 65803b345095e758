"""The folder of pulled stores: what is in it, and how it is kept small.

Every copy has a record beside it (`asc.transfer.download`), whose modification time is
when the copy was last used.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asc.environment import cache_dir
from asc.errors import Busy, InputError, UsageError
from asc.locking import locked
from asc.transfer.download import beside, read_record, remove_with_record

#: Environment variable with the greatest size of all copies, such as ``20GB``.
LIMIT_VARIABLE = "ASC_CACHE_LIMIT"

_RECORD = re.compile(r"([0-9a-f]{12}-[A-Za-z0-9._-]+\.h5)(?:\.part)?\.json")
_UNITS = {
    unit: 1000**power for power, unit in enumerate(("", "k", "m", "g", "t"))
} | {f"{unit}i": 1024**power for power, unit in enumerate(("k", "m", "g", "t"), 1)}


@dataclass(frozen=True)
class CachedStore:
    """One store in the cache."""

    url: str  # where it came from, without credentials and query
    path: Path  # the copy
    bytes: int  # size on disk, with an unfinished download
    used: float  # when it was last used, in seconds since 1970
    complete: bool  # False if the download was interrupted; the next pull resumes it


def downloads(cache: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of pulled stores below a cache folder."""
    return Path(cache if cache is not None else cache_dir()) / "downloads"


def mark_used(path: Path) -> None:
    """Note that a copy is used now."""
    with suppress(OSError):  # the cache of somebody else may be read-only
        os.utime(beside(path, ".json"))


def cached(cache: str | os.PathLike[str] | None = None) -> list[CachedStore]:
    """Return the stores in a cache folder, least recently used first."""
    folder = downloads(cache)
    names: set[str] = set()
    if folder.is_dir():
        matches = map(_RECORD.fullmatch, os.listdir(folder))
        names = {match[1] for match in matches if match}
    entries = []
    for name in sorted(names):
        path = folder / name
        part = beside(path, ".part")
        records = _found(beside(path, ".json"), beside(part, ".json"))
        if records:  # else it was removed since the folder was listed
            url = (read_record(path) or read_record(part)).get("url", "unknown")
            size = sum(status.st_size for status in _found(path, part))
            used = max(status.st_mtime for status in records)
            entries.append(CachedStore(str(url), path, size, used, path.is_file()))
    return sorted(entries, key=lambda entry: (entry.used, entry.path))


def _found(*paths: Path) -> list[os.stat_result]:
    """Return the status of those files that are there."""
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            found.append(path.stat())
    return found


def clean(
    limit_bytes: int | None = None,
    everything: bool = False,
    *,
    keep: Path | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> list[CachedStore]:
    """Remove pulled stores, least recently used first, and return them.

    A store that another process is pulling stays. One that is being trained from is
    not known to be in use.

    Parameters
    ----------
    limit_bytes : int, optional
        Remove until at most this is left; by default the limit of the environment.
        Nothing is removed if there is none.
    everything : bool
        Remove all stores.
    keep : Path, optional
        A copy that stays in any case.
    cache : path-like, optional
        Cache folder; by default the one of the environment.
    """
    limit = cache_limit() if limit_bytes is None else limit_bytes
    if limit is None and not everything:
        return []
    entries = cached(cache)
    total = sum(entry.bytes for entry in entries)
    removed = []
    for entry in entries:
        if not everything and limit is not None and total <= limit:
            break
        if entry.path == keep:
            continue
        try:
            with locked(entry.path):
                discard(entry.path)
        except Busy:
            continue
        except OSError as error:
            raise InputError(
                f"Cannot remove {entry.path}: {error.strerror}. Is the cache writable?"
            ) from error
        total -= entry.bytes
        removed.append(entry)
    return removed


def discard(path: Path) -> None:
    """Remove a copy with all that belongs to it."""
    path.unlink(missing_ok=True)
    remove_with_record(beside(path, ".part"))
    beside(path, ".json").unlink(missing_ok=True)


def cache_limit() -> int | None:
    """Return the limit of the environment in bytes, if it has one."""
    text = os.environ.get(LIMIT_VARIABLE)
    return parse_size(text, LIMIT_VARIABLE) if text else None


def parse_size(text: str, what: str) -> int:
    """Return a size such as ``20GB``, ``1.5 TB`` or ``4096`` in bytes.

    Raises
    ------
    UsageError
        If it is not a size.
    """
    match = re.fullmatch(
        r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]i?)?b?\s*", text.lower()
    )
    if not match:
        raise UsageError(f"{what} must be a size such as 500MB or 20GB. Got {text!r}.")
    return int(float(match[1]) * _UNITS[match[2] or ""])
