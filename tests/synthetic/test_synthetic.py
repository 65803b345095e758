"""The synthetic corpus: layout, equal bytes, resuming and refusals."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import soundfile

from asc.corpus import open_corpus
from asc.errors import AscError, Busy, SettingsMismatch, UsageError
from asc.synthetic import corpus as synthetic
from asc.synthetic.corpus import write_synthetic_corpus

SIZE: dict[str, Any] = {"scenes": 3, "recordings": 4, "clips": 2, "seconds": 0.5}
FRAMES = 22_050


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "corpus"
    return write_synthetic_corpus(root, **SIZE, jobs=1)


@pytest.fixture
def copy(corpus: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corpus, tmp_path / "copy"))


def content(root: Path) -> dict[str, bytes]:
    """Return the bytes of all files, hidden ones too, by relative path."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def state(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}


def lines(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


# Layout


def test_layout(corpus: Path) -> None:
    rows = lines(corpus / "meta.txt")
    assert len(rows) == 3 * 4 * 2
    assert Counter(scene for _, scene, _ in rows) == dict.fromkeys(
        ("home", "library", "park"), 8
    )
    assert len({(scene, recording) for _, scene, recording in rows}) == 12
    assert len({recording for _, _, recording in rows}) == 12
    for path, _, recording in rows:
        assert re.fullmatch(rf"audio/{recording}_\d+_\d+\.wav", path)
    names = {path for path, _, _ in rows}
    lists = {
        f"evaluation_setup/fold{fold}_{part}.txt"
        for fold in (1, 2, 3, 4)
        for part in ("train", "evaluate", "test")
    }
    assert set(content(corpus)) == names | lists | {"meta.txt", "synthetic.json"}


def test_audio_format(corpus: Path) -> None:
    for path, _, _ in lines(corpus / "meta.txt"):
        info = soundfile.info(corpus / path)
        assert (info.format, info.subtype) == ("WAV", "PCM_24")
        assert (info.samplerate, info.channels, info.frames) == (44_100, 2, FRAMES)


def test_the_reader_of_tut_reads_it(corpus: Path) -> None:
    read = open_corpus(corpus)
    assert read.format == "tut"
    assert (len(read.clips), len(read.recordings), len(read.folds)) == (24, 12, 4)
    assert read.problems == ()


def test_fold_files(corpus: Path) -> None:
    names = {path for path, _, _ in lines(corpus / "meta.txt")}
    scene_of = {path: scene for path, scene, _ in lines(corpus / "meta.txt")}
    tested: list[str] = []
    for fold in (1, 2, 3, 4):
        stem = corpus / "evaluation_setup" / f"fold{fold}"
        train = lines(Path(f"{stem}_train.txt"))
        evaluate = lines(Path(f"{stem}_evaluate.txt"))
        test = lines(Path(f"{stem}_test.txt"))
        assert test == [[path] for path, _ in evaluate]
        assert all(scene_of[path] == scene for path, scene in train + evaluate)
        assert {path for path, _ in train} == names - {path for path, in test}
        tested += [path for path, in test]
    assert sorted(tested) == sorted(names)


# The same settings give the same bytes


def test_workers_do_not_change_a_byte(corpus: Path, tmp_path: Path) -> None:
    other = write_synthetic_corpus(tmp_path / "two", **SIZE, jobs=2)
    assert content(other) == content(corpus)


def test_clips_do_not_depend_on_the_others(corpus: Path, tmp_path: Path) -> None:
    size = SIZE | {"scenes": 2, "recordings": 2, "clips": 1}
    small = content(write_synthetic_corpus(tmp_path / "small", **size, jobs=1))
    audio = {name for name in small if name.endswith(".wav")}
    large = content(corpus)
    assert len(audio) == 4
    assert all(small[name] == large[name] for name in audio)


def test_another_seed_is_another_sound(corpus: Path, tmp_path: Path) -> None:
    size = SIZE | {"scenes": 1, "recordings": 2, "clips": 1}
    other = content(write_synthetic_corpus(tmp_path / "b", **size, seed=1, jobs=1))
    mine = content(corpus)
    audio = [name for name in other if name.endswith(".wav")]
    assert all(other[name] != mine[name] for name in audio)


def test_resume_writes_what_is_missing(corpus: Path, copy: Path) -> None:
    audio = sorted((copy / "audio").iterdir())
    audio[0].unlink()
    audio[5].unlink()
    audio[7].write_bytes(audio[7].read_bytes()[:-6])
    (copy / "meta.txt").unlink()
    audio[0].with_suffix(".new.wav").write_bytes(b"left by a killed writer")
    before = state(copy)
    calls: list[tuple[int, int]] = []
    write_synthetic_corpus(
        copy, **SIZE, jobs=1, progress=lambda *call: calls.append(call)
    )
    assert content(copy) == content(corpus)
    kept = [path for path in audio if path not in (audio[0], audio[5], audio[7])]
    assert all(path.stat().st_mtime_ns == before[str(path)] for path in kept)
    assert (calls[0], calls[-1]) == ((21, 24), (24, 24))


def test_an_interrupted_call_goes_on(corpus: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    root = tmp_path / "corpus"
    with pytest.raises(KeyboardInterrupt):
        write_synthetic_corpus(root, **SIZE, jobs=1, progress=interrupt)
    assert len(list((root / "audio").iterdir())) == 6
    assert not (root / "meta.txt").exists()
    assert content(write_synthetic_corpus(root, **SIZE, jobs=1)) == content(corpus)


# Refusals


@pytest.mark.parametrize(
    "change",
    [{"recordings": 5}, {"seconds": 0.6}, {"seed": 1}, {"clips": 1}, {"scenes": 2}],
    ids=str,
)
def test_other_settings_are_refused(corpus: Path, change: dict[str, Any]) -> None:
    before = state(corpus)
    ((name, value),) = change.items()
    here = SIZE.get(name, 0)
    with pytest.raises(SettingsMismatch, match=rf"{name} +{here} -> {value}"):
        write_synthetic_corpus(corpus, **{**SIZE, **change}, jobs=1)
    assert state(corpus) == before


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsMismatch, match="not empty"):
        write_synthetic_corpus(tmp_path, **SIZE, jobs=1)
    assert content(tmp_path) == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("marker", ["", "[1]", "null", "{}", '{"seed": 0}'])
def test_a_damaged_marker_is_refused(copy: Path, marker: str) -> None:
    (copy / "synthetic.json").write_text(marker)
    before = state(copy)
    with pytest.raises(SettingsMismatch):
        write_synthetic_corpus(copy, **SIZE, jobs=1)
    assert state(copy) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scenes", 0),
        ("scenes", 16),
        ("scenes", 2.5),
        ("recordings", 1),
        ("clips", 0),
        ("seed", -1),
        ("seconds", 0.0),
        ("seconds", float("nan")),
        ("seconds", float("inf")),
        ("jobs", 0),
    ],
)
def test_arguments_out_of_range(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(UsageError, match=rf"{name} must be .*Got {value}\."):
        write_synthetic_corpus(tmp_path / "new", **{**SIZE, name: value})
    assert not (tmp_path / "new").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        write_synthetic_corpus(tmp_path / "file", **SIZE)


def test_a_small_disk_is_seen_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = SimpleNamespace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: small)
    with pytest.raises(
        AscError, match=r"Not enough space .* Got 2.0 MB free, expected 3"
    ):
        write_synthetic_corpus(tmp_path / "a" / "b", **SIZE, jobs=1)
    assert not (tmp_path / "a").exists()


def test_a_failing_disk_is_told_in_a_sentence(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    next((copy / "audio").iterdir()).unlink()
    monkeypatch.setattr(synthetic.soundfile, "write", fail)
    with pytest.raises(AscError, match="The disk of .* is full"):
        write_synthetic_corpus(copy, **SIZE, jobs=1)


def test_one_writer_at_a_time(copy: Path) -> None:
    def again(done: int, total: int) -> None:
        with pytest.raises(Busy, match="being written by process"):
            write_synthetic_corpus(copy, **SIZE, jobs=1)
        told.append(done)

    told: list[int] = []
    write_synthetic_corpus(copy, **SIZE, jobs=1, progress=again)
    assert told
