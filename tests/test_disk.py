"""What a disk refuses is one sentence, before anything is computed where it can be."""

from __future__ import annotations

import errno
import os

import pytest

from asc.disk import check_writable, is_full_disk, unexpected_error, writing_to
from asc.errors import AscError, InputError
from asc.files import check_no_links, log_line, read_lines
from asc.locking import locked


@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [
        (errno.ENOSPC, 1, "The disk of {} is full. Kept."),
        (errno.EDQUOT, 1, "The disk quota for {} is used up. Kept."),
        (
            errno.EFBIG,
            1,
            "{} would be larger than files may be here (ulimit -f). Kept.",
        ),
        (errno.EACCES, 3, "Cannot write to {}: permission denied. Kept."),
        (errno.EROFS, 3, "Cannot write to {}: read-only file system. Kept."),
        (errno.EIO, 3, "Cannot write to {}: input/output error. Kept."),
    ],
)
def test_errors_of_a_disk(tmp_path, number, code, sentence):
    with pytest.raises(AscError) as caught:
        with writing_to(tmp_path, "Kept."):
            raise OSError(number, os.strerror(number), str(tmp_path / "a.json"))
    assert str(caught.value) == sentence.format(tmp_path)
    assert caught.value.exit_code == code


def test_an_error_of_hdf5_has_its_number_in_its_text():
    assert is_full_disk(OSError("write failed: errno = 27, error message = '...'"))
    assert not is_full_disk(OSError("read failed: errno = 5, error message = '...'"))


def test_errors_of_other_files_pass(tmp_path):
    with pytest.raises(FileNotFoundError):
        with writing_to(tmp_path / "run"):
            open(tmp_path / "other")


def test_a_target_that_was_removed(tmp_path):
    with pytest.raises(InputError, match="run was removed while it was written"):
        with writing_to(tmp_path / "run"):
            open(tmp_path / "run" / "log.txt", "w")


def test_an_error_that_no_step_expects():
    found = unexpected_error(PermissionError(errno.EACCES, "x", "a\x1b.json"))
    assert str(found) == r"Cannot use a\x1b.json: permission denied."
    assert unexpected_error(OSError("a library's own message")) is None


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(
        InputError, match="Cannot write to .*/file/run: not a directory"
    ):
        check_writable(tmp_path / "file" / "run")
    check_writable(tmp_path / "new" / "run")
    # Who runs the tests may be root, whom nothing is denied.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(
        InputError, match="Cannot write to .*/new/run: permission denied"
    ):
        check_writable(tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_lock_or_log_that_is_no_regular_file(tmp_path, make):
    make(tmp_path / "run.lock")
    with pytest.raises(InputError, match="run.lock is not a regular file"):
        with locked(tmp_path / "run"):
            pass
    make(tmp_path / "log.txt")
    with pytest.raises(InputError, match="log.txt is not a regular file"):
        log_line(tmp_path / "log.txt", "line")


def test_a_lock_that_was_removed_is_noticed_and_that_of_others_stays(tmp_path):
    lock = tmp_path / "run.lock"
    with locked(tmp_path / "run") as check:
        check()
        lock.unlink()
        with pytest.raises(InputError, match="removed or replaced"):
            check()
        lock.write_text("of another process")
    assert lock.read_text() == "of another process"


def test_a_line_cannot_forge_another(tmp_path):
    log_line(tmp_path / "log.txt", "a\x1b[2J\rb")
    log_line(tmp_path / "log.txt", "c")
    lines = (tmp_path / "log.txt").read_text().split("\n")
    assert [line.partition("  ")[2] for line in lines] == ["a\\x1b[2J\\rb", "c", ""]


def test_no_link_below_a_folder(tmp_path):
    root = tmp_path / "run"
    (root / "inner").mkdir(parents=True)
    (root / "link").symlink_to("inner")
    check_no_links(root / "inner" / "new", root)
    for path in ("link", "link/new", "inner/../../other"):
        with pytest.raises(InputError, match="symbolic link|outside"):
            check_no_links(root / path, root)


def test_lines_are_bounded(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("ab\r\n\ncd")
    assert list(read_lines(path, limit=7)) == ["ab\r\n", "\n", "cd"]
    with pytest.raises(InputError, match="too large"):
        list(read_lines(path, limit=6))
    with pytest.raises(InputError, match="line of more than 1 char"):
        list(read_lines(path, limit=7, longest=1))
