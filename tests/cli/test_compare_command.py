"""asc compare as a user runs it: tables, exit codes, killed and gone on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from world import COMMANDS, call_command, python_command, run_command, wait_for

COMPARE = ("compare", "small.h5", "--import", "mini_models", "--monitor", "loss")
TRAINING = ("--epochs", "1", "--batch-size", "8", "--augment", "none", "--no-baseline")


@pytest.fixture
def folder(tmp_path: Path, small_store: Path) -> Path:
    os.link(small_store, tmp_path / "small.h5")
    return tmp_path


def test_facts_and_then_the_table(folder):
    grid = ("--model", "dense,broken", "--split", "random", "--split", "recording")
    arguments = (*COMPARE, *TRAINING, *grid, "--folder", "c")
    first = run_command("asc", *arguments, "--json", cwd=folder)
    assert first.returncode == 4, first.stderr
    facts = json.loads(first.stdout)
    assert [entry["status"] for entry in facts["entries"]] == ["done", "failed"] * 2
    assert (len(facts["cells"]), len(facts["gaps"]), facts["folder"]) == (4, 1, "c")
    assert "4 runs -> c" in first.stderr
    assert "4/4  recording-broken-none-mel-seed0: failed: ValueError" in first.stderr
    assert "retracing" not in first.stderr

    again = call_command("asc", *arguments, cwd=folder)
    assert again.returncode == 4, again.stderr
    assert again.stderr.count("failed: ValueError: no layers at all") == 2
    progress, _, table = again.stdout.partition("\nsplit random, leakage ")
    assert "dense" not in progress  # only what failed was tried again
    assert "split recording, leakage 0 %, chance 25.0 %\nmodel" in table
    rows = [line.split() for line in table.splitlines()]
    assert ["broken", "none", "mel", "failed", "-", "-"] in rows
    *figures, gap = [row for row in rows if row[:3] == ["dense", "none", "mel"]]
    for row, cell in zip(figures, facts["cells"][::2], strict=True):
        limits = [
            "-".join(f"{100 * end:.1f}" for end in cell[name])
            for name in ("ci95", "ci95_cautious")
        ]
        assert row[3:] == [f"{100 * cell['mean']:.1f}", *limits]
    (found,) = facts["gaps"]
    low, high = found["ci95_cautious"]
    assert gap[3:] == f"{found['points']:+.1f} [{low:+.1f} to {high:+.1f}]".split()
    assert "conservative 95 % CI: the two have other test clips" in table
    assert "gap: split random minus split recording, percentage points" in table

    other = call_command("asc", *arguments, "--epochs", 2, cwd=folder)
    assert other.returncode == 6
    assert "grid.settings.epochs" in other.stderr and "1 -> 2" in other.stderr


def test_killed_and_gone_on(folder):
    """No run is trained twice, whenever the process was killed."""
    grid = ("--model", "dense", "--seed", "0,1")
    arguments = (*COMPARE, *TRAINING, *grid, "--folder", "c")
    command = python_command(COMMANDS["asc"], *arguments)
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    finished = folder / "c" / "runs" / "random-dense-none-mel-seed0" / "metrics.json"
    wait_for(finished.exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = finished.stat().st_mtime_ns
    done = call_command("asc", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert finished.stat().st_mtime_ns == before
    assert "2/2" in done.stdout and "1/2" not in done.stdout and "±" in done.stdout
    results = (folder / "c" / "results.csv").read_text().splitlines()
    assert len(results) == 3 and all(",done," in line for line in results[1:])


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--model", "simple-cmn"), 2, "Did you mean 'simple-cnn'"),
        (("--split", "fold9"), 2, "Did you mean 'fold"),
        (("--seed", "one"), 2, "--seed takes whole numbers"),
        (("--grid", "nowhere.json"), 3, "nowhere.json"),
        (("--grid", "slidez"), 2, "Did you mean 'slides'"),
        (("--backend", "dusk"), 2, "Did you mean 'dask'"),
    ],
)
def test_mistakes_are_told_before_anything(options, code, sentence, folder):
    done = call_command("asc", "compare", "small.h5", *options, cwd=folder)
    assert done.returncode == code
    assert sentence in done.stderr
    assert not (folder / "cache" / "comparisons").exists()


def test_what_options_make_of_a_grid(folder):
    from asc.cli.compare import _grid
    from asc.experiments.grid import GRIDS, Grid

    slides = Grid(**GRIDS["slides"])

    assert _grid(None, None, {}) == Grid()
    assert _grid("slides", None, {}) == slides
    beside = _grid("slides", None, {"split": ("recording", "random,folds")})
    assert beside.splits == ("random", "recording", "folds")
    assert beside.models == slides.models
    fewer = _grid(
        "slides", None, {"model": ("cnn-rnn",), "epochs": 3, "seed": ("1,2",)}
    )
    assert (fewer.models, fewer.features) == (("cnn-rnn",), ("stft", "mel"))
    assert (fewer.seeds, fewer.settings) == ((1, 2), {"epochs": 3})
    better = _grid(None, "better", {"split": ("recording",)})
    assert (better.augments, better.splits) == (("both",), ("recording",))
    assert better.settings["optimizer"] == "adamw"
    assert _grid("slides", "better", {}).augments == slides.augments

    # Recipes with a model of their own are variants; options override them.
    two = _grid(None, "fast,strong", {"epochs": 20, "split": ("folds",)})
    assert [(run.variant, run.recipe.model) for run in two.runs()] == [
        ("linear", "linear"),
        ("fast", "mobile"),
        ("strong", "cp-resnet"),
    ]
    assert {recipe.epochs for recipe in two.recipes()} == {20}
    assert [*_grid(None, "mobile", {}).variants] == ["mobile"]
    one = _grid(None, "strong", {"model": ("simple-cnn",)})
    assert (one.variants, one.models) == ({}, ("simple-cnn",))
    assert one.settings["label_smoothing"] == 0.1
