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
from asc.cli.options import GroupedCommand, Settings, note, verbose_option
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
        ("asc", ["compare", "--grid", "sl"], "slides"),
        ("asc-train", ["--weights", "imag"], "imagenet"),
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
        ("asc-train", ["--init-from", "run"]),
    ],
)
def test_files_are_left_to_the_shell(program, words):
    assert completed(program, *words) == ([words[-1]], {"file"})


def commands(command=PROGRAMS["asc"], name="asc"):
    """Yield every command, groups too, and its name."""
    yield name, command
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from commands(inner, f"{name} {word}")


def page(name, command, width):
    """Return the help page of a command."""
    settings = command.context_settings
    context = click.Context(
        command,
        info_name=name,
        terminal_width=width,
        max_content_width=width,
        **settings,
    )
    return command.get_help(context)


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_a_help_page_fits_a_terminal_and_cuts_nothing(name, command):
    lines = page(name, command, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...") and "  " in line.strip()]


@pytest.mark.parametrize(
    ("name", "command"),
    [pair for pair in commands() if not isinstance(pair[1], click.Group)],
)
def test_every_command_has_one_habit(name, command):
    options = [each for each in command.params if isinstance(each, click.Option)]
    named = {option.opts[0] for option in options}
    assert {"-v", "-q"} <= named
    own = [option for option in options if option.opts[0] not in ("-v", "-q", "--json")]
    grouped = isinstance(command, GroupedCommand)
    assert grouped or len(own) < 6  # more of them are shown in groups
    text = page(name, command, 200)
    for option in own:
        assert option.help and option.help[0].isupper() and option.help[-1] in ".]"
        if isinstance(option.default, (int, float, str)) and option.default:
            context = click.Context(command, **command.context_settings)
            assert "[default: " in option.get_help_record(context)[1]
        starts = [line[:40].split() for line in text.splitlines() if line[:2] == "  "]
        shown = [
            max(option.opts, key=len) in line for line in starts if line[0][0] == "-"
        ]
        assert sum(shown) == 1
    if grouped:
        titles = [line for line in text.splitlines() if line[:1].strip()]
        assert len(titles) > 3 and titles[-1] == "Other options:"


def test_choices_are_those_of_the_library():
    """They are written twice: its modules would keep who asks for help waiting."""
    from asc.experiments.compare import BACKENDS as COMPARE_BACKENDS
    from asc.features import CHANNELS, DTYPES
    from asc.parallel import BACKENDS
    from asc.prediction.outputs import FORMATS
    from asc.reporting.page import FORMATS as FIGURE_FORMATS
    from asc.synthetic.corpus import LAYOUTS
    from asc.training.machine import DEVICES

    found = {
        (name, option.name): tuple(option.type.choices)
        for name, command in commands()
        for option in command.params
        if isinstance(option.type, click.Choice)
    }
    assert not [
        option.name
        for _, command in commands()
        for option in command.params
        if type(option.type) is click.Choice  # offers no nearest name
    ]
    assert found["asc extract", "dtype"] == DTYPES
    assert found["asc extract", "channels"] == tuple(CHANNELS)
    assert found["asc extract", "backend"] == BACKENDS
    assert found["asc compare", "backend"] == COMPARE_BACKENDS
    assert found["asc corpus synth", "layout"] == LAYOUTS
    assert found["asc train", "device"] == DEVICES
    assert set(found["asc report", "figure_format"]) == set(FIGURE_FORMATS)
    assert found["asc predict", "formats"] == tuple(FORMATS)


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
