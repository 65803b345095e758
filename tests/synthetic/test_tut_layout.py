"""Files of a synthetic corpus: names, folds, and audio for a given meta.txt."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asc.errors import InputError, SettingsMismatch
from asc.synthetic import tut_layout
from asc.synthetic.corpus import write_synthetic_corpus


def content(root: Path) -> dict[str, bytes]:
    """Return the bytes of all files by relative path."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_names_tell_whole_seconds() -> None:
    rows, _ = tut_layout.grid(scenes=1, recordings=2, clips=3, seconds=10.0)
    assert [row.path for row in rows[:3]] == [
        "audio/s001_0_10.wav",
        "audio/s001_10_20.wav",
        "audio/s001_20_30.wav",
    ]


@settings(max_examples=25, deadline=None)
@given(scenes=st.integers(1, 15), recordings=st.integers(2, 11))
def test_folds_are_disjoint_by_recording_and_balanced(
    scenes: int, recordings: int
) -> None:
    rows, lists = tut_layout.grid(scenes, recordings, 1, 1.0)
    assert len({row.recording for row in rows}) == scenes * recordings
    recording_of = {row.path: row.recording for row in rows}
    tested: list[str] = []
    for fold in range(1, min(4, recordings) + 1):
        train, test = (
            [line.split("\t") for line in lists[name].decode().splitlines()]
            for name in (
                f"evaluation_setup/fold{fold}_train.txt",
                f"evaluation_setup/fold{fold}_evaluate.txt",
            )
        )
        tested += [recording_of[path] for path, _ in test]
        assert not {recording_of[path] for path, _ in train} & set(
            recording_of[path] for path, _ in test
        )
        for part in (train, test):
            counts = Counter(scene for _, scene in part)
            assert len(counts) == scenes
            assert max(counts.values()) - min(counts.values()) <= 1
    assert sorted(tested) == sorted(recording_of.values())
    assert f"evaluation_setup/fold{min(4, recordings) + 1}_test.txt" not in lists


# Audio for a given meta.txt


def write_meta(folder: Path, rows: list[str], newline: str = "\n") -> Path:
    folder.mkdir()
    meta = folder / "meta.txt"
    meta.write_bytes("".join(row + newline for row in rows).encode())
    return meta


DEVELOPMENT = [
    "audio/b020_90_100.wav\tbeach\tb020",
    "audio/b020_100_110.wav\tbeach\tb020",
    "audio/a107_230_240.wav\tcafe/restaurant\ta107",
]
EVALUATION = [
    "audio/1.wav\ttram\tb174",
    "audio/2.wav\tairport\ta3",
    "3.WAV\ttram\tb174",
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("rows", [DEVELOPMENT, EVALUATION], ids=["dev", "eval"])
def test_audio_for_given_names(tmp_path: Path, rows: list[str], newline: str) -> None:
    meta = write_meta(tmp_path / "real", rows, newline)
    setup = meta.parent / "evaluation_setup"
    setup.mkdir()
    (setup / "fold1_test.txt").write_bytes(b"audio/b020_90_100.wav\r\n\r\n")
    root = write_synthetic_corpus(tmp_path / "new", seconds=0.2, meta=meta, jobs=1)
    files = content(root)
    marker = json.loads(files.pop("synthetic.json"))
    assert files.pop("meta.txt") == meta.read_bytes()
    copied = files.pop("evaluation_setup/fold1_test.txt")
    assert copied == b"audio/b020_90_100.wav\r\n\r\n"
    assert set(files) == {row.split("\t")[0] for row in rows}
    assert {soundfile.info(root / name).frames for name in files} == {8_820}
    assert "recordings" not in marker


def test_recordings_are_the_third_column_or_the_start_of_the_name(
    tmp_path: Path,
) -> None:
    three, _ = tut_layout.from_meta(write_meta(tmp_path / "3", DEVELOPMENT))
    two, _ = tut_layout.from_meta(
        write_meta(tmp_path / "2", [row.rpartition("\t")[0] for row in DEVELOPMENT])
    )
    assert two == three
    assert [row.recording for row in three] == ["b020", "b020", "a107"]


def test_line_ends_and_columns_do_not_change_the_sound(tmp_path: Path) -> None:
    metas = [
        write_meta(tmp_path / "lf", DEVELOPMENT),
        write_meta(tmp_path / "crlf", [*DEVELOPMENT[::-1], ""], "\r\n"),
    ]
    audio = []
    for number, meta in enumerate(metas):
        root = tmp_path / str(number)
        write_synthetic_corpus(root, seconds=0.2, meta=meta, jobs=1)
        audio.append(content(root / "audio"))
    assert audio[0] == audio[1]


def test_another_meta_is_refused(tmp_path: Path) -> None:
    one = write_meta(tmp_path / "one", DEVELOPMENT)
    two = write_meta(tmp_path / "two", DEVELOPMENT[:2])
    root = write_synthetic_corpus(tmp_path / "new", seconds=0.2, meta=one, jobs=1)
    before = content(root)
    with pytest.raises(SettingsMismatch, match=r"meta +\S+ -> "):
        write_synthetic_corpus(root, seconds=0.2, meta=two, jobs=1)
    assert content(root) == before


@pytest.mark.parametrize(
    "row",
    [
        "../stolen.wav\tbeach\tb1",
        "audio/../../stolen.wav\tbeach\tb1",
        "/tmp/stolen.wav\tbeach\tb1",
        "..\\stolen.wav\tbeach\tb1",
        "C:/stolen.wav\tbeach\tb1",
        "audio/x\0.wav\tbeach\tb1",
        "audio/x.flac\tbeach\tb1",
        "audio/b020_90_100.wav\tbeach\tb020",
        "audio/x.wav\t\tb1",
        "audio/x.wav",
        "a.wav\tb\tc\td",
    ],
)
def test_names_that_cannot_be_written(tmp_path: Path, row: str) -> None:
    meta = write_meta(tmp_path / "real", [*DEVELOPMENT, row])
    with pytest.raises(InputError, match="line 4"):
        write_synthetic_corpus(tmp_path / "new", seconds=0.2, meta=meta, jobs=1)
    assert {path.name for path in tmp_path.iterdir()} == {"real"}


def test_a_meta_without_clips(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no clips"):
        tut_layout.from_meta(write_meta(tmp_path / "empty", ["", ""]))
    with pytest.raises(InputError, match="absent.txt is not there"):
        tut_layout.from_meta(tmp_path / "absent.txt")
