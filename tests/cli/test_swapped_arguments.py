"""A path of another kind than a command takes: it says what it got, and what to do."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from world import call_command, finish_run

from asc.kinds import Kind, kind_of
from asc.reporting.templating import GENERATOR
from asc.store import FeatureStore

KINDS = {
    "s.h5": Kind.STORE,
    "clip.wav": Kind.AUDIO,
    "corpus": Kind.CORPUS,
    "run": Kind.RUN,
    "comparison": Kind.COMPARISON,
    "evaluation": Kind.EVALUATION,
    "report.html": Kind.REPORT,
    "model.keras": Kind.MODEL,
    "bundle.zip": Kind.BUNDLE,
    "table.csv": Kind.TABLE,
    "notes.txt": Kind.FILE,
    "empty": Kind.FOLDER,
    "gone": Kind.MISSING,
}
RUNS = {Kind.RUN, Kind.BUNDLE}
#: Commands with X for the path -> the kinds that it takes.
COMMANDS = {
    "asc-train X": {Kind.STORE},
    "asc store info X": {Kind.STORE},
    "asc store verify X": {Kind.STORE},
    "asc store preview X": {Kind.STORE},
    "asc store push X there/": {Kind.STORE},
    "asc compare X": {Kind.STORE},
    "asc evaluate run --store X": {Kind.STORE},
    "asc-extract X out.h5": {Kind.CORPUS, Kind.TABLE, Kind.FOLDER, Kind.MISSING},
    "asc corpus info X": {Kind.CORPUS, Kind.TABLE, Kind.FOLDER, Kind.MISSING},
    "asc-train --resume X": {Kind.RUN},
    "asc-train s.h5 --init-from X": RUNS,
    "asc evaluate X": RUNS,
    "asc predict X clip.wav": RUNS,
    "asc export X --to keras": RUNS,
    "asc report X -o new.html": {Kind.RUN, Kind.COMPARISON, Kind.EVALUATION},
    "asc report run --audio X -o new.html": {
        kind for name, kind in KINDS.items() if "." not in name
    },
    # A grid is a text, whatever its name.
    "asc compare s.h5 --grid X": {
        *(Kind.COMPARISON, Kind.TABLE, Kind.FILE, Kind.MISSING)
    },
}
#: Commands -> what they say.
ADVICE = {
    "asc-train clip.wav": "clip.wav is an audio file, not a store. asc-extract makes"
    " one of a folder of audio: asc-extract CORPUS STORE.",
    "asc-train corpus": "corpus is a folder of audio, not a store. asc-extract makes"
    " one of it: asc-extract corpus STORE.",
    "asc-train run": "To continue this run: asc-train --resume run",
    "asc-train report.html": "report.html is a report, not a store.",
    "asc-extract s.h5": "s.h5 is a store. The corpus comes first",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_store: Path, few_clips: Path) -> Path:
    """Return a folder with one path of each kind."""
    folder = tmp_path_factory.mktemp("swapped")
    shutil.copy(small_store, folder / "s.h5")
    shutil.copy(few_clips / "audio" / "a000_0_1.wav", folder / "clip.wav")
    shutil.copytree(few_clips, folder / "corpus")
    finish_run(folder / "run", FeatureStore(small_store), split="recording")
    shutil.copytree(folder / "run", folder / "evaluation")
    (folder / "evaluation" / "recipe.json").unlink()
    (folder / "comparison").mkdir()
    (folder / "comparison" / "grid.json").write_text(json.dumps({}))
    (folder / "report.html").write_text(f"<!doctype html>{GENERATOR}")
    for name, member in (
        ("model.keras", "metadata.json"),
        ("bundle.zip", "asc-model.json"),
    ):
        with zipfile.ZipFile(folder / name, "w") as file:
            file.writestr(member, "{}")
    for name in ("table.csv", "notes.txt"):
        (folder / name).write_text("a,b\n")
    (folder / "empty").mkdir()
    assert {name: kind_of(folder / name) for name in KINDS} == KINDS
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_it_says_what_it_got_and_makes_nothing(folder, command):
    before = sorted(folder.rglob("*"))
    for name, kind in KINDS.items():
        if kind in COMMANDS[command]:
            continue
        words = [name if word == "X" else word for word in command.split()]
        done = call_command(*words, cwd=folder)
        assert done.returncode in (2, 3, 5), (name, done.stderr)
        (sentence,) = done.stderr.splitlines()[-1:]
        if kind in (Kind.FILE, Kind.FOLDER):
            assert f"{name} is not " in sentence
        elif kind is Kind.MISSING:
            assert "no such file" in sentence
        else:
            assert f"{name} is {kind.value}" in sentence
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("command", ADVICE)
def test_it_says_what_to_do(folder, command):
    assert ADVICE[command] in call_command(*command.split(), cwd=folder).stderr
