"""Every block of code in the documentation runs, in a short form.

The README runs first: what it makes is what other pages start with. Each of them runs
in a folder of its own. Corpora have 18 clips of a second, features 16 x 16 values, and
all networks are replaced by the smallest one. Trainings of other pages only show their
recipe, unless they use code of the page; comparisons are dry runs. What needs a server,
a cluster, a GPU or a large download is parsed: its command and options exist.
"""

from __future__ import annotations

import ast
import csv
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
import soundfile
from click.testing import CliRunner
from pages import PAGES, ROOT, blocks, commands
from world import modules_of_a_user

import asc
from asc import extraction
from asc.cli.commands import PROGRAMS
from asc.cli.options import Settings
from asc.experiments import outputs
from asc.models.entries import MODELS

README = ROOT / "README.md"
#: Programs of others. Names of packages and extras are checked by other tests.
OTHERS = {".", "bin/demo", "bin/docs", "bin/test", "cat", "eval", "pip", "python"}
OTHERS |= {"python3", "bin/bench"}
#: Words of commands that need what a test does not have.
NEEDS_MORE = {
    *("--backend", "--scheduler", "--strategy"),
    *("--jit", "gpu", "download", "-", "litert-int8"),
    "cache/runs/folds",  # a training of all folds
}
#: Values that make a command short.
SHORT = {
    "--scenes": "3",
    "--recordings": "6",
    "--clips": "1",
    "--epochs": "2",
    "--steps": "16",
    "--validate-steps": "8",
    "--cities": "2",
}
#: Options that make a command short, by its first words.
ADDED = {
    ("asc", "corpus", "synth"): ["--seconds", "1"],
    ("asc-extract",): ["--rows", "16", "--columns", "16", "--jobs", "1"],
    ("asc", "compare"): ["--dry-run"],
    ("asc", "report"): ["--no-inspect", "--no-baseline"],
}
#: What pages find in their folder -> what the README has made there.
FOUND = {
    "cache/synthetic.h5": [
        *("small.h5", "other.h5", "tut2017.h5", "esc10.h5", "cache/tut2017.h5"),
        "cache/tut2017-evaluation.h5",
    ],
    "cache/synthetic": ["tut2017", "tut2017-evaluation"],
    "cache/runs/honest": [
        *("RUN", "cache/runs/first", "cache/runs/second", "cache/runs/large"),
        *("cache/runs/all", "cache/runs/interrupted", "cache/runs/kept"),
        *("cache/runs/development", "cache/comparisons/tut2017-slides"),
    ],
    "walk.wav": ["street.wav", "recordings/1.wav", "day/a.flac"],
}


def parse(words: list[str]) -> None:
    """Check that a command and its options exist, without running it."""
    command, (name, *rest) = PROGRAMS[words[0]], words
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(click.Context(command), rest)
        assert found is not None
        command = found
    command.make_context(name, rest, obj=Settings())


def run(words: list[str], trains: bool) -> None:
    """Run a command in its short form; trainings at least show their recipe."""
    if words[0] == "asc-train" and not (trains or "--import" in words):
        words += ["--show"]
    for place, word in enumerate(words[:-1]):
        if word in SHORT and "--show" not in words:
            words[place + 1] = SHORT[word]
    for start, options in ADDED.items():
        if tuple(words[: len(start)]) == start and options[0] not in words:
            words += options
    if words[0] == "asc-train" and not {"--epochs", "--steps", "--show"} & set(words):
        words += ["--epochs", "1"]
    done = CliRunner().invoke(
        PROGRAMS[words[0]], words[1:], standalone_mode=False, obj=Settings()
    )
    if done.exception is not None:
        raise done.exception
    assert not done.return_value, done.output


def is_out_of_reach(words: list[str]) -> bool:
    """Return whether a command needs what a test does not have."""
    return bool(NEEDS_MORE & set(words)) or any(
        "://" in word or word.startswith("/") for word in words
    )


def run_page(page: Path, done: list[list[str]]) -> None:
    """Run what a page has, in the current folder, and note its commands."""
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.file:
            Path(block.file).write_text(block.text)
            if block.file.endswith(".csv"):
                complete_table(Path(block.file))
        elif block.language == "python":
            code = compile(block.text, page.name, "exec")
            if all(find_spec(name) for name in imported(block.text)):
                exec(code, names)
        elif block.language == "sh":
            for words in commands(block.text):
                while "=" in words[0]:  # variables of the environment
                    words = words[1:]
                if words[0] not in PROGRAMS:
                    assert words[0] in OTHERS, words
                elif is_out_of_reach(words):
                    parse(words)
                elif words not in done:
                    done.append(words[:])
                    run(words, trains=page == README)
        else:
            assert block.language == "text", block


def imported(text: str) -> set[str]:
    """Return the packages that a block imports; it is only compiled without them."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
    return found


def complete_table(path: Path) -> None:
    """Add the clips of the folder ``corpus`` to a table that shows some of them."""
    with path.open() as file:
        columns = csv.DictReader(file).fieldnames
    clips = asc.open_corpus("cache/synthetic").clips
    parts = ("train", "train", "train", "validation", "test")
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        for number, clip in enumerate(clips):
            table.writerow(
                {
                    "path": f"corpus/{clip.scene}/{Path(clip.path).name}",
                    "label": clip.scene,
                    "recording": clip.recording,
                    "split": parts[number % len(parts)],
                }
            )


def write_corpora() -> None:
    """Write what a reader of the README brings along."""
    clips = asc.open_corpus(
        asc.write_synthetic_corpus("made", scenes=3, recordings=6, clips=1, seconds=1)
    ).clips
    lines = []
    for clip in clips:
        place = Path("corpus", clip.scene, Path(clip.path).name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("made", clip.path), place)
        lines.append(f"{place.relative_to('corpus')}\t{clip.scene}\n")
    copy(Path("corpus"), Path("labelled"))
    Path("labelled", "labels.txt").write_text("".join(lines))
    shutil.copy("made/meta.txt", "meta.txt")
    y, rate = soundfile.read(Path("made", clips[0].path))
    soundfile.write("walk.wav", [*y, *y, *y], rate)
    shutil.rmtree("made")


def link_audio(source: str, target: str) -> None:
    """Copy a file; audio, which nothing changes, has two names instead."""
    (os.link if source.endswith(".wav") else shutil.copy)(source, target)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=link_audio)
    else:
        link_audio(str(source), str(target))


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder; forget what is registered and imported there."""
    before, modules = Path.cwd(), set(sys.modules)
    with modules_of_a_user():
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
            for name in set(sys.modules) - modules:
                if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                    del sys.modules[name]


@pytest.fixture
def short(monkeypatch, mini_models):
    """Make everything small: networks, features, and no pictures of trainings."""
    dense = MODELS.get("dense").builder
    with MODELS.restored():
        for name in set(MODELS.names()) - {"dense", "linear"}:
            asc.register_model(name, dense, replace=True)
        small = partial(extraction.plan, rows=16, columns=16)
        monkeypatch.setattr(extraction, "plan", small)
        monkeypatch.setattr(outputs, "draw_training", lambda *args, **kwargs: None)
        yield


def test_every_block_runs(short, tmp_path, subtests, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    start = tmp_path / "start"
    start.mkdir()
    with inside(start):
        write_corpora()
        run_page(README, done := [])
        for made, names in FOUND.items():
            for name in names:
                copy(Path(made), Path(name))
        Path("clips.csv").write_text("path,label,recording,split\n")
        complete_table(Path("clips.csv"))
    for number, page in enumerate(PAGES):
        if page != README and blocks(page):
            with subtests.test(page.name):
                folder = tmp_path / str(number)
                copy(start, folder)
                with inside(folder):
                    run_page(page, done[:])
