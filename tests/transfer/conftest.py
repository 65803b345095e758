"""A web server on the loopback device, which misbehaves on demand."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asc.transfer import sources


class Web(ThreadingHTTPServer):
    """Serves files from memory, and remembers what it was asked and sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []  # method, path, range
        self.sent: list[tuple[str, int, int]] = []  # path, first byte, bytes
        self.cut: int | None = None  # bytes after which every answer stops
        self.cuts: list[int] = []  # the same, for the next answers alone
        self.ranges = self.validators = True
        self.shift = 0  # bytes by which ranges are wrong
        self.head = 200
        self.codes: dict[str, int] = {}  # of answers to these paths
        self.then: Callable[[], None] = lambda: None  # once, after an answer

    def downloads(self) -> list[str | None]:
        """Return the ranges of all requests for the body of a file."""
        return [
            wanted
            for method, path, wanted in self.asked
            if method == "GET" and not path.endswith(".sha256")
        ]

    def bytes_of(self, path: str) -> int:
        return sum(count for sent, _, count in self.sent if sent == path)


class Handler(BaseHTTPRequestHandler):
    server: Web

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)
        if not self.path.endswith(".sha256"):
            then, self.server.then = self.server.then, lambda: None
            then()

    def answer(self, with_body: bool) -> None:
        web, wanted = self.server, self.headers.get("Range")
        web.asked.append((self.command, self.path, wanted))
        assert self.headers["Accept-Encoding"] == "identity"
        if self.path.startswith("/loop"):
            self.send_response(302)
            self.send_header("Location", self.path + "x")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path in web.codes:
            self.send_error(web.codes[self.path])
            return
        body = web.files.get(self.path)
        if body is None or (not with_body and web.head != 200):
            self.send_error(404 if body is None else web.head)
            return
        start = 0
        if wanted and web.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
        if start and start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        start += web.shift if start else 0
        self.send_header("Content-Length", str(len(body) - start))
        if web.validators:
            self.send_header("ETag", hashlib.md5(body).hexdigest())
        if wanted and web.ranges:
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.send_header("Content-Range", span)
        self.end_headers()
        if with_body:
            cut = web.cuts.pop(0) if web.cuts else web.cut
            part = body[start : None if cut is None else start + cut]
            web.sent.append((self.path, start, len(part)))
            self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache of its own, and no proxy."""
    monkeypatch.setenv("ASC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ASC_CACHE_LIMIT", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Return a server without files, to which connections break at 500 bytes."""
    monkeypatch.setattr(sources, "_HTTP_CHUNK", 500)
    server = Web()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
