"""Room on the disk, and one writer at a time, whatever is in place of the lock."""

from __future__ import annotations

import fcntl
import shutil

import pytest

from asc.errors import AscError, Busy, InputError
from asc.files import check_free_space, free_space, locked


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
