"""asc report as a user runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from page_reader import Page
from world import call_command, finish_run, run_python

import asc
from asc.store import FeatureStore


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_store):
    folder = tmp_path_factory.mktemp("command")
    finish_run(folder / "run", FeatureStore(small_store), split="recording")
    return folder


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    program = "import sys; from asc.cli.main import main\ntry: main()\nfinally: print("
    program += "'tensorflow' in sys.modules)"
    return run_python(program, "report", *arguments, cwd=cwd)


def test_a_report_by_command(folder):
    options = ("--no-baseline", "--figures", "figures", "--figure-format", "svg")
    done = command("run", "-o", "page.html", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    message, loaded = done.stdout.splitlines()
    assert message.startswith("page.html: ") and message.endswith("B")
    assert loaded == "False", "a report needs no TensorFlow"
    page = Page((folder / "page.html").read_text("utf-8"))
    page.assert_harmless()
    files = [file.name for file in (folder / "figures").iterdir()]
    assert {"run-loss.svg", "run-confusion.svg", "clip-cafe_restaurant.svg"} < {*files}
    assert len(files) == len([n for n in page.nodes if n.tag in ("svg", "img")])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing",), 3, "is not a run, comparison or evaluation"),
        ((), 2, "Missing argument"),
        (("run", "-o", "run/log.txt"), 2, "not a report"),
        (("run", "-o", "no/page.html"), 3, "does not exist"),
        (("run", "--audio", "no"), 3, "no such file or folder"),
        (("run", "--with-audio"), 2, "--audio"),
        (("run", "--figures", "bad.html"), 2, "not a folder"),
        (("run", "--figure-format", "svg"), 2, "--figures"),
        (("run", "--template", "no"), 3, "does not exist"),
        (("run", "--template", "bad.html"), 3, "bad.html, line 2"),
    ],
)
def test_an_error_is_one_sentence(folder, arguments, code, words):
    (folder / "run" / "log.txt").touch()
    (folder / "bad.html").write_text("\n{{ nothing }}")
    done = call_command("asc", "report", *arguments, cwd=folder)
    assert done.returncode == code, done.stderr
    assert words in done.stderr


def test_examples_of_an_augmentation_of_a_user(folder, small_store):
    (folder / "lab.py").write_text(
        "import numpy as np, asc\n\n\n"
        "@asc.register_augmentation('gain')\n"
        "class Gain:\n"
        "    def draw(self, rng, rows, shape):\n"
        "        return {'codes': rng.uniform(-2, 2, len(rows))}\n\n"
        "    def apply(self, features, labels, codes):\n"
        "        features += codes[:, None, None, None]\n"
    )
    finish_run(
        folder / "own", FeatureStore(small_store), split="recording", augment="gain"
    )
    done = call_command(
        "asc", "report", "own", "--import", "lab", "-o", "own.html", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    found = Page((folder / "own.html").read_text("utf-8"))
    assert found.one("figure", data_transforms="gain")
    assert not found.find(data_unregistered="")


def test_a_bad_template_or_output_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("asc.reporting.page.gather", None)
    for options, sentence in (
        ({"template": tmp_path / "no.html"}, "no.html does not exist"),
        ({"output": tmp_path}, "is a folder. Name a file"),
    ):
        with pytest.raises(ValueError, match=sentence):
            asc.report("run", **{"output": tmp_path / "report.html"} | options)
