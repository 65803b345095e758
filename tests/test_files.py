"""Room on the disk, and one writer at a time, whatever is in place of the lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket

import pytest

from asc.disk import check_free_space, free_space
from asc.errors import AscError, Busy, InputError, MissingInputError
from asc.files import log_line, open_regular, read_bytes, read_json, read_text
from asc.locking import locked


def test_a_lock_goes_when_it_is_no_longer_held(tmp_path):
    lock = tmp_path / "store.h5.lock"
    for _ in range(2):
        with locked(tmp_path / "store.h5"):
            assert lock.read_text().startswith("process ")
        assert not lock.exists()


def test_a_folder_has_its_lock_inside(tmp_path):
    with locked(tmp_path, lock_path=tmp_path / ".lock"):
        with pytest.raises(Busy, match=rf"^{tmp_path} is being written by process \d+"):
            with locked(tmp_path, lock_path=tmp_path / ".lock"):
                pass
    assert not list(tmp_path.iterdir())


def test_a_link_in_place_of_a_lock_leads_nowhere(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("keep")
    (tmp_path / "store.h5.lock").symlink_to(precious)
    with pytest.raises(InputError, match="store.h5.lock is a symbolic link"):
        with locked(tmp_path / "store.h5"):
            pass
    assert precious.read_text() == "keep"


def test_a_hard_link_is_not_written_through(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("keep")
    for name in ("log.txt", "store.h5.lock"):
        os.link(precious, tmp_path / name)
    with pytest.raises(InputError, match="log.txt has a second name"):
        log_line(tmp_path / "log.txt", "text")
    with pytest.raises(InputError, match="store.h5.lock has a second name"):
        with locked(tmp_path / "store.h5"):
            pass
    assert precious.read_text() == "keep"


def test_what_others_write_into_a_lock_moves_no_cursor(tmp_path):
    lock = tmp_path / "store.h5.lock"
    lock.write_bytes(b"process 1\x1b[2J on\nhost\xff")
    with open(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Busy) as caught:
            with locked(tmp_path / "store.h5"):
                pass
    assert r"process 1\x1b[2J on\nhost" in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path, monkeypatch):
    asked = []

    def usage(path):
        asked.append(path)
        return shutil._ntuple_diskusage(3000, 1000, 2000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    target = tmp_path / "new" / "folder" / "store.h5"
    assert free_space(target) == 2000 and asked == [tmp_path]
    check_free_space(target, 2000)
    with pytest.raises(AscError, match="Got 2 kB free, expected 20 MB"):
        check_free_space(target, 20_000_000)
    assert not (tmp_path / "new").exists()


def make_nothing(path):
    pass


def make_socket(path):
    # The path of a socket may have 107 characters only.
    here = os.getcwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize(
    "make, expected",
    [
        (make_nothing, "is not there"),
        (os.mkfifo, "is not a regular file"),
        (os.mkdir, "is not a regular file"),
        (make_socket, "cannot be read"),
        (lambda path: path.symlink_to(path.name), "cannot be read"),
    ],
)
def test_only_regular_files_are_read(tmp_path, make, expected, root):
    make(tmp_path / "small.json")
    kind = MissingInputError if expected == "is not there" else InputError
    with pytest.raises(kind, match=expected) as caught:
        read_json(tmp_path / "small.json", limit=10, root=tmp_path if root else None)
    assert str(tmp_path / "small.json") in str(caught.value)


def test_a_device_is_not_read():
    with pytest.raises(InputError, match="/dev/zero is not a regular file"):
        read_bytes("/dev/zero", limit=10)


def test_no_link_below_a_strangers_folder_is_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("private")
    root = tmp_path / "run"
    (root / "state").mkdir(parents=True)
    (root / "state" / "key").write_text("own")
    (root / "key").symlink_to(secret / "key")
    (root / "folder").symlink_to(secret)
    assert read_text(root / "state" / "key", limit=10, root=root) == "own"
    assert read_text(root / "key", limit=10) == "private"
    for path in ("key", "folder/key", "../secret/key", "state/../../secret/key"):
        with pytest.raises(InputError, match="cannot be read|is not there|outside"):
            read_text(root / path, limit=10, root=root)
    with pytest.raises(InputError):
        open_regular(secret / "key", root=root)


def test_a_root_may_itself_be_reached_by_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.txt").write_text("own")
    (tmp_path / "run").symlink_to("disk")
    assert (
        read_text(tmp_path / "run" / "a.txt", limit=3, root=tmp_path / "run") == "own"
    )


def test_a_file_above_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "meta.txt"
    path.write_bytes(b"12345")
    assert read_bytes(path, limit=5) == b"12345"
    with pytest.raises(InputError, match="too large"):
        read_bytes(path, limit=4)
    os.truncate(path, 10**12)  # sparse: reading it would exhaust the memory
    with pytest.raises(InputError, match="Got 1,000.0 GB"):
        read_bytes(path, limit=10**9)


@pytest.mark.parametrize(
    "data",
    [b"{", b"NaN", b"[1e999]", b"[-Infinity]", b"\xff", b"[" * 10**5, b"9" * 5000],
)
def test_damaged_json_is_a_sentence(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(InputError, match="a.json is not (JSON|UTF-8)"):
        read_json(tmp_path / "a.json", limit=10**6)


def test_json_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1.5}')
    assert read_json(tmp_path / "a.json", limit=100) == {"a": 1.5}
