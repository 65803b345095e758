"""Where a file can be pulled from: folders, web servers, and what fsspec knows."""

from __future__ import annotations

import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from asc.environment import install_command
from asc.errors import InputError, MissingInputError, UsageError
from asc.text import printable
from asc.transfer.locations import Unreachable, local_path, reason, shown

if TYPE_CHECKING:
    import requests

#: Bytes that are read at a time.
CHUNK = 1 << 20
#: The same over HTTP, at most: what has come is never waited with.
_HTTP_CHUNK = 1 << 16
#: A source must bring so many bytes in so many seconds, over all its connections.
_LEAST_BYTES, _WINDOW = 60_000, 60.0
#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT = (15, 60)
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
#: Status codes of a file that is not there. Some servers answer 403 for it.
_MISSING = (403, 404, 410)
_MEANINGS = {
    401: ", a name and a password are needed",
    403: ", access is refused",
    404: ", there is no such file",
    410: ", the file was removed",
}
#: Names of the time of change in the listings of file systems.
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class Version:
    """What identifies a version of a file; None where it is unknown."""

    etag: str | None = None  # as HTTP defines it
    modified: str | None = None  # the time of change, in any form
    bytes: int | None = None  # size of the file

    def differs(self, other: Version) -> bool:
        """Return True if they are surely two versions."""
        mine, theirs = asdict(self), asdict(other)
        return any(
            mine[name] and theirs[name] and mine[name] != theirs[name] for name in mine
        )

    def is_surely(self, other: Version) -> bool:
        """Return True if they are surely one version: a size alone proves nothing."""
        return bool(self.etag or self.modified) and self == other


class TooSlow(Unreachable):
    """A source that sends so slowly that waiting makes no sense."""


class Pace:
    """Counts what a source sends, and gives up on one that is far too slow."""

    def __init__(self, origin: Source) -> None:
        self._origin, self._last = origin, monotonic()
        self._bytes, self._seconds = 0, 0.0

    def add(self, count: int) -> None:
        """Count bytes that came now.

        Raises
        ------
        TooSlow
            If hardly anything came for a while.
        """
        # Longer than that, this process slept, and not the server.
        now = monotonic()
        self._seconds += min(now - self._last, _TIMEOUT[1])
        self._last, self._bytes = now, self._bytes + count
        if self._seconds < _WINDOW:
            return
        if self._bytes < _LEAST_BYTES:
            raise TooSlow(
                f"{self._origin} is too slow. Got {self._bytes:,} bytes in"
                f" {self._seconds:.0f} s, expected {_LEAST_BYTES:,} at least. Try again"
                " later."
            )
        self._bytes, self._seconds = 0, 0.0


#: The version of a file, the first byte that is sent, and the bytes from there.
Opened = tuple[Version, int, Iterator[bytes]]


class Source(ABC):
    """A file somewhere; its text is its location as it may be shown."""

    @abstractmethod
    def version(self) -> Version:
        """Return what identifies this version of the file."""

    @abstractmethod
    def open(self, start: int) -> AbstractContextManager[Opened]:
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
            f"{shown(url)} needs fsspec, which is not installed. Install it with:"
            f" {install_command('remote')}"
        ) from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(f"Cannot use {shown(url)}: {reason(error)}.") from None
    except Exception as error:  # every backend raises errors of its own
        raise Unreachable(f"Cannot reach {shown(url)}: {reason(error)}.") from error
    return system, path


class _SeekableFile(Source):
    """A file that can be read from any byte on."""

    @contextmanager
    def open(self, start: int) -> Iterator[Opened]:
        yield self.version(), start, self._chunks(start)

    def _chunks(self, start: int) -> Iterator[bytes]:
        try:
            with self._file() as file:
                file.seek(start)
                while chunk := file.read(CHUNK):
                    yield chunk
        except Exception as error:  # every backend raises errors of its own
            raise self._failure(error) from error

    def _file(self) -> Any:
        raise NotImplementedError

    def _failure(self, error: Exception) -> InputError:
        missing = isinstance(error, FileNotFoundError)
        kind = MissingInputError if missing else InputError
        return kind(f"Cannot read {self}: {reason(error)}.")


class LocalFile(_SeekableFile):
    """A file on a disk of this machine or of the network."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return printable(str(self.path))

    def version(self) -> Version:
        """Return size and time of change."""
        try:
            status = self.path.stat()
        except (OSError, ValueError) as error:
            raise self._failure(error) from None
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{self} is a folder. Name the store in it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{self} is not a file. A device or a pipe may never end.")
        return Version(modified=str(status.st_mtime_ns), bytes=status.st_size)

    def _file(self) -> Any:
        return open(self.path, "rb")


class FsspecFile(_SeekableFile):
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

        def first(*keys: str) -> str | None:
            return next((str(listed[key]) for key in keys if listed.get(key)), None)

        return Version(first("ETag", "etag"), first(*_MODIFIED), listed.get("size"))

    def _file(self) -> Any:
        return self.system.open(self.path, "rb")

    def _failure(self, error: Exception) -> InputError:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            return super()._failure(error)
        return Unreachable(f"Cannot reach {self}: {reason(error)}.")


class HttpFile(Source):
    """A file on a web server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return shown(self.url)

    def version(self) -> Version:
        """Return the version that the headers name."""
        with self._request("HEAD") as answer:
            if answer.status_code not in (403, 405, 501):
                return self._version(answer)
        # Some servers, and URLs signed for reading, allow nothing but GET.
        with self._request("GET") as answer:
            return self._version(answer)

    @contextmanager
    def open(self, start: int) -> Iterator[Opened]:
        """Open the file at a byte, or at 0 if the server has no such range."""
        answer = self._request("GET", start)
        span = re.fullmatch(
            r"bytes (\*|[0-9]{1,18})(?:-[0-9]{1,18})?/([0-9]{1,18})",
            answer.headers.get("Content-Range", ""),
        )
        total = int(span[2]) if span else None
        if answer.status_code == 416 and total == start:  # nothing is missing
            answer.close()
            yield Version(bytes=total), start, iter(())
            return
        if start and (answer.status_code == 206 and span and span[1] == str(start)):
            version = self._version(answer, total)
        else:
            if answer.status_code in (206, 416):  # a range that was not asked for
                answer.close()
                answer = self._request("GET")
            version, start = self._version(answer), 0
        with answer:
            yield version, start, self._chunks(answer)

    def _request(self, method: str, start: int = 0) -> requests.Response:
        import requests  # it takes a moment

        # Compressed content could not be resumed at a byte.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        url = self.url
        try:
            with requests.Session() as session:
                # By hand: even without following it, requests reads the body of a
                # redirect, which may never end.
                session.resolve_redirects = lambda *_, **__: iter(())  # type: ignore
                for _ in range(_MOST_REDIRECTS + 1):
                    answer = session.request(
                        method,
                        url,
                        headers=headers,
                        stream=True,
                        timeout=_TIMEOUT,
                        allow_redirects=False,
                    )
                    target = session.get_redirect_target(answer)
                    if answer.status_code not in _REDIRECTS or target is None:
                        return answer
                    answer.close()
                    url = urljoin(url, target)
                    if urlsplit(url).scheme not in ("http", "https"):
                        raise InputError(
                            f"Cannot read {self}: it leads to {shown(url)}, which is"
                            " not on the web."
                        )
            raise InputError(
                f"Cannot read {self}: it redirects more than {_MOST_REDIRECTS} times."
            )
        except InputError:  # a ValueError, too
            raise
        except requests.Timeout as error:
            raise Unreachable(f"Cannot reach {self}: no answer in time.") from error
        except requests.exceptions.SSLError as error:
            raise Unreachable(
                f"Cannot reach {self}: the secure connection failed."
            ) from error
        except requests.ConnectionError as error:
            raise Unreachable(f"Cannot reach {self}: {reason(error)}.") from error
        except (requests.RequestException, ValueError) as error:
            kind = type(error).__name__
            raise InputError(f"Cannot read {self}: {kind}.") from None

    def _version(self, answer: requests.Response, total: int | None = None) -> Version:
        code = answer.status_code
        if code not in (200, 206):
            answer.close()
            text = f"Cannot read {self}: the server answers {code}"
            if code == 429 or code >= 500:
                raise Unreachable(f"{text}.")
            kind = MissingInputError if code in _MISSING else InputError
            raise kind(f"{text}{_MEANINGS.get(code, '')}.")
        headers = answer.headers
        encoding = headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            answer.close()
            raise InputError(
                f"Cannot read {self}: the server sends it encoded"
                f" ({printable(encoding)[:40]}), though it was asked not to. Compressed"
                " answers may be of any size; change the server."
            )
        length = headers.get("Content-Length")
        if length is not None and not re.fullmatch(r"[0-9]{1,18}", length):
            answer.close()
            raise InputError(
                f"Cannot read {self}: its Content-Length is not a possible size. Got"
                f" {printable(length)[:40]!r}."
            )
        if total is None and length is not None:
            total = int(length)
        return Version(headers.get("ETag"), headers.get("Last-Modified"), total)

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError

        try:
            # What has come is there even if the connection breaks after it.
            while chunk := answer.raw.read1(_HTTP_CHUNK, decode_content=False):
                yield chunk
        except (HTTPError, OSError, ValueError) as error:
            if isinstance(error, InputError):  # of whoever takes the chunks
                raise
            raise Unreachable(f"The connection to {self} was interrupted.") from error
