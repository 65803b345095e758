"""What a path leads to, whatever it is called."""

from __future__ import annotations

import os
import shutil
import wave
import zipfile

import h5py
import pytest
import soundfile

from asc.kinds import Kind, kind_of, not_a


def make_run(path, split="random"):
    path.mkdir(parents=True)
    (path / "recipe.json").write_text(f'{{"recipe": {{"split": "{split}"}}}}')
    return path


def test_a_store_by_any_name(tmp_path, small_store):
    assert kind_of(small_store) is Kind.STORE
    assert kind_of(shutil.copy(small_store, tmp_path / "a.wav")) is Kind.STORE
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    assert kind_of(tmp_path / "other.h5") is Kind.HDF5


@pytest.mark.parametrize(
    "format", ["WAV", "AIFF", "FLAC", "OGG", "MP3", "AU", "CAF", "W64", "RF64"]
)
def test_audio_by_any_name(tmp_path, noise, format):
    soundfile.write(tmp_path / "data", noise(4410, 44100, 0), 44100, format=format)
    assert kind_of(tmp_path / "data") is Kind.AUDIO


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x20ftypM4A \0\0\0\0",
        b"\x1a\x45\xdf\xa3\x01webm",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11wma",
        b"\xff\xf1\x50\x80 ADTS",
    ],
)
def test_audio_that_only_other_programs_read(tmp_path, head):
    (tmp_path / "data").write_bytes(head)
    assert kind_of(tmp_path / "data") is Kind.AUDIO


def test_folders(tmp_path):
    run, folds = make_run(tmp_path / "run"), make_run(tmp_path / "folds", "folds")
    comparison, evaluation = tmp_path / "cmp", tmp_path / "result"
    for folder, name in ((comparison, "grid.json"), (evaluation, "metrics.json")):
        folder.mkdir()
        (folder / name).write_text("{}")
    deep = tmp_path / "corpus" / "a" / "b"
    deep.mkdir(parents=True)
    assert kind_of(tmp_path / "corpus") is Kind.FOLDER
    with wave.open(str(deep / "clip"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    assert kind_of(tmp_path / "corpus") is Kind.CORPUS
    assert kind_of(run) is Kind.RUN
    assert kind_of(folds) is Kind.FOLDS
    assert kind_of(comparison) is Kind.COMPARISON
    assert kind_of(evaluation) is Kind.EVALUATION


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"recipe": []}', "9" * 5000, "[" * 100_000]
)
def test_a_run_whose_recipe_is_damaged_is_a_run(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    assert kind_of(tmp_path) is Kind.RUN


def test_models_and_tables(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as file:
        file.writestr("metadata.json", "{}")
    (tmp_path / "corpus.TSV").write_text("path\tlabel\n")
    (tmp_path / "notes.txt").write_text("notes")
    assert kind_of(tmp_path / "model.keras") is Kind.MODEL
    assert kind_of(tmp_path / "corpus.TSV") is Kind.TABLE
    assert kind_of(tmp_path / "notes.txt") is Kind.FILE


def test_what_cannot_be_opened_is_told_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    assert kind_of(tmp_path / "pipe") is Kind.FILE
    assert kind_of("/dev/zero") is Kind.FILE
    for path in ("circle", "x" * 5000, "a\0b"):
        assert kind_of(tmp_path / path) is Kind.FILE
    for path in ("dangling", "gone", "gone/gone"):
        assert kind_of(tmp_path / path) is Kind.MISSING
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "pipe").symlink_to(tmp_path / "pipe")
    assert kind_of(tmp_path / "folder") is Kind.FOLDER


def test_the_message_says_what_was_received(tmp_path, small_store):
    run = make_run(tmp_path / "run")
    assert not_a("a run folder", small_store, "Name another.") == (
        f"{small_store} is a store, not a run folder. Name another."
    )
    assert not_a("a store", run) == f"{run} is a run folder, not a store."
    assert not_a("a store", tmp_path) == f"{tmp_path} is not a store."
    assert not_a("a store", "gone\x1b[2J") == (
        r"gone\x1b[2J is not a store: there is no such file or folder."
    )
