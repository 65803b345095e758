"""asc predict: tables, names that a terminal cannot show, standard input."""

from __future__ import annotations

import csv
import io
import json
import os

import numpy as np
import pytest
from click.testing import CliRunner
from world import run_python

from asc.cli.predict import FORMATS as COMMAND_FORMATS
from asc.cli.predict import predict
from asc.prediction.outputs import FORMATS
from asc.store import FeatureStore
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.run import Run

pytestmark = pytest.mark.usefixtures("mini_models")

#: Runs asc predict with each list of options, in one process.
PROGRAM = """
import json, sys
from asc.cli.main import main
for options in json.loads(sys.argv.pop()):
    sys.argv = ["asc", "predict", "run", "audio", *options]
    try:
        main()
    except SystemExit as stop:
        print("exit code", stop.code)
"""


def make_run(path, store, scenes=None):
    """Make a run whose model was not trained, perhaps with other names of scenes."""
    from asc.pipeline.tensorflow import keras

    run = create_run(path, Recipe(model="dense"), FeatureStore(store))
    if scenes is not None:
        record = json.loads((path / "recipe.json").read_text())
        record["scenes"] = scenes
        (path / "recipe.json").write_text(json.dumps(record))
    inputs = keras.Input((16, 16, 1))
    flat = keras.layers.Flatten()(inputs)
    keras.utils.set_random_seed(0)
    model = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(flat))
    model.save(path / "model.keras")
    return run


def ask(*arguments, **options):
    """Run the command in this process; return what it printed, and its result."""
    found = CliRunner().invoke(
        predict, [str(a) for a in arguments], standalone_mode=False, **options
    )
    return found.stdout, found.stderr, found.exception or found.return_value


def test_a_scene_may_be_called_like_a_column(tmp_path, small_store, few_clips):
    scenes = ["path", "predicted", "scene path", "tram"]
    run = make_run(tmp_path / "run", small_store, scenes)
    clip = few_clips / "audio" / "a000_0_1.wav"
    out, _, code = ask(run.path, clip, "--csv")
    header, row = csv.reader(io.StringIO(out))
    assert header[4:] == ["scene scene path", "scene predicted", "scene path", "tram"]
    assert len(set(header)) == len(header) == len(row) == 8
    out, _, _ = ask(run.path, clip, "--json")
    (record,) = json.loads(out)
    assert list(record["probabilities"]) == scenes
    np.testing.assert_allclose(
        [float(value) for value in row[4:]],
        list(record["probabilities"].values()),
        atol=1e-6,
    )
    assert row[3] == record["top"][0]["scene"]
    assert (code, row[0]) == (0, str(clip))


def test_a_timeline(tmp_path, small_store, few_clips):
    run = make_run(tmp_path / "run", small_store)
    clip = few_clips / "audio" / "a000_0_1.wav"
    options = ("--window", "0.5", "--hop", "0.25", "--timeline")
    (record,) = json.loads(ask(run.path, clip, *options, "--json")[0])
    windows = record["timeline"]
    assert [(w["start"], w["end"]) for w in windows] == [
        (0.0, 0.5),
        (0.25, 0.75),
        (0.5, 1.0),
    ]
    assert record["windows"] == 3
    for scene, probability in record["probabilities"].items():
        each = [w["probabilities"][scene] for w in windows]
        assert np.mean(each) == pytest.approx(probability, abs=1e-6)
    header, *rows = csv.reader(io.StringIO(ask(run.path, clip, *options, "--csv")[0]))
    assert header[:4] == ["path", "start", "end", "predicted"]
    assert [row[1:4] for row in rows] == [
        [f"{w['start']:.3f}", f"{w['end']:.3f}", w["top"][0]["scene"]] for w in windows
    ]
    lines = ask(run.path, clip, *options, "--top", "1")[0].splitlines()
    assert lines[1].startswith(f"{clip}: 0.25-0.75 s  {windows[1]['top'][0]['scene']} ")
    assert len(lines) == 3


def test_a_bad_file_is_told_and_the_code_says_so(tmp_path, small_store, few_clips):
    run = make_run(tmp_path / "run", small_store)
    clip = few_clips / "audio" / "a000_0_1.wav"
    text = tmp_path / "text\x1b[2J.wav"
    text.write_text("text")
    out, err, code = ask(run.path, text, clip)
    assert code == 4
    assert r"text\x1b[2J.wav: not readable as audio" in err
    assert out.startswith(f"{clip}: ") and "\x1b" not in out + err
    out, err, error = ask(run.path, text, tmp_path / "gone.wav", "--json")
    assert str(error) == "No prediction: all 2 files cannot be used."
    assert [record["path"] for record in json.loads(out)] == [
        str(text),
        str(tmp_path / "gone.wav"),
    ]


def test_standard_input(tmp_path, small_store, few_clips, monkeypatch):
    run = make_run(tmp_path / "run", small_store)
    clip = few_clips / "audio" / "a000_0_1.wav"
    expected, _, _ = ask(run.path, clip)
    out, _, code = ask(run.path, "-", input=clip.read_bytes())
    assert (out, code) == (expected.replace(str(clip), "-"), 0)


def test_names_that_the_terminal_lacks(tmp_path, small_store, few_clips):
    make_run(tmp_path / "run", small_store, ["café", "日本", "park", "tram"])
    clip = (few_clips / "audio" / "a000_0_1.wav").read_bytes()
    names = [b"caf\xe9.wav", "日本.wav".encode(), b"\x1b[31mred.wav"]
    (tmp_path / "audio").mkdir()
    for name in names:
        (tmp_path / "audio" / os.fsdecode(name)).write_bytes(clip)
    options = [["--json"], ["--csv"], []]
    found = run_python(
        PROGRAM,
        json.dumps(options),
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
    )
    lines = found.stderr.splitlines()
    shown = [line for line in lines if not line.startswith("predicting")]
    assert shown == ["run: 4 scenes; not evaluated"] * 3
    as_json, as_csv, as_text, _ = found.stdout.split("exit code 0\n")
    records = json.loads(as_json)
    assert {os.fsencode(record["path"]) for record in records} == {
        b"audio/" + name for name in names
    }
    assert list(records[0]["probabilities"]) == list(Run(tmp_path / "run").scenes)
    header, *rows = csv.reader(io.StringIO(as_csv))
    assert (len(header), [len(row) for row in rows]) == (8, [8, 8, 8])
    assert r"audio/\x1b[31mred.wav" in [row[0] for row in rows]
    assert "\x1b" not in found.stdout
    assert as_text.count("\n") == 3


def test_outputs_in_files_and_folders(tmp_path, small_store, few_clips):
    run = make_run(tmp_path / "run", small_store)
    folder, out = few_clips / "audio", tmp_path / "out"
    clips = sorted(path.name for path in folder.iterdir())
    options = ("--format", "raven", "-o", out)
    stdout, err, code = ask(run.path, folder, *options)
    assert (stdout, code) == ("", 0)
    assert f"{run.path}: 4 scenes; not evaluated" in err
    assert sorted(p.name for p in out.iterdir()) == [
        f"{n}.selections.txt" for n in clips
    ]
    (out / f"{clips[0]}.selections.txt").unlink()
    _, err, _ = ask(run.path, folder, *options, "--skip-existing")
    assert f"{len(clips) - 1} files were left out: the outputs are in" in err
    assert len(list(out.iterdir())) == len(clips)
    (tmp_path / "text.wav").write_text("text")
    again = (folder, tmp_path / "text.wav", *options, "--skip-existing")
    assert ask(run.path, *again)[2] == 4  # as the command that made the others
    target = tmp_path / "all.csv"
    _, _, code = ask(run.path, folder, tmp_path / "text.wav", "-o", target)
    assert code == 4 and len(target.read_text().splitlines()) == len(clips) + 1
    target.unlink()
    _, _, error = ask(run.path, tmp_path / "text.wav", "-o", target)
    assert "No prediction" in str(error) and not target.exists()


def test_labels_have_tabs(tmp_path, small_store, few_clips):
    run = make_run(tmp_path / "run", small_store)
    clip = few_clips / "audio" / "a000_0_1.wav"
    out, err, _ = ask(run.path, clip, "--format", "audacity", "--window", "0.5")
    start, end, label = out.splitlines()[0].split("\t")
    assert start == "0.000000" and float(end) in (0.5, 1.0)
    assert label.rpartition(" ")[0] in run.scenes
    _, _, error = ask(run.path, clip, clip.parent, "--format", "audacity")
    assert "Name a folder: -o FOLDER." in str(error)


def test_formats_are_those_of_the_package():
    assert COMMAND_FORMATS == FORMATS
