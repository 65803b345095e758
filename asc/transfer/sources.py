"""Where a file can be pulled from: folders, web servers, and what fsspec knows."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from asc.errors import InputError, MissingInputError, UsageError
from asc.text import printable
from asc.transfer.http import HttpFile
from asc.transfer.locations import Unreachable, local_path, reason, shown
from asc.transfer.records import Version

CHUNK = 1 << 20
#: The version of a file, the first byte that is sent, and the bytes from there.
Opened = AbstractContextManager[tuple[Version, int, Iterator[bytes]]]
#: Names of the time of change in the listings of file systems.
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "created")


class Source(Protocol):
    """A file somewhere; its text is its location as it may be shown."""

    def version(self) -> Version:
        """Return what identifies this version of the file."""

    def open(self, start: int) -> Opened:
        """Open the file at a byte, or at 0 if that is not possible."""


def source(url: str) -> Source:
    """Return the source that a URL or a path names."""
    path = local_path(url)
    if path is not None:
        return LocalFile(path)
    if urlsplit(url).scheme in ("http", "https"):
        return HttpFile(url)
    return FsspecFile(url)


def filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path on it.

    Raises
    ------
    UsageError
        If fsspec or its package for this kind of URL is not installed.
    """
    try:
        import fsspec
    except ImportError:
        raise UsageError(
            f"{shown(url)} needs fsspec, which is not installed. Install it with: pip"
            " install 'asc[remote]'"
        ) from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(f"Cannot use {shown(url)}: {reason(error)}.") from None
    except Exception as error:  # every backend raises errors of its own
        raise Unreachable(f"Cannot reach {shown(url)}: {reason(error)}.") from error
    return system, path


class LocalFile:
    """A file on a disk of this machine or of the network."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return printable(str(self.path))

    def version(self) -> Version:
        """Return size and time of change."""
        if self.path.is_dir():
            raise InputError(f"{self} is a folder. Name the store in it.")
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise MissingInputError(
                f"There is no store at {self}: no such file."
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"Cannot read {self}: {reason(error)}.") from None
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{self} is not a file. A device or a pipe may never end.")
        return Version(modified=str(status.st_mtime_ns), bytes=status.st_size)

    @contextmanager
    def open(self, start: int) -> Iterator[tuple[Version, int, Iterator[bytes]]]:
        """Open the file at a byte."""
        yield self.version(), start, self._chunks(start)

    def _chunks(self, start: int) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                while chunk := file.read(CHUNK):
                    yield chunk
        except OSError as error:
            raise InputError(f"Cannot read {self}: {reason(error)}.") from error


class FsspecFile:
    """A file on a file system that fsspec knows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.system, self.path = filesystem(url)

    def __str__(self) -> str:
        return shown(self.url)

    def version(self) -> Version:
        """Return what the file system lists about the file."""
        try:
            # Listings may be cached from before the file was changed.
            self.system.invalidate_cache()
            listed = self.system.info(self.path)
        except Exception as error:  # every backend raises errors of its own
            raise self._failure(error) from error
        if listed.get("type") == "directory":
            raise InputError(f"{self} is a folder. Name the store in it.")
        etags = [str(listed[key]) for key in ("ETag", "etag") if listed.get(key)]
        times = [str(listed[key]) for key in _MODIFIED if listed.get(key)]
        return Version(
            etags[0] if etags else None, times[0] if times else None, listed.get("size")
        )

    @contextmanager
    def open(self, start: int) -> Iterator[tuple[Version, int, Iterator[bytes]]]:
        """Open the file at a byte."""
        yield self.version(), start, self._chunks(start)

    def _chunks(self, start: int) -> Iterator[bytes]:
        try:
            with self.system.open(self.path, "rb") as file:
                file.seek(start)
                while chunk := file.read(CHUNK):
                    yield chunk
        except Exception as error:  # every backend raises errors of its own
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> InputError:
        if isinstance(error, FileNotFoundError):
            return MissingInputError(f"Cannot read {self}: {reason(error)}.")
        if isinstance(error, PermissionError):
            return InputError(f"Cannot read {self}: {reason(error)}.")
        return Unreachable(f"Cannot reach {self}: {reason(error)}.")
