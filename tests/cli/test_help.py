"""Help in groups, -h and -q, completion, and ``python -m asc``."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from asc.cli.commands import PROGRAMS
from asc.cli.listener import ProgressCallback
from asc.cli.options import Settings, note, verbose_option
from asc.cli.progress import progress


def completed(program, *words):
    """Return what the shell offers for the last word, and of which kind."""
    shell = ShellComplete(PROGRAMS[program], {}, program, "_X_COMPLETE")
    items = shell.get_completions(list(words[:-1]), words[-1])
    return [item.value for item in items], {item.type for item in items}


@pytest.mark.parametrize(
    ("program", "words", "expected"),
    [
        ("asc", ["sto"], "store"),
        ("asc", ["store", "ver"], "verify"),
        ("asc", ["extract", "--dtype", "float3"], "float32"),
        ("asc-extract", ["--channels", "mid"], "midside"),
        ("asc-extract", ["--backend", "thr"], "threading"),
        ("asc-extract", ["--feature", "pc"], "pcen"),
        ("asc-extract", ["--format", "ur"], "urbansound8k"),
        ("asc-train", ["--model", "cp"], "cp-resnet"),
        ("asc-train", ["--optimizer", "sg"], "sgd"),
        ("asc-train", ["--recipe", "bett"], "better"),
        ("asc", ["evaluate", "--part", "val"], "validation"),
    ],
)
def test_names_are_completed(program, words, expected):
    assert completed(program, *words) == ([expected], {"plain"})


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("asc-extract", ["corp"]),
        ("asc-extract", ["corpus", "st"]),
        ("asc", ["evaluate", "runs/a", "runs/b"]),
        ("asc-train", ["--recipe", "./my"]),
    ],
)
def test_files_are_left_to_the_shell(program, words):
    assert completed(program, *words) == ([words[-1]], {"file"})


@pytest.mark.parametrize("program", ["asc-extract", "asc-train"])
def test_every_option_is_in_one_group(program):
    command = PROGRAMS[program]
    context = click.Context(command, info_name=program, terminal_width=200)
    text = command.get_help(context)
    for option in command.params:
        if isinstance(option, click.Option):
            name = max(option.opts, key=len)
            starts = [
                line[:40].split() for line in text.splitlines() if line[:2] == "  "
            ]
            assert sum(name in words and "-" == words[0][0] for words in starts) == 1
    groups = [
        line for line in text.splitlines() if line[:1].strip() and line[-1] == ":"
    ]
    assert len(groups) > 3 and groups[-1] == "Other options:"


def test_h_is_help_and_dash_m_is_asc():
    command = [sys.executable, "-m", "asc", "env", "-h"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: asc env") and "asc env --json" in done.stdout


@pytest.mark.parametrize("options", [[], ["-q"]])
def test_quiet_means_no_progress_and_no_notes(options, monkeypatch):
    monkeypatch.setattr("asc.cli.progress._SECONDS", -1)

    @click.command()
    @verbose_option
    def work():
        with progress("working", "clips") as show:
            show(10, 10)
        note("a clip is silent")
        record = {"epoch": 1.0, "seconds": 2.0, "loss": 0.5}
        ProgressCallback().epoch(record, best=True)
        click.echo("accuracy 50 %")

    done = CliRunner().invoke(work, options, obj=Settings())
    said = [word in done.output for word in ("working", "silent", "epoch 1", "50 %")]
    assert said == ([False, False, False, True] if options else [True] * 4)
