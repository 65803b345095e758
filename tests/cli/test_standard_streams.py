"""Standard streams that are closed, full, or without a reader."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from world import COMMANDS, MINI_MODELS, python_command

from asc.experiments import experiment
from asc.training.recipe import Recipe

CLOSED = """
import os, sys
for number in map(int, sys.argv.pop(1)):
    os.close(number)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
#: What other programs set, with values that would end a training or change it.
FOREIGN = {
    "MPLBACKEND": "module://no_such_backend",
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "0",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "KERAS_NNX_ENABLED": "1",
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CONFIG": "rubbish",
    "PYTHONWARNINGS": "error",
    "PYTHONIOENCODING": "ascii",
    "LC_ALL": "C",
    "LIBROSA_CACHE_LEVEL": "rubbish",
    "LOKY_PICKLER": "rubbish",
    "JOBLIB_START_METHOD": "rubbish",
    "NUMBA_CACHE_LOCATOR_CLASSES": "Rubbish",
}
KERAS = {
    "backend": "torch",
    "image_data_format": "channels_first",
    "floatx": "float16",
    "epsilon": 0.1,
}
MATPLOTLIB = (
    "text.usetex: True\naxes.facecolor: black\nfont.size: 40\nbackend: nosuch\n"
)


def test_a_training_goes_on_without_reader_and_with_settings_of_others(
    tmp_path, small_store, mini_models
):
    """It gives what one without them gives, and its pictures look the same."""
    (tmp_path / "keras.json").write_text(json.dumps(KERAS))
    (tmp_path / "matplotlibrc").write_text(MATPLOTLIB)
    # Nobody can make a folder below a file, not even root.
    (tmp_path / "file").touch()
    folders = dict.fromkeys(("HOME", "TMPDIR"), str(tmp_path / "file" / "folder"))
    reader, writer = os.pipe()
    os.close(reader)
    options = ("--import", MINI_MODELS.stem, "--model", "dense", "--augment", "none")
    options += ("--split", "recording", "--epochs", "2", "--batch-size", "4")
    result = subprocess.run(
        python_command(COMMANDS["asc-train"], small_store, *options, "--run", "run"),
        cwd=tmp_path,
        env=os.environ | FOREIGN | folders | {"KERAS_HOME": str(tmp_path)},
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=300,
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")

    recipe = Recipe(
        model="dense", augment="none", split="recording", epochs=2, batch_size=4
    )
    run, other = experiment.train(small_store, recipe, tmp_path / "other")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["log_loss"] == pytest.approx(other.metrics.log_loss, rel=1e-4)
    assert metrics["confusion"] == [list(row) for row in other.metrics.confusion]
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 3
    assert "accuracy" in (tmp_path / "run" / "log.txt").read_text().splitlines()[-2]
    pictures = [(tmp_path / name / "confusion.png") for name in ("run", "other")]
    assert len({picture.read_bytes() for picture in pictures}) == 1


def test_other_commands_end_quietly_or_with_a_sentence(tmp_path):
    command = python_command(COMMANDS["asc"], "env", "--json")
    reader, writer = os.pipe()
    os.close(reader)
    left = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (left.returncode, left.stderr) == (0, b"")

    with open("/dev/full", "w") as full:
        lost = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert lost.returncode == 1
    assert lost.stderr == (
        "asc: Cannot write to standard output: no space left on device.\n"
    )


@pytest.mark.parametrize("closed", ["1", "012"])
def test_streams_that_are_closed_at_the_start_never_become_files(
    tmp_path, few_clips, closed
):
    """A store that got the number of standard output would hold the messages."""
    from asc.store import FeatureStore, verify

    store, extract = tmp_path / "s.h5", COMMANDS["asc-extract"]
    options = (few_clips, store, "--rows", 16, "--columns", 16, "--jobs", 1)
    words = python_command(CLOSED, closed, "-c", extract, *options)
    done = subprocess.run(words, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 0, done.stderr
    assert verify(FeatureStore(store)) == []
