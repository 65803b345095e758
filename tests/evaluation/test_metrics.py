"""Metrics: plain values and back, old files, and figures that cannot be true."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
from world import evaluation_of

from asc.errors import UsageError
from asc.evaluation.metrics import FoldMetrics, Metrics, SceneMetrics
from asc.evaluation.sentences import accuracy_sentence


def metrics_of(recordings, clips=3, **facts):
    """Return the figures of clips that are all right but the first."""
    truth = np.zeros(clips, int)
    given = np.tile([0.8, 0.2], (clips, 1))
    given[0] = [0.3, 0.7]
    names = [f"r{clip % recordings}" for clip in range(clips)]
    paths = [f"{clip}.wav" for clip in range(clips)]
    return evaluation_of(truth, given, names, paths, ("bus", "home"), **facts).metrics


@pytest.fixture(scope="module")
def metrics():
    return metrics_of(2)


@pytest.fixture(scope="module")
def pooled():
    fold = {"class_accuracy": 1.0, "leakage": None, "seconds": 1.0, "epochs": 2}
    folds = {
        "fold1": FoldMetrics(**fold, accuracy=1.0, clips=1),
        "fold2": FoldMetrics(**fold, accuracy=0.5, clips=2),
    }
    return metrics_of(
        2,
        split="folds",
        folds=folds,
        accuracy_mean=0.75,
        accuracy_deviation=0.125**0.5,
        tested_again=1,
        never_tested=0,
    )


# Plain values and back

#: In the order in which they are written.
KEYS = """accuracy class_accuracy macro_f1 log_loss calibration_error ci95 ci95_cautious
    ci95_class_accuracy ci95_clips clips recordings per_scene confusion split part
    leakage store model feature augment parameters epochs seconds seed""".split()
OF_FOLDS = "folds accuracy_mean accuracy_deviation tested_again never_tested".split()


def test_keys_of_the_file(metrics, pooled):
    assert list(metrics.to_dict()) == list(metrics) == KEYS
    assert list(pooled.to_dict()) == [*KEYS, *OF_FOLDS]
    assert list(pooled["folds"]["fold1"]) == [
        *("accuracy", "class_accuracy", "clips", "leakage", "epochs", "seconds")
    ]


def test_plain_values_and_back(metrics, pooled):
    for one in (metrics, pooled):
        values = one.to_dict()
        again = Metrics.from_dict(values | {"of_a_later_version": 1})
        assert again == one == values
        assert again.to_dict() == values
    assert isinstance(again.folds["fold2"], FoldMetrics)
    assert isinstance(again.per_scene["bus"], SceneMetrics)


def test_figures_are_found_by_attribute_and_by_key(metrics, pooled):
    assert metrics["accuracy"] == metrics.accuracy == pytest.approx(2 / 3)
    assert metrics["per_scene"]["home"] == {
        "recall": None,
        "precision": 0.0,
        "f1": 0.0,
        "clips": 0,
    }
    assert metrics["ci95"] == list(metrics.ci95)
    assert "folds" in pooled and "folds" not in metrics
    assert metrics.get("folds") is None
    for key in ("folds", "precision", "to_dict"):
        with pytest.raises(KeyError):
            metrics[key]


def test_a_file_without_later_figures_is_read_and_written_as_it_was(metrics):
    later = ("ci95_cautious", "ci95_class_accuracy", "ci95_clips", "store")
    values = {name: metrics[name] for name in KEYS if name not in later}
    old = Metrics.from_dict(values)
    assert old.to_dict() == values
    assert old.ci95_cautious is None and not old.few_recordings
    assert "conservative" not in accuracy_sentence(old)


def test_numpy_scalars_become_plain(metrics):
    found = replace(metrics, log_loss=np.float32(0.5), seed=np.int64(3))
    assert (type(found.log_loss), type(found.seed)) == (float, int)


# What cannot be


def changed(values, path, value):
    values = copy.deepcopy(values)
    *way, last = path.split("/")
    place = values
    for name in way:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[int(last) if isinstance(place, list) else last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("accuracy", "<b>1</b>"),
        ("accuracy", 2.0),
        ("accuracy", True),
        ("accuracy", float("nan")),
        ("accuracy", 0.5),  # 2 of 3 are right
        ("class_accuracy", 0.5),
        ("macro_f1", -0.1),
        ("log_loss", -1),
        ("log_loss", None),
        ("ci95", None),
        ("ci95", [0.1]),
        ("ci95", [0.5, 0.4]),
        ("ci95", {"0": 0.1, "1": 0.2}),
        ("ci95_cautious", [0.1, 1.1]),
        ("clips", 0),
        ("clips", 4),
        ("clips", 3.5),
        ("recordings", 0),
        ("recordings", 4),  # of 3 clips
        ("leakage", "none"),
        ("leakage", 1.5),
        ("parameters", None),
        ("split", ["random"]),
        ("store", 3),
        ("seed", -1),
        ("seconds", "long"),
        ("per_scene", None),
        ("per_scene", {}),
        ("per_scene/bus", 1),
        ("per_scene/bus/recall", 0.5),
        ("per_scene/bus/recall", None),
        ("per_scene/home/recall", 0.0),
        ("per_scene/home/precision", 7),
        ("per_scene/home/clips", 1),
        ("confusion", None),
        ("confusion", [[3, 0]]),
        ("confusion", [[2, 1], [0]]),
        ("confusion/0/0", 2.5),
        ("confusion/0/0", 10**30),
        ("confusion/0", [3, 0]),
        ("confusion", [[3, 0], [1, -1]]),
        ("folds", {}),
        ("folds/fold1", {"accuracy": 1.0}),
        ("folds/fold1/clips", 2),  # more than all
        ("folds/fold1/leakage", "none"),
        ("folds/fold2/accuracy", 1.5),
        ("folds/fold2/epochs", None),
        ("accuracy_mean", None),
        ("accuracy_deviation", -0.1),
        ("tested_again", None),
        ("never_tested", -1),
        ("folds", None),  # and yet figures of them
    ],
)
def test_impossible_figures_are_refused(pooled, path, value):
    with pytest.raises(UsageError) as caught:
        Metrics.from_dict(changed(pooled.to_dict(), path, value))
    assert path.split("/")[-1].split("_")[0] in str(caught.value) or "confusion" in path


@pytest.mark.parametrize("key", ["accuracy", "confusion", "leakage", "recordings"])
def test_a_missing_figure_is_named(metrics, key):
    values = metrics.to_dict()
    del values[key]
    with pytest.raises(UsageError, match=key):
        Metrics.from_dict(values)


@pytest.mark.parametrize("values", [None, [], "metrics"])
def test_what_is_not_a_mapping(values):
    with pytest.raises(UsageError, match="metrics must be"):
        Metrics.from_dict(values)


# In one line


def test_little_leakage_is_not_said_to_be_none(metrics):
    for leakage, text in (
        (0.004, "under 1 %"),
        (0.0, "0 %"),
        (0.996, "100 %"),
        (None, "unknown"),
    ):
        summary = accuracy_sentence(replace(metrics, leakage=leakage))
        assert summary.endswith(f"split recording, leakage {text}")


@pytest.mark.parametrize(("recordings", "conservative"), [(49, True), (50, False)])
def test_the_conservative_interval_is_for_few_recordings(recordings, conservative):
    metrics = metrics_of(recordings, clips=60)
    assert metrics.few_recordings == conservative
    assert ("conservative" in accuracy_sentence(metrics)) == conservative
    assert f"; 60 clips, {recordings} recordings], split" in accuracy_sentence(metrics)


def test_unknown_recordings_are_said_to_be(metrics):
    unknown = replace(metrics, recordings=None)
    assert "; 3 clips taken as independent, recordings unknown]" in accuracy_sentence(
        unknown
    )


def test_the_part_is_named_where_it_is_not_test(metrics):
    assert "split recording, part validation," in (
        accuracy_sentence(replace(metrics, part="validation"))
    )
