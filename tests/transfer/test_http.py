"""The client for files on web servers: resumed, bounded, and never mixed."""

from __future__ import annotations

import shutil
import socket

import numpy as np
import pytest

from asc.errors import AscError, InputError, MissingInputError
from asc.transfer.download import beside, download, read_record, recorded_version
from asc.transfer.locations import Unreachable, with_suffix
from asc.transfer.sources import HttpFile, Version

DATA = np.random.default_rng(0).bytes(40_000)
OTHER = np.random.default_rng(1).bytes(30_000)


@pytest.fixture
def part(tmp_path):
    return tmp_path / "f.part"


@pytest.fixture
def file(web):
    """Return a file of 40,000 bytes on a server."""
    web.files["/f"] = DATA
    return HttpFile(web.url + "/f")


def test_a_file_and_its_record(file, part):
    seen = []
    version = download(file, part, progress=lambda *at: seen.append(at))
    assert part.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA)) and seen == sorted(seen)
    assert version == file.version() and version.bytes == len(DATA)
    assert recorded_version(part) == version
    assert read_record(part)["url"] == str(file)


def test_a_complete_part_is_not_sent_again(file, part, web):
    version = download(file, part)
    web.sent.clear()
    assert download(file, part, version=version) == version
    assert download(file, part) == version  # the record alone knows it
    assert web.sent == []


def test_every_connection_that_brings_something_is_followed_by_another(file, part, web):
    web.cut = 1000
    download(file, part)
    assert part.read_bytes() == DATA
    assert len(web.sent) == 40 and web.bytes_of("/f") == len(DATA)


def test_one_that_brings_nothing_ends_it_and_the_next_call_resumes(file, part, web):
    web.cuts = [1500, 0]
    with pytest.raises(Unreachable, match="rerun the same command to resume") as caught:
        download(file, part)
    assert caught.value.exit_code == 3
    assert part.stat().st_size == 1500
    download(file, part)
    assert part.read_bytes() == DATA
    assert web.downloads() == [None, "bytes=1500-", "bytes=1500-"]


def test_an_interrupt_keeps_what_was_received(file, part, web):
    def interrupt(done: int, total: int) -> None:
        if done >= 2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(file, part, progress=interrupt)
    assert part.stat().st_size == 2000
    download(file, part)
    assert part.read_bytes() == DATA
    assert web.downloads()[-1] == "bytes=2000-"


@pytest.mark.parametrize("shift", [-100, 100])
def test_a_range_that_was_not_asked_for_is_not_used(file, part, web, shift):
    web.cuts, web.shift = [1000], shift
    download(file, part)
    assert part.read_bytes() == DATA


def test_without_ranges_it_starts_again(file, part, web):
    web.cuts, web.ranges = [1000], False
    download(file, part)
    assert part.read_bytes() == DATA


def test_two_versions_are_never_mixed(file, part, web):
    web.cuts = [1000]

    def change() -> None:
        web.files["/f"] = OTHER

    web.then = change
    version = download(file, part)
    assert part.read_bytes() == OTHER
    assert recorded_version(part) == version and version.bytes == len(OTHER)


def test_a_file_that_always_changes_is_given_up(file, part, web):
    def change() -> None:
        web.files["/f"] = web.files["/f"] + b"!"
        web.then = change

    web.then, web.cut = change, 1000
    with pytest.raises(InputError, match="changes while it is read"):
        download(file, part)
    assert len(web.downloads()) < 20


def test_a_part_without_a_version_is_resumed_only_if_it_is_verified(file, part, web):
    web.validators = False
    part.write_bytes(DATA[:1000])
    download(file, part)
    assert web.downloads() == [None]
    beside(part, ".json").unlink()
    part.write_bytes(DATA[:1000])
    download(file, part, verified=True)
    assert web.downloads() == [None, "bytes=1000-"]
    assert part.read_bytes() == DATA


def test_a_verified_part_that_is_complete_or_too_long(file, part, web):
    part.write_bytes(DATA)
    download(file, part, verified=True)
    assert web.sent == [] and part.read_bytes() == DATA
    part.write_bytes(DATA + b"more")
    download(file, part, verified=True)
    assert part.read_bytes() == DATA


@pytest.mark.parametrize("validators", [True, False])
def test_what_is_too_large_is_deleted(file, part, web, validators):
    web.validators = validators
    with pytest.raises(InputError, match="is too large.*at most 39,999"):
        download(file, part, most=len(DATA) - 1)
    assert not list(part.parent.glob("f.part*"))
    download(file, part, most=len(DATA))


def test_a_full_disk_is_reported_before_the_download(file, part, web, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(AscError, match="Not enough space") as caught:
        download(file, part)
    assert caught.value.exit_code == 1
    assert not part.exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"etag": 3, "bytes": "x"}'])
def test_a_damaged_record_names_no_version(file, part, text):
    part.write_bytes(DATA[:1000])
    beside(part, ".json").write_text(text)
    assert recorded_version(part) == Version()
    download(file, part, verified=True)
    assert part.read_bytes() == DATA


def test_redirects_are_bounded(web):
    with pytest.raises(InputError, match="redirects more than 5 times"):
        HttpFile(web.url + "/loop").version()
    assert len(web.asked) == 6


def test_status_codes(file, web):
    with pytest.raises(MissingInputError, match="404, there is no such file"):
        HttpFile(web.url + "/none").version()
    web.head = 503
    with pytest.raises(Unreachable, match="answers 503"):
        file.version()
    web.head = 405  # then GET is asked
    assert file.version().bytes == len(DATA)


def test_a_server_that_is_not_there():
    with socket.socket() as unused:  # bound, but it does not listen
        unused.bind(("127.0.0.1", 0))
        url = f"http://me:s3cret@127.0.0.1:{unused.getsockname()[1]}/f?token=s3cret"
        with pytest.raises(Unreachable, match="Cannot reach .*refused") as caught:
            HttpFile(url).version()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host/a/s.h5?token=1#x", "http://host/a/s.h5.sha256?token=1"),
        ("s3://bucket/s.h5", "s3://bucket/s.h5.sha256"),
        ("file:///a%20b/s.h5", "file:///a%20b/s.h5.sha256"),
        ("odd?name#.h5", "odd?name#.h5.sha256"),
    ],
)
def test_the_url_of_the_file_beside_another(url, expected):
    assert with_suffix(url, ".sha256") == expected


@pytest.mark.parametrize(
    ("one", "other", "surely", "differs"),
    [
        (Version("a", None, 5), Version("a", None, 5), True, False),
        (Version("a", None, 5), Version("b", None, 5), False, True),
        (Version(None, None, 5), Version(None, None, 5), False, False),
        (Version("a", "monday", 5), Version("a", None, 5), False, False),
        (Version(None, "monday", 5), Version(None, "monday", 6), False, True),
        (Version(), Version(), False, False),
    ],
)
def test_versions(one, other, surely, differs):
    assert one.is_surely(other) == other.is_surely(one) == surely
    assert one.differs(other) == other.differs(one) == differs
