"""Downloading corpora: resumed, checked, unpacked safely."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import socket
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from asc.cli.main import main
from asc.corpus import open_corpus
from asc.errors import (
    AscError,
    Busy,
    InputError,
    MissingInputError,
    SettingsMismatch,
    UsageError,
)
from asc.transfer import archives, zenodo
from asc.transfer.archives import unpack
from asc.transfer.corpora import STATE, download_corpus
from asc.transfer.locations import Unreachable
from asc.transfer.zenodo import DATA_SETS, DataSet, Package

TOP = "stand-in"
NOISE = np.random.default_rng(0).bytes(40_000)  # does not get smaller in a zip
FILES = {
    "doc": {"README.md": b"About."},
    "meta": {
        "meta.txt": b"audio/a1_0_10.wav\tbeach\ta1\naudio/b1_0_10.wav\tbus\tb1\n",
        "evaluation_setup/fold1_test.txt": b"audio/a1_0_10.wav\n",
    },
    "audio": {"audio/a1_0_10.wav": NOISE, "audio/b1_0_10.wav": NOISE[::-1]},
}


@pytest.fixture
def publish(web, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DataSet]:
    """Return the function that puts a data set called "tiny" on the server."""

    def make(
        files: dict[str, dict[str, bytes]] = FILES, top: str = f"{TOP}/"
    ) -> DataSet:
        packages = []
        for kind, entries in files.items():
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in entries.items():
                    archive.writestr(top + name, content)
            name, content = f"{TOP}.{kind}.zip", buffer.getvalue()
            web.files["/" + name] = content
            md5 = hashlib.md5(content).hexdigest()
            packages.append(Package(name, len(content), md5))
        data = DataSet("http://127.0.0.1:9", TOP, 2, 80_000, tuple(packages))
        monkeypatch.setitem(DATA_SETS, "tiny", data)
        return data

    return make


@pytest.fixture
def get(web, tmp_path: Path) -> Callable[..., Path]:
    """Return a short form of the download of "tiny"."""

    def short(root: Path = tmp_path / "corpus", **options: object) -> Path:
        return download_corpus("tiny", root, **{"base_url": web.url} | options)

    return short


def state(root: Path) -> list[str]:
    return sorted(path.name for path in (root / STATE).iterdir())


def refused(error: type[AscError], call: Callable, *arguments, **options) -> str:
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    assert type(caught.value) is error
    assert str(caught.value).isprintable() and str(caught.value).endswith(".")
    return str(caught.value)


# The whole way


def test_everything_is_downloaded_and_unpacked(publish, get, web):
    data, seen = publish(), []
    root = get(progress=lambda done, total: seen.append((done, total)))
    for files in FILES.values():
        for name, content in files.items():
            assert (root / name).read_bytes() == content
    assert [clip.recording for clip in open_corpus(root).clips] == ["a1", "b1"]
    assert sum(count for *_, count in web.sent) == data.size
    assert seen[0] == (0, data.size) and seen[-1] == (data.size, data.size)
    assert seen == sorted(seen) and len(seen) > 80
    # Archives are gone; nothing half-done is left.
    markers = [f"{package.name}.unpacked" for package in data.packages]
    assert state(root) == sorted(["data-set", *markers])
    assert not list(root.rglob("*.partial"))


def test_again_does_nothing(publish, get, web):
    data = publish()
    root = get()

    def files():
        there = (path for path in root.rglob("*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in there}

    before = files()
    web.sent.clear()
    seen = []
    get(progress=lambda *numbers: seen.append(numbers))
    assert web.sent == [] and seen == [(data.size, data.size)]
    assert files() == before


def test_lost_files_are_fetched_again(publish, get, web):
    publish()
    root = get()
    (root / "audio/a1_0_10.wav").unlink()
    web.sent.clear()
    get()
    assert (root / "audio/a1_0_10.wav").read_bytes() == NOISE
    assert {path for path, *_ in web.sent} == {f"/{TOP}.audio.zip"}


def test_archives_can_be_kept_and_are_used_again(publish, get, web):
    publish()
    root = get(keep=True)
    assert f"{TOP}.audio.zip" in state(root)
    (root / "audio/a1_0_10.wav").unlink()
    web.sent.clear()
    get(keep=True)
    assert web.sent == [] and (root / "audio/a1_0_10.wav").exists()


def test_archives_need_no_top_folder(publish, get):
    publish(top="")
    assert (get() / "audio/a1_0_10.wav").exists()


def test_hidden_files_of_desktops_are_skipped(publish, get):
    publish(FILES | {"doc": {".DS_Store": b"x", ".download/data-set": b"x"}})
    root = get()
    assert not (root / ".DS_Store").exists()
    assert (root / STATE / "data-set").read_text() == "tiny"


def test_an_evaluation_set_without_metadata_is_read_from_its_lists(publish, get):
    meta = {
        "evaluation_setup/evaluate.txt": b"audio/1.wav\tbeach\naudio/2.wav\tbus\n",
        "evaluation_setup/map.txt": b"audio/b9_0_10.wav\taudio/1.wav\n",
    }
    publish({"meta": meta, "audio": {"audio/1.wav": NOISE, "audio/2.wav": NOISE}})
    clips = open_corpus(get()).clips
    assert [(clip.scene, clip.recording) for clip in clips] == [
        ("beach", "b9"),
        ("bus", "audio/2.wav"),
    ]


# Cuts


def test_a_cut_transfer_goes_on_by_itself(publish, get, web):
    publish({"meta": FILES["meta"], "audio": FILES["audio"]})
    name = f"{TOP}.audio.zip"
    web.cuts = [10**9, 50_500]
    root = get()
    assert (root / "audio/b1_0_10.wav").read_bytes() == NOISE[::-1]
    (_, first, _), (_, second, _) = [sent for sent in web.sent if sent[0] == "/" + name]
    assert first == 0 and 49_000 <= second <= 50_500
    assert web.bytes_of("/" + name) <= len(web.files["/" + name]) + 1000


def test_an_interrupted_call_goes_on(publish, get, web, tmp_path):
    data = publish()
    name, root = f"{TOP}.audio.zip", tmp_path / "corpus"

    def interrupt(done: int, total: int) -> None:
        if done > total - 30_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=interrupt)
    have = (root / STATE / f"{name}.part").stat().st_size
    assert 50_000 < have < data.packages[-1].size
    web.sent.clear()
    get()
    assert web.sent == [("/" + name, have, len(web.files["/" + name]) - have)]
    assert (root / "audio/a1_0_10.wav").read_bytes() == NOISE


def test_a_part_that_is_whole_is_not_fetched(publish, get, web, tmp_path):
    publish()
    name, folder = f"{TOP}.audio.zip", tmp_path / "corpus" / STATE
    folder.mkdir(parents=True)
    (folder / f"{name}.part").write_bytes(web.files["/" + name])
    get()
    assert web.bytes_of("/" + name) == 0


@pytest.mark.parametrize("ranges", [True, False])
def test_a_part_that_cannot_be_continued_is_begun_again(
    publish, get, web, tmp_path, ranges
):
    publish()
    name, folder = f"{TOP}.audio.zip", tmp_path / "corpus" / STATE
    folder.mkdir(parents=True)
    size = len(web.files["/" + name])
    (folder / f"{name}.part").write_bytes(bytes(size + 10 if ranges else 10))
    web.ranges = ranges
    get()
    assert web.bytes_of("/" + name) == size


def test_without_a_connection_nothing_is_lost(publish, get, web, tmp_path):
    publish()
    name, folder = f"{TOP}.doc.zip", tmp_path / "corpus" / STATE
    folder.mkdir(parents=True)
    (folder / f"{name}.part").write_bytes(web.files["/" + name][:50])
    with socket.socket() as closed:  # bound, but it does not listen
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        text = refused(Unreachable, get, base_url=url)
    assert text.startswith(f"Cannot reach {url}/{name}: connection refused.")
    assert "rerun the same command to resume" in text
    assert (folder / f"{name}.part").stat().st_size == 50
    get()
    assert web.sent[0] == ("/" + name, 50, len(web.files["/" + name]) - 50)


def test_a_server_that_refuses_is_quoted(publish, get, web):
    publish()
    web.files.clear()
    assert "the server answers 404" in refused(MissingInputError, get)
    assert "MissingSchema" in refused(InputError, get, base_url="nowhere")


# What must not be believed


def test_a_wrong_sum_deletes_what_came(publish, get, web, tmp_path):
    data = publish()
    name, good = data.packages[-1].name, web.files["/" + data.packages[-1].name]
    web.files["/" + name] = good[:-1] + b"!"
    text = refused(InputError, get)
    assert name in text and data.packages[-1].md5 in text
    assert not [one for one in state(tmp_path / "corpus") if one.startswith(name)]
    assert not (tmp_path / "corpus/audio").exists()
    web.files["/" + name] = good
    get()


def test_the_sum_decides_and_not_the_size(publish, get, monkeypatch):
    data = publish()
    stale = [Package(one.name, one.size - 3, one.md5) for one in data.packages]
    old = DataSet(data.record, TOP, 2, 80_000, tuple(stale))
    monkeypatch.setitem(DATA_SETS, "tiny", old)
    seen = []
    get(progress=lambda done, total: seen.append(done))
    assert seen == sorted(seen) and seen[-1] == old.size


def test_an_endless_answer_is_stopped(publish, get, web, tmp_path):
    name = publish().packages[0].name
    web.files["/" + name] = bytes(3 * 2**20)
    assert "is too large" in refused(InputError, get)
    assert state(tmp_path / "corpus") == ["data-set"]


@pytest.mark.parametrize(
    "name",
    ["../evil", f"{TOP}/../../evil", "/evil", "C:/evil", "..\\evil", "a\x1b[31m"],
)
def test_entries_that_leave_the_folder_are_refused(publish, get, tmp_path, name):
    publish({"meta": FILES["meta"], "audio": {"audio/x.wav": b"", name: b""}}, top="")
    text = refused(InputError, get)
    assert "outside of the corpus" in text and "audio.zip" in text
    assert not list(tmp_path.rglob("*evil*")) and not list(tmp_path.rglob("x.wav"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_links_and_devices_are_refused(tmp_path, kind):
    entry = zipfile.ZipInfo("audio/x.wav")
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(InputError, match="an entry that is a link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "root", TOP, 1000)
    assert not (tmp_path / "root").exists()


def test_more_files_than_any_corpus_has(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_FILES", 2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(3):
            archive.writestr(str(number), "")
    with pytest.raises(InputError, match="has 3 files, expected at most 2"):
        unpack(tmp_path / "a.zip", tmp_path / "root", TOP, 1000)


def test_bombs_are_refused(publish, get, tmp_path):
    publish({"meta": FILES["meta"], "audio": {"audio/x.wav": bytes(2**25)}})
    assert "is too large to unpack" in refused(InputError, get)
    assert not (tmp_path / "corpus/audio").exists()


def test_what_is_no_archive_is_refused(publish, get, web, monkeypatch):
    data = publish()
    page = b"<html>Please log in.</html>"
    package = Package(data.packages[0].name, 9, hashlib.md5(page).hexdigest())
    web.files["/" + package.name] = page
    monkeypatch.setitem(
        DATA_SETS, "tiny", DataSet(data.record, TOP, 2, 80_000, (package,))
    )
    assert "cannot be unpacked: File is not a zip file." in refused(InputError, get)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_an_archive_that_is_damaged_inside_is_refused(tmp_path, method):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", method) as opened:
        opened.writestr("audio/x.wav", NOISE)
    data = bytearray(archive.read_bytes())
    data[50:80] = bytes(30)  # behind the header of the entry
    archive.write_bytes(data)
    with pytest.raises(InputError, match="a.zip cannot be unpacked: .*rerun"):
        unpack(archive, tmp_path / "root", TOP, 10**6)


def test_missing_audio_is_reported(publish, get):
    publish(FILES | {"audio": {"audio/a1_0_10.wav": NOISE}})
    text = refused(InputError, get)
    assert (
        "Got no audio for 1 clip, such as audio/b1_0_10.wav, expected 2 clips" in text
    )


def test_missing_clips_are_reported(publish, get):
    publish(FILES | {"meta": {"meta.txt": b"audio/a1_0_10.wav\tbeach\ta1\n"}})
    assert "Got 1 clip in its metadata, expected 2 clips" in refused(InputError, get)


# The folder


def test_other_folders_are_not_touched(publish, get, web, tmp_path):
    publish()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/diary.txt").touch()
    assert "Got other files." in refused(SettingsMismatch, get)
    assert [path.name for path in (tmp_path / "corpus").iterdir()] == ["diary.txt"]
    assert "is a file" in refused(UsageError, get, tmp_path / "corpus/diary.txt")
    root = get(tmp_path / "second")
    text = refused(SettingsMismatch, download_corpus, "tut2017-evaluation", root)
    assert "is not a download of tut2017-evaluation. Got tiny." in text


def test_a_disk_that_is_too_small(publish, get, monkeypatch, tmp_path):
    data = publish()
    needed = data.unpacked + data.packages[-1].size
    free = SimpleNamespace(free=needed - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    assert "Not enough space" in refused(AscError, get)
    assert not (tmp_path / "corpus").exists()
    free.free = needed
    refused(AscError, get, keep=True)
    get()
    free.free = 0
    get()  # nothing is missing


def test_a_second_process_is_told(publish, get):
    publish()

    def again(done: int, total: int) -> None:
        assert "being written by process" in refused(Busy, get)

    get(progress=again)


def test_a_folder_that_cannot_be_written(publish, get, tmp_path, monkeypatch):
    publish()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    text = refused(AscError, get)
    assert f"The disk of {tmp_path / 'corpus'} is full." in text
    assert state(tmp_path / "corpus") == ["data-set", f"{TOP}.doc.zip"]


# The tables


def test_unknown_names_are_answered_with_the_nearest(tmp_path):
    text = refused(UsageError, download_corpus, "tut2017-devel", tmp_path)
    assert "Did you mean 'tut2017-development'?" in text


@pytest.mark.parametrize(
    ("name", "record", "audio", "others", "clips", "gigabytes"),
    [
        ("tut2017-development", 400515, 10, 3, 4680, 10.7),
        ("tut2017-evaluation", 1040168, 4, 2, 1620, 3.6),
    ],
)
def test_the_tables_are_plausible(name, record, audio, others, clips, gigabytes):
    data = zenodo.data_set(name)
    names = [package.name for package in data.packages]
    assert data.record == f"https://zenodo.org/records/{record}"
    assert len(set(names)) == len(names) == audio + others
    assert names[others:] == [
        f"{data.folder}.audio.{number}.zip" for number in range(1, audio + 1)
    ]
    assert all(re.fullmatch("[0-9a-f]{32}", one.md5) for one in data.packages)
    assert len({one.md5 for one in data.packages}) == len(names)
    assert data.clips == clips and data.clips % 15 == 0
    assert round(data.size / 1e9, 1) == gigabytes
    assert data.size < data.unpacked < 1.3 * data.size


# The command


@pytest.fixture
def command(monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    """Return the function that runs ``asc corpus download`` in this process."""

    def run(*arguments: object) -> tuple[int, str, str]:
        line = ["asc", "corpus", "download", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capfd.readouterr()
        return left.value.code, out, err

    return run


def test_the_command_downloads(publish, web, command, tmp_path):
    publish()
    options = ("tiny", tmp_path / "corpus", "--base-url", web.url)
    code, out, err = command(*options)
    assert code == 0 and "2 clips. Next: asc-extract" in out
    assert "non-commercial" in err and "http://127.0.0.1:9" in err
    code, out, _ = command(*options, "--json")
    assert code == 0 and json.loads(out)["clips"] == 2
    web.files.clear()
    (tmp_path / "corpus/meta.txt").unlink()
    code, _, err = command(*options)
    assert code == 3 and "404" in err


def test_the_command_lists(command):
    code, out, _ = command("tut2017-development", "--list")
    assert code == 0 and out.count(".zip  md5 ") == 13
    assert "10.7 GB to download" in out and "non-commercial" in out
    assert "https://zenodo.org/records/400515" in out
    code, out, _ = command("tut2017-evaluation", "--list", "--json")
    listed = json.loads(out)
    assert code == 0 and len(listed["packages"]) == 6 and listed["clips"] == 1620


def test_the_command_refuses(command, tmp_path):
    code, _, err = command("tut2017-development")
    assert code == 2 and "Missing argument 'DIR'" in err
    code, _, err = command("tut2017-evaluatoin", tmp_path)
    assert code == 2 and "Did you mean 'tut2017-evaluation'?" in err
