"""Commands and recipes: what a report says about doing it again."""

from __future__ import annotations

import shlex

from world import finish_run, modules_of_a_user

from asc.cli.recipe_options import take_recipe
from asc.cli.train import train
from asc.reporting.entries import ReportEntry, gather
from asc.reporting.record import (
    environment_section,
    recipe_section,
    reproduce_section,
    train_command,
)
from asc.training.recipe import Recipe


def test_original_commands_and_those_that_reproduce_it(tmp_path, store, read):
    command = ["asc-train", "my store.h5", "--epochs", "7"]
    finish_run(tmp_path / "run", store, epochs=7, mixup_alpha=0.4, command=command)
    found = reproduce_section(gather([tmp_path / "run"]))
    assert found["commands"] == [
        "asc-extract CORPUS small.h5 --sample-rate 44100 --seconds 1 --hop-length 2048"
        " --rows 16 --columns 16",
        "asc-train small.h5 --mixup-alpha 0.4 --epochs 7 --run run",
        "asc report run -o report.html",
    ]
    assert found["original"] == {"run": "asc-train 'my store.h5' --epochs 7"}
    assert [facts["digest"] for facts in found["stores"]] == [store.digest]
    text = read(tmp_path / "run").one(id="reproduce").text
    for line in (*found["commands"], *found["original"].values()):
        assert line in text


def test_the_command_makes_the_recipe():
    """Every field of it: through the options that asc-train really has."""
    values = {"weight_decay": 0.1, "limit": 7, "jit": True, "imports": ("json",)}
    values |= {"split": "recording", "weights": "none", "ema": 0.5, "warmup": 2.0}
    recipe = Recipe(**values)
    entry = ReportEntry("result-0", "run", recipe=recipe, store_facts={"store": "a b"})
    name, *words = shlex.split(train_command(entry))
    assert name == "asc-train" and words[0] == "a b"
    with modules_of_a_user():
        context = train.make_context(name, words)
        _, given = take_recipe(context, dict(context.params))
    assert Recipe(**given) == recipe
    assert set(given) == set(values)


def test_another_split_of_the_same_recipe(runs):
    (entry,) = gather([runs / "leaky"])
    words = train_command(entry, split="fold1").split()
    assert words == ["asc-train", "small.h5", "--split", "fold1"]


def test_recipes_show_what_differs(runs, tmp_path, store):
    finish_run(tmp_path / "other", store, split="recording", learning_rate=0.01)
    found = recipe_section(gather([runs / "leaky", tmp_path / "other"]))
    assert found["differing"] == ["split", "learning_rate"]
    assert [values for _, values in found["rows"]] == [
        ["random", 0.001],
        ["recording", 0.01],
    ]
    assert "split" not in found["shared"] and found["shared"]["model"] == "simple-cnn"


def test_an_environment_that_several_share_is_shown_once(runs):
    entries = gather([runs / "leaky", runs / "disjoint"])
    ((names, facts),) = environment_section(entries)["groups"]
    assert names == ["leaky", "disjoint"]
    assert "command" not in facts and "python" in facts
