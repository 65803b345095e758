"""asc runs: what is listed, and what is removed."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner
from world import finish_run

from asc.cli.runs import runs
from asc.errors import InputError, UsageError
from asc.experiments.runs import list_runs


def run_in_process(*arguments, **options):
    """Return the output of a command, which must succeed."""
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(runs, words, standalone_mode=False, **options)
    if result.exception:
        raise result.exception
    assert result.return_value == 0
    return result.stdout


@pytest.fixture
def folder(tmp_path, store, monkeypatch):
    """Return a cache with a finished run, an unfinished one and a damaged one."""
    monkeypatch.setenv("ASC_CACHE", str(tmp_path))
    for name, recipe in (
        ("runs/honest", {"split": "recording"}),
        ("runs/stopped", {"split": "random"}),
        ("comparisons/c/runs/a", {"split": "random", "model": "cnn-rnn"}),
    ):
        run = finish_run(tmp_path / name, store, **recipe).path
        (run / "state").mkdir()
        (run / "state" / "epoch-0002.keras").write_bytes(bytes(1000))
        (run / "state" / "statistics.json").write_text("{}")
    (tmp_path / "runs/stopped/metrics.json").unlink()
    (tmp_path / "runs/damaged").mkdir()
    (tmp_path / "runs/damaged/recipe.json").write_text("{\x1b")
    (tmp_path / "runs/notes").mkdir()
    # What a link leads to is not a run of this folder.
    os.symlink(tmp_path / "comparisons", tmp_path / "runs/link")
    return tmp_path


def test_runs_of_the_cache_and_their_sizes(folder):
    told = json.loads(run_in_process("list", "--json"))
    found = {entry["path"]: entry for entry in told["runs"]}
    assert {
        path.removeprefix(f"{folder}/"): e["status"] for path, e in found.items()
    } == {
        "comparisons/c/runs/a": "finished",
        "runs/damaged": "damaged",
        "runs/honest": "finished",
        "runs/stopped": "unfinished",
    }
    honest = folder / "runs" / "honest"
    entry = found[str(honest)]
    metrics = json.loads((honest / "metrics.json").read_text())
    for key in ("accuracy", "leakage", "model", "split"):
        assert entry[key] == metrics[key]
    assert entry["leakage"] == 0
    assert entry["state_bytes"] == 1000
    assert entry["bytes"] == sum(
        file.stat().st_size for file in honest.rglob("*") if file.is_file()
    )
    environment = json.loads((honest / "environment.json").read_text())
    assert entry["started"][:16] == environment["started"][:16]
    assert told["state_bytes"] == 3000

    text = run_in_process("list")
    assert "\x1b" not in text and text.splitlines()[-1].startswith("4 runs, ")
    (line,) = [line.split() for line in text.splitlines() if "honest" in line]
    assert line[2:4] == ["simple-cnn", "recording"]
    assert line[4:8] == [f"{100 * metrics['accuracy']:.1f}", "%", "0", "%"]


def test_every_damaged_run_is_named_but_not_hundreds(folder, monkeypatch):
    file = folder / "runs/honest/metrics.json"
    metrics = json.loads(file.read_text())
    file.write_text(json.dumps(metrics | {"accuracy": 0.123}))
    told = run_in_process("list", "--status", "damaged", "--json")
    errors = {run["path"]: run["error"] for run in json.loads(told)["runs"]}
    assert len(errors) == 2
    assert all(error.startswith(f"{path}/") for path, error in errors.items())
    assert "accuracy must be" in errors[str(file.parent)]

    monkeypatch.setattr("asc.cli.runs._MOST_ERRORS", 1)
    result = CliRunner().invoke(runs, ["list"], standalone_mode=False)
    notes = [line for line in result.stderr.splitlines() if line.startswith("note:")]
    assert len(notes) == 2 and notes[1].startswith("note: 1 more is damaged: ")


def test_runs_are_sorted_and_chosen(folder):
    def names(*options):
        told = json.loads(run_in_process("list", "--json", *options))
        return [os.path.basename(entry["path"]) for entry in told["runs"]]

    file = folder / "runs/honest/environment.json"
    facts = json.loads(file.read_text()) | {"started": "2001-01-01T00:00:00+0000"}
    file.write_text(json.dumps(facts))
    (folder / "runs/stopped/large").write_bytes(bytes(1_000_000))

    assert sorted(names("--split", "random")) == ["a", "stopped"]
    assert names("--split", "random", "--model", "cnn-rnn") == ["a"]
    assert names("--status", "damaged") == ["damaged"]
    assert names("--sort", "size", "--limit", 1) == ["stopped"]
    assert names("--sort", "leakage")[:2] == ["honest", "a"]
    assert names("--sort", "started")[-1] == "honest"
    found = json.loads(run_in_process("list", "--json", "--sort", "accuracy"))["runs"]
    accuracies = [entry["accuracy"] for entry in found]
    assert accuracies[:2] == sorted(accuracies[:2], reverse=True)
    assert accuracies[2:] == [None, None]
    lines = run_in_process("list", "--sort", "accuracy").splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [e["path"] for e in found]


def test_clean_drops_the_state_of_finished_runs_alone(folder):
    place = folder / "runs"
    before = {path for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="--yes"):
        run_in_process("clean", place)
    assert "would free 1 kB of 1 run" in run_in_process("clean", place, "--dry-run")
    assert before == {path for path in folder.rglob("*") if path.is_file()}

    told = json.loads(run_in_process("clean", place, "--yes", "--json"))
    assert told["freed_bytes"] == 1000
    assert told["runs"] == [str(place / "honest")]
    after = {path for path in folder.rglob("*") if path.is_file()}
    assert before - after == {place / "honest" / "state" / "epoch-0002.keras"}
    assert "0 kB freed" in run_in_process("clean", place, "--yes")


def test_clean_keeps_the_model_of_a_run_called_state(folder):
    run = (folder / "runs" / "honest").rename(folder / "state")
    (run / "model.keras").write_bytes(b"the best epoch")
    told = json.loads(run_in_process("clean", run, "--yes", "--json"))
    assert told["freed_bytes"] == 1000
    assert (run / "model.keras").exists()
    assert not (run / "state" / "epoch-0002.keras").exists()


def test_a_place_that_is_no_folder_of_runs(small_store, tmp_path):
    assert list_runs([tmp_path]) == []
    with pytest.raises(InputError, match="is a store, not a folder of runs"):
        list_runs([small_store])
