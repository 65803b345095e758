"""The one HTTP client: a file on a web server, sent from any byte on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from asc.errors import InputError, MissingInputError
from asc.transfer.locations import Unreachable, reason, shown
from asc.transfer.records import Version

if TYPE_CHECKING:
    import requests

#: Bytes. When a connection breaks, the last piece is lost: it must be small.
_CHUNK = 1 << 16
#: Status codes of a file that is not there. Some servers answer 403 for it.
_MISSING = (403, 404, 410)
#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT = (15, 60)
_MOST_REDIRECTS = 5
_MEANINGS = {
    401: ", a name and a password are needed",
    403: ", access is refused",
    404: ", there is no such file",
    410: ", the file was removed",
}


class HttpFile:
    """A file on a web server.

    Parameters
    ----------
    url : str
    """

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
    def open(self, start: int) -> Iterator[tuple[Version, int, Iterator[bytes]]]:
        """Open the file at a byte, or at 0 if the server has no such range.

        Yields
        ------
        version : Version
        start : int
            First byte that is sent.
        chunks : iterator of bytes
        """
        answer = self._request("GET", start)
        span = re.fullmatch(
            r"bytes (\*|\d+)(?:-\d+)?/(\d+)", answer.headers.get("Content-Range", "")
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
        try:
            with requests.Session() as session:
                session.max_redirects = _MOST_REDIRECTS
                return session.request(
                    method,
                    self.url,
                    headers=headers,
                    stream=True,
                    timeout=_TIMEOUT,
                    allow_redirects=True,
                )
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
        length = answer.headers.get("Content-Length", "")
        if total is None and length.isdecimal():
            total = int(length)
        headers = answer.headers
        return Version(headers.get("ETag"), headers.get("Last-Modified"), total)

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        import requests

        try:
            yield from answer.iter_content(_CHUNK)
        except requests.RequestException as error:
            raise Unreachable(f"The connection to {self} was interrupted.") from error
