"""Pushing and pulling: resumed, checked, and never in another's way."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import h5py
import pytest

from asc.errors import AscError, Busy, InputError, StoreError, UsageError
from asc.locking import locked
from asc.store import FeatureStore
from asc.transfer import stores
from asc.transfer.cache import cached, clean, parse_size
from asc.transfer.download import beside
from asc.transfer.locations import Unreachable, cache_name, shown
from asc.transfer.stores import pull, push, resolve


@pytest.fixture
def web(web, small_store: Path):
    """Serve `small_store` as ``s.h5``."""
    web.files["/s.h5"] = small_store.read_bytes()
    return web


def names(folder: Path) -> list[str]:
    return sorted(re.sub("^[0-9a-f]{12}-", "", path.name) for path in folder.iterdir())


def checksum(data: bytes) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()}  s.h5\n".encode()


def flipped(store: Path, copy: Path) -> bytes:
    """Return the bytes of a store with one byte of a feature changed."""
    with h5py.File(store, "r") as file:
        offset = file["features/mel"].id.get_offset()
    data = bytearray(store.read_bytes())
    data[offset + 300] ^= 1
    return bytes(data)


# Over http


def test_a_pull_is_checked_placed_and_recorded(web, small_store, own_cache):
    web.files["/s.h5.sha256"] = checksum(web.files["/s.h5"])
    calls = []
    path = pull(web.url + "/s.h5", progress=lambda *call: calls.append(call))
    assert path.parent == own_cache / "downloads"
    assert path.read_bytes() == small_store.read_bytes()
    assert FeatureStore(path).digest == FeatureStore(small_store).digest
    assert names(path.parent) == ["s.h5", "s.h5.json"]
    size = small_store.stat().st_size
    assert calls[-1] == (size, size)


def test_an_unchanged_store_is_not_sent_again(web):
    first = pull(web.url + "/s.h5")
    web.asked.clear()
    assert pull(web.url + "/s.h5") == first
    assert web.asked == [("HEAD", "/s.h5", None)]


def test_a_changed_store_is_sent_again(web, small_store, tiny_store):
    url = web.url + "/s.h5"
    assert FeatureStore(pull(url)).digest == FeatureStore(small_store).digest
    web.files["/s.h5"] = tiny_store.read_bytes()
    assert FeatureStore(pull(url)).digest == FeatureStore(tiny_store).digest
    # What has no validators cannot be known to be unchanged.
    web.validators = False
    pull(url), pull(url)
    assert len(web.downloads()) == 4


def test_a_connection_that_is_cut_is_continued(web, small_store):
    web.cut = len(web.files["/s.h5"]) // 3 // 500 * 500 + 500
    assert pull(web.url + "/s.h5").read_bytes() == small_store.read_bytes()
    cut = web.cut
    assert web.downloads() == [None, f"bytes={cut}-", f"bytes={2 * cut}-"]


def test_a_pull_that_gives_up_or_is_interrupted_is_continued(web, small_store):
    url, web.cuts = web.url + "/s.h5", [5000, 0]
    with pytest.raises(InputError, match="rerun the same command") as caught:
        pull(url)
    assert caught.value.exit_code == 3
    assert [(e.bytes, e.complete) for e in cached()] == [(5000, False)]
    web.asked.clear()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(url, progress=interrupt)
    assert pull(url).read_bytes() == small_store.read_bytes()
    assert web.downloads()[0] == "bytes=5000-"
    assert len(cached()) == 1


@pytest.mark.parametrize("when", ["between two pulls", "within one", "and shorter"])
def test_a_store_that_changed_since_the_cut_starts_anew(web, tiny_store, when):
    other = tiny_store.read_bytes()
    if when == "and shorter":
        web.files["/s.h5"], other = other, web.files["/s.h5"]
    url = web.url + "/s.h5"
    web.cuts = [len(web.files["/s.h5"]) - 100 if when == "and shorter" else 1000]

    def change() -> None:
        web.files["/s.h5"] = other

    if when == "between two pulls":
        web.cuts.append(0)
        with pytest.raises(InputError):
            pull(url)
        change()
    else:
        web.then = change
    assert pull(url).read_bytes() == other


def test_a_server_that_refuses_head(web):
    web.head = 405
    assert len(FeatureStore(pull(web.url + "/s.h5"))) == 24


@pytest.mark.parametrize("how", ["checksum", "row", "no store", "empty", "partial"])
def test_damage_is_refused_and_deleted(web, own_store, own_cache, how):
    if how == "checksum":
        web.files["/s.h5.sha256"] = checksum(b"something else")
    elif how == "row":
        web.files["/s.h5"] = flipped(own_store, own_store)
    elif how == "partial":
        with h5py.File(own_store, "r+") as file:
            file.attrs.modify("complete", 0)
        web.files["/s.h5"] = own_store.read_bytes()
    else:
        web.files["/s.h5"] = b"not HDF5" if how == "no store" else b""
    with pytest.raises(StoreError, match="deleted") as caught:
        pull(web.url + "/s.h5")
    said = {"checksum": "SHA-256", "row": "the data was changed", "partial": "complete"}
    assert said.get(how, "not an HDF5 file") in str(caught.value)
    assert names(own_cache / "downloads") == []
    assert cached() == []


def test_a_page_in_place_of_a_checksum_is_none(web):
    web.files["/s.h5.sha256"] = b"<html>Not found, but with code 200</html>"
    assert pull(web.url + "/s.h5").is_file()


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 451])
def test_a_checksum_that_the_server_refuses_is_none(web, code):
    web.codes["/s.h5.sha256"] = code
    assert pull(web.url + "/s.h5").is_file()


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_checksum_that_cannot_be_had_now_is_waited_for(web, code):
    web.codes["/s.h5.sha256"] = code
    with pytest.raises(Unreachable, match=f"answers {code}"):
        pull(web.url + "/s.h5")
    assert [entry.complete for entry in cached()] == [False]
    del web.codes["/s.h5.sha256"]
    assert pull(web.url + "/s.h5").is_file()
    assert web.downloads() == [None]


def test_a_full_disk_is_not_the_fault_of_the_input(web, monkeypatch):
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stores, "download", full)
    with pytest.raises(AscError, match="The disk of .* is full") as caught:
        pull(web.url + "/s.h5")
    assert caught.value.exit_code == 1


def test_what_cannot_be_reached_is_one_sentence(web):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/s.h5"
        for url, why in (
            (web.url + "/none.h5", "404, there is no such file"),
            (nobody, "refused"),
            ("http://nowhere.invalid/s.h5", "Cannot reach"),
            ("http:///s.h5", "InvalidURL"),
            ("http://a b/\n\x1b[31m.h5", "Cannot"),
        ):
            with pytest.raises(InputError, match=why) as caught:
                pull(url)
            text = str(caught.value)
            assert caught.value.exit_code == 3
            assert text.isprintable() and text.endswith("."), text


def test_without_a_network_the_copy_is_used(web, caplog):
    url = web.url + "/s.h5"
    path = pull(url)
    web.head = 503
    assert pull(url) == path
    assert "copy in the cache is used" in caplog.text


def test_two_processes_pull_at_the_same_time(web, tmp_path, own_cache):
    program = (
        "import sys; from asc.transfer.stores import pull; print(pull(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, web.url + "/s.h5"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert told[0] == told[1]
    assert web.downloads() == [None]
    assert names(own_cache / "downloads") == ["s.h5", "s.h5.json"]


def test_the_second_waits_for_the_first(web, monkeypatch, own_cache):
    target = own_cache / "downloads" / cache_name(web.url + "/s.h5")
    target.parent.mkdir(parents=True)
    results = []
    with locked(target):
        waiting = threading.Thread(
            target=lambda: results.append(pull(web.url + "/s.h5"))
        )
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and web.downloads() == []
        with pytest.raises(Busy), locked(target):
            pass
    waiting.join(20)
    assert results == [target]


# What a URL may do


@pytest.mark.parametrize(
    "end",
    [
        "/../../../etc/passwd",
        "/..%2f..%2fx.h5",
        "/..",
        "/",
        "",
        "/a.h5?name=../../b&token=1",
        "/%00\x1b[31m%0a.h5",
        "/.hidden.json",
        "/s.h5.json",
        "/" + "long" * 200 + ".h5",
        "/\udc80\u202e.h5",
    ],
)
def test_names_stay_in_the_cache(end):
    name = cache_name("http://host" + end)
    assert re.fullmatch(r"[0-9a-f]{12}-[A-Za-z0-9_][A-Za-z0-9._-]*\.h5", name)
    assert len(name) < 110
    assert name != cache_name("http://other" + end)


def test_credentials_are_not_shown(web, caplog):
    secret = web.url.replace("//", "//me:s3cret@")
    with pytest.raises(InputError) as caught:
        pull(secret + "/none.h5?signature=s3cret")
    assert "s3cret" not in str(caught.value)
    web.files["/s.h5?token=s3cret"] = web.files["/s.h5"]
    path = pull(secret + "/s.h5?token=s3cret")
    assert [entry.url for entry in cached()] == [web.url + "/s.h5?..."]
    assert "s3cret" not in (path.parent / (path.name + ".json")).read_text()
    with pytest.raises(InputError) as caught:
        pull("http://me:s3cret@127.0.0.1:1/s.h5?token=s3cret")
    assert "s3cret" not in str(caught.value)
    assert shown("s3://key:s3cret@host/a\x1b") == "s3://host/a\\x1b"
    assert shown("http://me:s3 cret@host/a") == "http://host/a"


# Folders


def test_to_a_folder_and_back(small_store, tmp_path):
    shared = tmp_path / "shared"
    place = push(small_store, f"{shared}/")
    assert place == str(shared / "small.h5")
    assert names(shared) == ["small.h5", "small.h5.sha256"]
    told = (shared / "small.h5.sha256").read_text()
    assert told.encode() == checksum(small_store.read_bytes()).replace(
        b"s.h5", b"small.h5"
    )
    for url in (place, f"file://{place}"):
        path = pull(url)
        assert path.read_bytes() == small_store.read_bytes()
    assert push(small_store, f"file://{shared}") == place  # replaces it


def test_a_push_to_a_folder_is_continued(tiny_store, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "CHUNK", 100_000)

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    target = tmp_path / "t.h5"
    with pytest.raises(KeyboardInterrupt):
        push(tiny_store, target, progress=interrupt)
    part = tmp_path / "t.h5.part"
    assert not target.exists() and part.exists()
    data = bytearray(part.read_bytes())
    data[200_000] ^= 1  # and what differs is written again
    part.write_bytes(data + bytes(10_000_000))
    push(tiny_store, target)
    assert target.read_bytes() == tiny_store.read_bytes()
    assert names(tmp_path) == ["t.h5", "t.h5.sha256"]


def test_what_cannot_be_pushed(own_store, tmp_path):
    with pytest.raises(UsageError, match="no uploads"):
        push(own_store, "https://me:s3cret@host/")
    with pytest.raises(UsageError, match="itself"):
        push(own_store, own_store.parent)
    with pytest.raises(InputError, match="Cannot write"):
        push(own_store, own_store / "below" / "a file")
    with pytest.raises(InputError, match="no such file"):
        push(tmp_path / "none.h5", tmp_path / "x.h5")
    with h5py.File(own_store, "r+") as file:
        file["rows/digest_mel"][0, 0] ^= 1
    with pytest.raises(StoreError, match="damaged"):
        push(own_store, tmp_path / "x.h5")
    with h5py.File(own_store, "r+") as file:
        file.attrs.modify("complete", 0)
    with pytest.raises(StoreError, match="not complete"):
        push(own_store, tmp_path / "x.h5")
    assert names(tmp_path) == ["own.h5"]


def test_what_cannot_be_pulled_from_a_disk(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        pull(tmp_path / "none.h5")
    with pytest.raises(InputError, match="folder"):
        pull(tmp_path)
    with pytest.raises(InputError, match="not a file"):
        pull("/dev/zero")
    with pytest.raises(UsageError, match="names a host"):
        pull("file://server/share/s.h5")
    with pytest.raises(UsageError, match="not a URL"):
        pull("http://[::1/s.h5")


def test_resolve_pulls_urls_alone(web, small_store):
    assert resolve(small_store) == small_store
    assert resolve(str(small_store)) == small_store
    assert resolve(f"file://{small_store}") == small_store
    assert cached() == []
    assert resolve(web.url + "/s.h5") == cached()[0].path


def test_a_store_that_can_only_be_read(own_store):
    folder = own_store.parent / "disk"
    folder.mkdir()
    path = Path(shutil.move(own_store, folder))
    path.chmod(0o444)
    folder.chmod(0o555)
    try:
        store = FeatureStore(path)
        assert store.features("mel")[:].any()
        assert not store.features("mel").flags.writeable
        assert os.listdir(folder) == ["own.h5"]  # no lock beside it
    finally:
        folder.chmod(0o755)


# Through fsspec


def test_through_fsspec_and_back(small_store, tiny_store):
    fsspec = pytest.importorskip("fsspec")
    folder = f"memory://{uuid.uuid4().hex}/stores"
    place = push(small_store, folder + "/")
    assert place == folder + "/small.h5"
    system, path = fsspec.core.url_to_fs(folder)
    assert [Path(p).name for p in sorted(system.ls(path, detail=False))] == [
        "small.h5",
        "small.h5.sha256",
    ]
    assert push(small_store, folder) == place  # a folder that is there
    first = pull(place)
    assert first.read_bytes() == small_store.read_bytes()
    changed = first.stat().st_mtime_ns
    assert pull(place).stat().st_mtime_ns == changed  # not sent again
    push(tiny_store, place)
    assert pull(place).read_bytes() == tiny_store.read_bytes()
    system.pipe(path + "/small.h5.sha256", b"0" * 64)
    system.pipe(path + "/small.h5", small_store.read_bytes())
    with pytest.raises(StoreError, match="SHA-256"):
        pull(place)
    for url in (folder + "/none.h5", folder):
        with pytest.raises(InputError):
            pull(url)


def test_without_fsspec_a_sentence_tells_the_command(small_store, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for call in (lambda: pull("s3://a/b.h5"), lambda: push(small_store, "s3://a/b")):
        with pytest.raises(
            UsageError, match=r"pip install 'acoustic-scenes\[remote\]'"
        ):
            call()


def test_a_kind_of_url_that_nobody_knows():
    pytest.importorskip("fsspec")
    with pytest.raises(UsageError, match="nonsense"):
        pull("nonsense://me:s3cret@host/s.h5")


# The cache


@pytest.fixture
def three(web, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return three pulled stores, the first two used in reverse order."""
    paths = []
    for number in range(3):
        web.files[f"/{number}.h5"] = web.files["/s.h5"]
        paths.append(pull(f"{web.url}/{number}.h5"))
    for path, time in zip(paths, (2000, 1000, 3000), strict=True):
        os.utime(beside(path, ".json"), (time, time))
    return paths


def test_the_list_is_in_the_order_of_use(web, three):
    assert [e.path for e in cached()] == [three[1], three[0], three[2]]
    assert {e.bytes for e in cached()} == {len(web.files["/s.h5"])}
    pull(f"{web.url}/1.h5")
    assert cached()[-1].path == three[1]


def test_cleaning_begins_with_what_was_not_used_longest(web, three):
    size = len(web.files["/s.h5"])
    assert clean() == [] and clean(3 * size) == []
    assert [e.path for e in clean(2 * size)] == [three[1]]
    with locked(three[0]):  # another process is pulling it
        assert [e.path for e in clean(everything=True)] == [three[2]]
    assert [e.path for e in cached()] == [three[0]]
    (three[0].parent / "notes.json").write_text("{}")  # somebody else's
    clean(everything=True)
    assert names(three[0].parent) == ["notes.json"]


def test_the_limit_is_kept_after_each_pull(web, three, monkeypatch):
    size = len(web.files["/s.h5"])
    monkeypatch.setenv("ASC_CACHE_LIMIT", f"{2 * size}")
    newest = pull(web.url + "/s.h5")
    assert {e.path for e in cached()} == {three[2], newest}
    monkeypatch.setenv("ASC_CACHE_LIMIT", "1 kB")
    other = pull(web.url + "/0.h5")
    assert [e.path for e in cached()] == [other]
    monkeypatch.setenv("ASC_CACHE_LIMIT", "much")
    with pytest.raises(UsageError, match="ASC_CACHE_LIMIT must be a size.*'much'"):
        pull(web.url + "/s.h5")


@pytest.mark.parametrize(
    ("text", "size"),
    [("20GB", 20 * 10**9), ("1.5 TiB", 3 * 2**39), ("500 mb", 5 * 10**8), ("7", 7)],
)
def test_sizes(text, size):
    assert parse_size(text, "x") == size


def test_a_broken_record_is_as_none(web):
    path = pull(web.url + "/s.h5")
    for text in ("{", "[]", json.dumps({"url": 3, "size": "x"})):
        beside(path, ".json").write_text(text)
        assert len(cached()) == 1
        assert pull(web.url + "/s.h5") == path
    assert len(web.downloads()) == 4
