"""Servers that lie, never end or hardly send: a sentence, little memory and disk."""

from __future__ import annotations

import gzip
import itertools
import os
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from asc.errors import InputError, StoreError
from asc.store import FeatureStore
from asc.transfer import sources
from asc.transfer.download import download
from asc.transfer.locations import Unreachable
from asc.transfer.sources import HttpFile
from asc.transfer.stores import pull, push

DATA = np.random.default_rng(0).bytes(40_000)
ENDLESS = itertools.repeat(bytes(1 << 16))


class Raw(socketserver.ThreadingTCPServer):
    """Answers every request with the pieces that a function gives, as they are."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str], Iterable[bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.answer, self.sent = answer, 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/s.h5"


class Connection(socketserver.StreamRequestHandler):
    server: Raw

    def handle(self) -> None:
        lines = iter(self.rfile.readline, b"\r\n")
        request = b"".join(lines).decode()
        try:
            for piece in self.server.answer(request):
                self.wfile.write(piece)
                self.server.sent += len(piece)
        except OSError:
            pass  # the client has seen enough


@pytest.fixture
def serve() -> Iterator[Callable]:
    """Return the function that starts a server, and gives it back."""
    with_threads = []

    def start(answer: Callable[[str], Iterable[bytes]]) -> Raw:
        server = Raw(answer)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with_threads.append((server, thread))
        return server

    yield start
    for server, thread in with_threads:
        server.shutdown()
        thread.join()
        server.server_close()


def ok(headers: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n".encode()


def unless_asked_for_other(request: str, *answer: bytes) -> Iterable[bytes]:
    """Answer a GET of the store; nothing else is there."""
    if not request.startswith("GET /s.h5 "):
        return [ok(status="404 Not found" if "sha256" in request else "405 No")]
    return answer


def kept(folder) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_redirect_whose_body_never_ends(serve):
    head = ok("Location: http://127.0.0.1:9/x\r\n", "302 Found")

    def answer(request):
        if request.startswith("HEAD"):
            return [ok(status="405 No")]
        return itertools.chain([head], ENDLESS)

    server = serve(answer)
    with pytest.raises(InputError, match="Cannot reach"):
        HttpFile(server.url).version()
    assert server.sent < 1 << 25  # what the buffers of the system take


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/x", "data:,x"])
def test_a_redirect_to_something_else(serve, target):
    server = serve(lambda request: [ok(f"Location: {target}\r\n", "302 Found")])
    with pytest.raises(InputError, match="which is not on the web"):
        HttpFile(server.url).version()


def test_an_answer_that_never_ends(serve, small_store, own_cache):
    """Neither does its header tell a length, nor does it stop behind the store."""
    data = small_store.read_bytes()

    def answer(request):
        return itertools.chain(unless_asked_for_other(request, ok(), data), ENDLESS)

    server = serve(answer)
    with pytest.raises(InputError, match="is too large"):
        pull(server.url)
    assert kept(own_cache) == 0
    assert server.sent < 1 << 25


def test_a_page_that_never_ends(serve, own_cache):
    def answer(request):
        return itertools.chain(unless_asked_for_other(request, ok()), ENDLESS)

    with pytest.raises(InputError, match="is too large.*at most 1,048,576"):
        pull(serve(answer).url)
    assert kept(own_cache) == 0


def test_an_answer_without_a_length(serve, small_store):
    """It ends with the connection, and so it may be cut off."""
    data = small_store.read_bytes()
    server = serve(lambda request: unless_asked_for_other(request, ok(), data))
    assert FeatureStore(pull(server.url)).digest == FeatureStore(small_store).digest
    server = serve(lambda request: unless_asked_for_other(request, ok(), data[:30_000]))
    with pytest.raises(StoreError, match="is damaged"):
        pull(server.url)


def test_bytes_behind_the_store(serve, small_store, own_cache):
    data = small_store.read_bytes() + b"x" * 1000
    head = ok(f"Content-Length: {len(data)}\r\n")
    server = serve(lambda request: unless_asked_for_other(request, head, data))
    with pytest.raises(InputError, match="is too large"):
        pull(server.url)
    assert kept(own_cache) == 0


def test_an_encoding_that_was_not_asked_for(serve, own_cache):
    body = gzip.compress(bytes(10_000_000))
    head = ok(f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n")
    server = serve(lambda request: unless_asked_for_other(request, head, body))
    with pytest.raises(InputError, match=r"encoded \(gzip\), though it was asked not"):
        pull(server.url)
    assert kept(own_cache) == 0


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "0x10", "²"])
def test_lengths_that_are_none(serve, length):
    head = ok(f"Content-Length: {length}\r\n").decode().encode("latin-1")
    server = serve(lambda request: [head])
    with pytest.raises(InputError, match="Content-Length is not a possible size"):
        HttpFile(server.url).version()


@pytest.mark.parametrize(
    "span",
    ["bytes 1000-39999/39999999", "bytes 1000-39999/" + "9" * 5000, "bytes 5-9/*", "x"],
)
def test_ranges_that_lie(serve, tmp_path, monkeypatch, span):
    """The rest of something else is never put behind what is there."""

    def answer(request):
        if "Range" in request:
            return [ok(f"Content-Range: {span}\r\n", "206 Partial"), DATA[1000:]]
        cut = DATA[: 1000 if not answered else None]
        answered.append(request)
        return [ok('ETag: "a"\r\nContent-Length: 40000\r\n'), cut]

    answered: list[str] = []
    part = tmp_path / "f.part"
    download(HttpFile(serve(answer).url), part)
    assert part.read_bytes() == DATA


def test_connections_that_break_before_a_piece_is_full(web, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_HTTP_CHUNK", 1 << 16)
    web.files["/f"], web.cut = DATA, 4096
    download(HttpFile(web.url + "/f"), tmp_path / "f.part")
    assert (tmp_path / "f.part").read_bytes() == DATA
    assert len(web.sent) == 10 and web.bytes_of("/f") == len(DATA)


@pytest.mark.parametrize("cut", [None, 100])
def test_a_server_that_hardly_sends(web, tmp_path, monkeypatch, cut):
    """In one connection or in many. What came is kept."""
    web.files["/f"], web.cut = DATA, cut
    clock = itertools.count(0, 25)
    with monkeypatch.context() as patch:
        patch.setattr(sources, "monotonic", lambda: next(clock))
        with pytest.raises(
            Unreachable, match="is too slow. Got .* bytes in 75 s"
        ) as told:
            download(HttpFile(web.url + "/f"), tmp_path / "f.part")
    assert told.value.exit_code == 3
    assert 0 < (tmp_path / "f.part").stat().st_size < len(DATA)
    web.cut = None
    download(HttpFile(web.url + "/f"), tmp_path / "f.part")
    assert (tmp_path / "f.part").read_bytes() == DATA
    assert web.downloads()[-1].startswith("bytes=")


@pytest.mark.parametrize("kind", ["symbolic", "hard", "pipe"])
def test_a_push_follows_no_link(small_store, tmp_path, kind):
    """Others may write to a shared folder."""
    folder, mine = tmp_path / "shared", tmp_path / "mine.txt"
    folder.mkdir()
    mine.write_text("mine")
    part = folder / (small_store.name + ".part")
    if kind == "symbolic":
        part.symlink_to(mine)
    elif kind == "hard":
        os.link(mine, part)
    else:
        os.mkfifo(part)
    place = push(small_store, folder)
    assert mine.read_text() == "mine"
    assert FeatureStore(place).digest == FeatureStore(small_store).digest


def test_a_download_follows_no_link(web, tmp_path):
    web.files["/f"] = DATA
    mine, part = tmp_path / "mine.txt", tmp_path / "f.part"
    mine.write_text("mine")
    part.symlink_to(mine)
    download(HttpFile(web.url + "/f"), part)
    assert (mine.read_text(), part.read_bytes()) == ("mine", DATA)
