"""Accuracy by group: the arithmetic by hand, the files, and what is not believed."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from world import evaluation_of

from asc.errors import InputError, UsageError
from asc.evaluation.evaluate import evaluate
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.folds import pool
from asc.evaluation.intervals import both_intervals
from asc.evaluation.measure import GroupColumn, seen_in
from asc.evaluation.metrics import Metrics
from asc.evaluation.sentences import group_rows
from asc.experiments import experiment
from asc.store import FeatureStore
from asc.training.recipe import Recipe

DEVICES = ["a", "a", "a", "b", "b", "c", "c", ""]
RIGHT = np.array([1, 1, 0, 1, 0, 0, 0, 1], bool)
RECORDINGS = ["r1", "r1", "r2", "r1", "r2", "r3", "r3", "r4"]


def evaluated(devices=DEVICES, learned=("a", "b"), scenes=("bus", "tram")):
    truth = np.arange(len(devices)) % 2
    predicted = np.where(RIGHT[: len(devices)], truth, 1 - truth)
    return evaluation_of(
        truth,
        np.eye(2, dtype=np.float32)[predicted],
        RECORDINGS[: len(devices)],
        [f"{n}.wav" for n in range(len(devices))],
        scenes,
        {"device": GroupColumn(devices, seen_in(devices, learned))},
    )


@pytest.fixture
def result():
    return evaluated()


# Figures


def test_figures_by_hand(result):
    group = result.metrics.per_group["device"]
    values = group.values
    assert {v: (x.accuracy, x.clips, x.recordings) for v, x in values.items()} == {
        "a": (pytest.approx(2 / 3), 3, 2),
        "b": (0.5, 2, 2),
        "c": (0.0, 2, 1),
    }
    assert {value: figures.seen for value, figures in values.items()} == {
        "a": True,
        "b": True,
        "c": False,
    }
    assert (group.seen.accuracy, group.seen.clips) == (0.6, 5)
    assert (group.unseen.accuracy, group.unseen.clips) == (0.0, 2)
    # The unit of intervals is the recording here too.
    interval, conservative = both_intervals(RIGHT[:3], RECORDINGS[:3])
    assert (values["a"].ci95, values["a"].ci95_cautious) == (interval, conservative)
    assert values["a"].few_recordings


@pytest.mark.parametrize(
    "learned, expected",
    [
        (["a"], {"a": True, "b": False}),
        (["a", ""], {"a": True, "b": None}),  # a clip of unknown device may be of b
        ([""], {"a": None, "b": None}),
        ([], {"a": False, "b": False}),
    ],
)
def test_what_is_known_of_training(learned, expected):
    group = evaluated(["a", "a", "b", "b"], learned).metrics.per_group["device"]
    assert {value: figures.seen for value, figures in group.values.items()} == expected


def test_a_group_whose_values_are_all_unknown_is_left_out():
    assert evaluated(["", ""]).metrics.per_group is None
    assert "per_group" not in evaluated(["", ""]).metrics.to_dict()


def test_the_table(result):
    rows = group_rows("device", result.metrics.per_group["device"])
    assert rows[0][0] == "device" and len({len(row) for row in rows}) == 1
    assert [(row[0], row[1], row[-1]) for row in rows[1:]] == [
        ("a", "66.7 %", "seen"),
        ("b", "50.0 %", "seen"),
        ("c", "0.0 %", "unseen"),
        ("all", "60.0 %", "seen"),
        ("all", "0.0 %", "unseen"),
    ]


def test_folds_are_pooled_clip_by_clip():
    """A device that only one fold has trained on is neither seen nor unseen."""

    class Store:
        def paths(self):
            return []

    one, other = evaluated(learned=["a", "b"]), evaluated(learned=["a", "c"])
    found = pool({"fold1": one, "fold2": other}, Store())
    assert found.groups["device"] == DEVICES * 2
    group = found.metrics.per_group["device"]
    assert [group.values[device].seen for device in "abc"] == [True, None, None]
    assert (group.seen.clips, group.unseen.clips) == (3 + 2 + 3 + 2, 2 + 2)


# Files


def test_files_hold_what_there_is(result, tmp_path):
    result.save(tmp_path)
    again = Evaluation.load(tmp_path)
    assert again.metrics == result.metrics
    assert again.groups == {"device": DEVICES}
    lines = (tmp_path / "predictions.csv").read_text().splitlines()
    rows = list(csv.DictReader(lines))
    assert list(rows[0])[-1] == "device"
    assert [row["device"] for row in rows] == DEVICES
    facts = json.loads((tmp_path / "metrics.json").read_text())["per_group"]
    assert facts["device"]["values"]["c"]["seen"] is False
    assert set(facts["device"]["values"]["a"]) == {
        *("accuracy", "ci95", "ci95_cautious", "clips", "recordings", "seen")
    }
    before = (tmp_path / "predictions.csv").read_bytes()
    again.save(tmp_path)
    assert (tmp_path / "predictions.csv").read_bytes() == before


def test_a_scene_that_is_called_like_a_group(tmp_path):
    result = evaluated(scenes=("device", "tram"))
    result.save(tmp_path)
    header = (tmp_path / "predictions.csv").read_text().splitlines()[0]
    assert header == "path,recording,scene,predicted,scene device,tram,device"
    assert Evaluation.load(tmp_path).scenes == ("device", "tram")


def change(facts, device, **values):
    facts["per_group"]["device"]["values"][device] |= values


@pytest.mark.parametrize(
    "damage",
    [
        lambda facts: change(facts, "a", accuracy=1.0),
        lambda facts: change(facts, "a", clips=2),
        lambda facts: change(facts, "a", clips=0),
        lambda facts: change(facts, "a", seen="yes"),
        lambda facts: change(facts, "a", ci95=[1, 0]),
        lambda facts: facts["per_group"]["device"]["values"].pop("b"),
        lambda facts: facts["per_group"]["device"].pop("values"),
        lambda facts: facts["per_group"].pop("device"),
        lambda facts: facts["per_group"].update(city=facts["per_group"]["device"]),
        lambda facts: facts["per_group"]["device"].update(seen={"accuracy": 1}),
        lambda facts: facts.pop("per_group"),
    ],
)
def test_figures_that_do_not_agree_are_not_believed(result, tmp_path, damage):
    result.save(tmp_path)
    file = tmp_path / "metrics.json"
    facts = json.loads(file.read_text())
    damage(facts)
    file.write_text(json.dumps(facts))
    with pytest.raises(InputError, match="damaged"):
        Evaluation.load(tmp_path)


def test_impossible_figures_of_groups(result):
    facts = result.metrics.to_dict()
    facts["per_group"]["device"]["seen"]["clips"] = 8
    with pytest.raises(
        UsageError, match="of group 'device' must be of at most 8 clips"
    ):
        Metrics.from_dict(facts)


# A model


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tau_store, mini_models):
    """A run on the devices a and c; not to be changed."""
    path = tmp_path_factory.mktemp("unseen") / "run"
    recipe = Recipe(
        model="dense",
        split="unseen-device:b",
        epochs=2,
        batch_size=4,
        augment="none",
    )
    return experiment.train(FeatureStore(tau_store), recipe, path)


def test_a_training_on_a_split_of_an_unseen_device(trained, tau_store):
    run, result = trained
    assert result.metrics.split == "unseen-device:b" and result.metrics.leakage == 0
    group = result.metrics.per_group["device"]
    assert list(group.values) == ["b"] and group.values["b"].seen is False
    assert group.seen is None and group.unseen.clips == result.metrics.clips
    assert set(result.groups["device"]) == {"b"}
    note = "tests 2 of 8 clips of device b"
    assert note in (run.path / "log.txt").read_text()
    loaded = Evaluation.load(run.path)
    assert loaded.metrics == result.metrics


def test_other_clips_of_the_same_store(trained, tau_store):
    run, _ = trained
    store = FeatureStore(tau_store)
    result = evaluate(run, part="all")
    group = result.metrics.per_group["device"]
    assert {device: each.seen for device, each in group.values.items()} == {
        "a": True,
        "b": False,
        "c": True,
    }
    devices = store.group("device")
    for device, each in group.values.items():
        assert each.accuracy == result.correct[devices == device].mean()
    assert sum(each.clips for each in group.values.values()) == 24


def test_another_store_and_none_of_the_training(trained, tau_store, tmp_path):
    """Without the store of the training nobody knows what was seen."""
    run, _ = trained
    other = FeatureStore(tau_store)
    facts = json.loads((run.path / "recipe.json").read_text())
    before = json.dumps(facts)
    facts["store"] |= {"path": str(tmp_path / "gone.h5"), "digest": "0" * 64}
    (run.path / "recipe.json").write_text(json.dumps(facts))
    try:
        group = evaluate(str(run.path), store=other).metrics.per_group["device"]
    finally:
        (run.path / "recipe.json").write_text(before)
    assert {each.seen for each in group.values.values()} == {None}
    assert group.seen is group.unseen is None
