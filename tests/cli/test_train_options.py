"""Recipes on the command line: what wins, what is recorded, what is refused."""

from __future__ import annotations

import json

import pytest
from world import call_command, run_command

MODULE = """
from asc import register_augmentation, register_model

@register_augmentation("louder")
class Louder:
    def draw(self, rng, rows, shape):
        return {}

    def apply(self, features, labels):
        features += 6

@register_model("mine")
def mine(x, scenes):
    import keras
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.layers.Dense(scenes, activation="softmax")(x)
"""


def test_show_prints_what_recipe_takes(tmp_path):
    first = call_command(
        "asc-train",
        *("--show", "--json", "--recipe", "better", "--epochs", 20, "--jit"),
        cwd=tmp_path,
    )
    assert first.returncode == 0, first.stderr
    (tmp_path / "mine.json").write_text(first.stdout)
    record = json.loads(first.stdout)
    assert record["sources"]["epochs"] == record["sources"]["jit"] == "flag"
    assert record["sources"]["ema"] == "recipe better"
    assert record["sources"]["seed"] == "default"

    second = call_command(
        "asc-train",
        *("--show", "--recipe", "mine.json", "--no-jit", "--seed", 0),
        cwd=tmp_path,
    )
    lines = {line.split()[0]: line.split() for line in second.stdout.splitlines()}
    assert lines["epochs"][1:] == ["20", "file", "mine.json"]
    assert lines["jit"][1:] == ["false", "flag"]
    assert lines["seed"][1:] == ["0", "flag"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--recipe", "beter"), 2, "Did you mean 'better'"),
        (("--recipe", "none.json"), 3, "There is no recipe none.json"),
        (("--recipe", "bad.json"), 2, "bad.json: Unknown field of a recipe 'epoch'"),
        (("--import", "no_such"), 3, "'no_such' cannot be imported"),
        (("--import", "models.py"), 3, "models"),
        (("--model", "mine"), 2, "Unknown model 'mine'"),
        (("--schedule", "cosin"), 2, "Did you mean 'cosine'"),
        (("--ema", 1), 2, "ema must be a number in [0, 1)"),
        (("--threads", 0), 2, "--threads"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_made(
    tmp_path, arguments, code, sentence
):
    (tmp_path / "bad.json").write_text('{"epoch": 3}')
    result = call_command("asc-train", "store.h5", *arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert sentence in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


def test_resume_takes_no_recipe(tmp_path):
    result = call_command(
        "asc-train",
        "--resume",
        "run",
        "--recipe",
        "better",
        "--seed",
        "3",
        "--import",
        "os",
        cwd=tmp_path,
    )
    assert result.returncode == 2
    assert "Got --recipe, --seed." in result.stderr


def test_a_model_and_an_augmentation_of_a_user_from_training_to_prediction(
    tmp_path, small_store, few_clips
):
    (tmp_path / "my_models.py").write_text(MODULE)
    # Threads and determinism are those of a process.
    result = run_command(
        "asc-train",
        *(small_store, "--import", "my_models", "--model", "mine", "--run", "run"),
        *("--augment", "both+louder", "--freq-width", 4, "--time-width", 4),
        *("--epochs", 1, "--tensorboard", "--threads", 1, "--deterministic"),
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "run" / "tensorboard").rglob("events.out.*"))
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert record["recipe"]["imports"] == ["my_models"]
    assert record["recipe"]["deterministic"] is True
    assert record["sources"]["imports"] == "flag"
    assert record["recipe"]["augment"] == "both+louder"

    clip = next((few_clips / "audio").iterdir())
    (tmp_path / "my_models.py").write_text("raise SystemExit('it ran')")
    result = call_command("asc", "predict", "run", clip, cwd=tmp_path)
    assert result.returncode == 0, result.stderr  # its layers are Keras' own
