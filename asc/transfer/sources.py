"""Where a store is pulled from: folders, http, and whatever fsspec knows.

All of them tell the same facts about a file (``etag``, ``modified``,
``bytes``; None where one is not known) and send it from any byte on.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from asc.errors import InputError, UsageError
from asc.text import printable

Facts = dict[str, Any]
#: Facts about the file, first byte that will be sent, and the bytes.
Sent = tuple[Facts, int, Iterator[bytes]]

CHUNK = 1 << 20
#: Of a connection that breaks, the last piece is lost: it must be small.
_HTTP_CHUNK = 1 << 16
#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT = (10, 60)
#: A checksum file is one short line.
_MOST_CHECKSUM_BYTES = 4096
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "created")


class Unreachable(InputError):
    """The other end does not answer; what is already here may do instead."""


class Source(Protocol):
    """A file somewhere."""

    def facts(self) -> Facts:
        """Return what tells this version of the file from another."""

    def open(self, start: int) -> Sent:
        """Send the file from a byte on, or from 0 if it cannot be cut."""

    def beside(self, suffix: str) -> bytes | None:
        """Return the beginning of the file with this suffix; None if none."""


def shown(url: str) -> str:
    """Return a URL as it may be printed: no credentials, no query, no controls."""
    url = re.sub(r"(://)[^/?#]*@", r"\1", url)
    return printable(re.sub(r"\?.*", "?...", url, flags=re.DOTALL))


def name_of(url: str) -> str:
    """Return the file name in a URL as a name that is harmless on any disk."""
    path = url if local_path(url) else urlsplit(url).path
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", unquote(path).rpartition("/")[2])
    name = name[-80:].lstrip(".-") or "store"
    # A fixed ending tells stores from their records.
    return name if name.endswith(".h5") else name + ".h5"


def cache_name(url: str) -> str:
    """Return the name of the copy of a URL: a hash of the URL, and its file name."""
    if (path := local_path(url)) is not None:
        url = str(path.absolute())
    # Without credentials: a name must not help to guess them.
    bare = re.sub(r"(://)[^/?#]*@", r"\1", url)
    digest = hashlib.sha256(bare.encode(errors="surrogatepass")).hexdigest()
    return f"{digest[:12]}-{name_of(url)}"


def local_path(url: str) -> Path | None:
    """Return the path of a plain path or a ``file://`` URL; None for any other."""
    if "://" not in url:
        return Path(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"{shown(url)} is not a URL.") from None
    if parts.scheme != "file":
        return None
    if parts.netloc not in ("", "localhost"):
        raise UsageError(
            f"{shown(url)} names a host. A file on this machine or on a network disk"
            " is file:///path, or the path alone."
        )
    return Path(unquote(parts.path))


def source(url: str) -> Source:
    """Return the source that a URL or a path means."""
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
        If fsspec or its part for this kind of URL is not installed.
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
        raise UsageError(f"Cannot use {shown(url)}: {_words(error)}.") from None
    except Exception as error:  # every backend raises errors of its own
        raise Unreachable(f"Cannot reach {shown(url)}: {_words(error)}.") from error
    return system, path


class LocalFile:
    """A file on a disk of this machine or of the network."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return printable(str(self.path))

    def facts(self) -> Facts:
        """Return size and time of change."""
        if self.path.is_dir():
            raise InputError(f"{self} is a folder; name the store in it.")
        try:
            status = self.path.stat()
        except (OSError, ValueError) as error:
            raise InputError(f"There is no store at {self}: {_words(error)}.") from None
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{self} is not a file; a device or a pipe may never end.")
        modified = str(status.st_mtime_ns)
        return {"etag": None, "modified": modified, "bytes": status.st_size}

    def open(self, start: int) -> Sent:
        """Send the file."""
        return self.facts(), start, self._chunks(start)

    def _chunks(self, start: int) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                while chunk := file.read(CHUNK):
                    yield chunk
        except OSError as error:
            raise InputError(f"Cannot read {self}: {_words(error)}.") from error

    def beside(self, suffix: str) -> bytes | None:
        """Return the beginning of the file with this suffix."""
        try:
            with open(f"{self.path}{suffix}", "rb") as file:
                return file.read(_MOST_CHECKSUM_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"Cannot read {self}{suffix}: {_words(error)}.") from error


class FsspecFile:
    """A file on a file system that fsspec knows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.system, self.path = filesystem(url)

    def __str__(self) -> str:
        return shown(self.url)

    def facts(self) -> Facts:
        """Return what the file system tells about the file."""
        try:
            # Listings may be remembered from before the file was changed.
            self.system.invalidate_cache()
            told = self.system.info(self.path)
        except Exception as error:  # every backend raises errors of its own
            raise self._failure(error) from error
        if told.get("type") == "directory":
            raise InputError(f"{self} is a folder; name the store in it.")
        times = [str(told[key]) for key in _MODIFIED if told.get(key)]
        return {
            "etag": told.get("ETag") or told.get("etag"),
            "modified": times[0] if times else None,
            "bytes": told.get("size"),
        }

    def open(self, start: int) -> Sent:
        """Send the file."""
        return self.facts(), start, self._chunks(self.path, start)

    def _chunks(self, path: str, start: int, size: int = CHUNK) -> Iterator[bytes]:
        try:
            with self.system.open(path, "rb") as file:
                file.seek(start)
                while chunk := file.read(size):
                    yield chunk
        except Exception as error:  # every backend raises errors of its own
            raise self._failure(error) from error

    def beside(self, suffix: str) -> bytes | None:
        """Return the beginning of the file with this suffix."""
        try:
            if not self.system.exists(self.path + suffix):
                return None
        except Exception as error:  # every backend raises errors of its own
            raise self._failure(error) from error
        return next(self._chunks(self.path + suffix, 0, _MOST_CHECKSUM_BYTES), b"")

    def _failure(self, error: Exception) -> InputError:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            return InputError(f"Cannot read {self}: {_words(error)}.")
        return Unreachable(f"Cannot reach {self}: {_words(error)}.")


class HttpFile:
    """A file on a web server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return shown(self.url)

    def facts(self) -> Facts:
        """Return what the headers tell about the file."""
        with self._answer("HEAD", self.url) as answer:
            if answer.status_code not in (403, 405, 501):
                return self._facts(answer)
        # Some servers, and URLs signed for reading, allow nothing but GET.
        with self._answer("GET", self.url) as answer:
            return self._facts(answer)

    def open(self, start: int) -> Sent:
        """Send the file; from 0 if the server does not know ranges."""
        ranges = {"Range": f"bytes={start}-"} if start else {}
        answer = self._answer("GET", self.url, ranges)
        if answer.status_code == 416:  # it is shorter than that by now
            answer.close()
            answer = self._answer("GET", self.url)
        facts = self._facts(answer)
        if answer.status_code != 206:
            return facts, 0, self._chunks(answer)
        told = answer.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", told)
        if not match or int(match[1]) != start:
            answer.close()
            raise InputError(
                f"{self} answers with the range {printable(told)!r}, asked for"
                f" {start}-. Its server is at fault; copy the store in another way."
            )
        return facts | {"bytes": int(match[2])}, start, self._chunks(answer)

    def beside(self, suffix: str) -> bytes | None:
        """Return the beginning of the file with this suffix in its path."""
        parts = urlsplit(self.url)
        url = parts._replace(path=parts.path + suffix, fragment="").geturl()
        with self._answer("GET", url) as answer:
            # Servers that want nothing guessed refuse what they do not have.
            if 400 <= answer.status_code < 500 and answer.status_code != 429:
                return None
            self._facts(answer)
            return next(self._chunks(answer), b"")[:_MOST_CHECKSUM_BYTES]

    def _answer(self, method: str, url: str, headers: dict | None = None) -> Any:
        import requests  # it takes a moment

        try:
            return requests.request(
                method,
                url,
                # Compressed on the way, a file could not be cut at a byte.
                headers={"Accept-Encoding": "identity"} | (headers or {}),
                stream=True,
                timeout=_TIMEOUT,
                allow_redirects=True,
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            raise Unreachable(f"Cannot reach {self}: {_words(error)}.") from error
        except (requests.RequestException, ValueError) as error:
            kind = type(error).__name__
            raise InputError(f"Cannot read {self}: it is refused ({kind}).") from None

    def _facts(self, answer: Any) -> Facts:
        code = answer.status_code
        if code == 429 or code >= 500:
            answer.close()
            raise Unreachable(f"Cannot read {self}: the server answers {code}.")
        if code not in (200, 206):
            answer.close()
            why = {
                401: "a name and a password are needed",
                403: "access is refused",
                404: "there is no such file",
                410: "it is there no more",
            }.get(code, "which was not expected")
            raise InputError(f"Cannot read {self}: the server answers {code}, {why}.")
        length = answer.headers.get("Content-Length", "")
        return {
            "etag": answer.headers.get("ETag"),
            "modified": answer.headers.get("Last-Modified"),
            "bytes": int(length) if length.isdecimal() else None,
        }

    def _chunks(self, answer: Any) -> Iterator[bytes]:
        import requests

        try:
            with answer:
                yield from answer.iter_content(_HTTP_CHUNK)
        except requests.RequestException as error:
            raise Unreachable(f"The connection to {self} was cut off.") from error


def _words(error: BaseException) -> str:
    """Return why something failed, in a few words without credentials.

    The system's own words for it are the innermost of a chain of exceptions.
    """
    found = ""
    link: BaseException | None = error
    text = printable(re.sub(r"(://)[^/?#\s]*@", r"\1", str(error)))
    while link is not None:
        if isinstance(link, OSError) and link.strerror:
            found = printable(str(link.strerror))
        link = link.__cause__ or link.__context__
    if found:
        return found[0].lower() + found[1:]
    if isinstance(error, FileNotFoundError):
        return "no such file"
    # Exceptions of requests tell the whole URL, with its query.
    if type(error).__module__.startswith("requests") or not text:
        return type(error).__name__
    return text[:200].rstrip(". ")


def sync(path: Path) -> None:
    """Have what was written to a file or a folder survive a crash."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
