"""What a report is about: what is read back, and what is missing or damaged."""

from __future__ import annotations

import json

import pytest
from world import finish_run

from asc.evaluation.evaluation import Evaluation
from asc.experiments.grid import Grid
from asc.files import write_json
from asc.reporting.details import runs_section
from asc.reporting.entries import gather
from asc.reporting.media import Media

SECTIONS = 9


def test_the_store_is_gone(own_runs, tmp_path, read):
    record = json.loads((own_runs / "leaky" / "recipe.json").read_text())
    record["store"]["path"] = str(tmp_path / "gone" / "small.h5")
    (own_runs / "leaky" / "recipe.json").write_text(json.dumps(record))
    (entry,) = gather([own_runs / "leaky"])
    assert entry.store is None and len(entry.missing) == 1
    found = read(own_runs / "leaky")
    assert entry.missing[0] in found.text
    assert len(found.find("section")) == SECTIONS
    assert found.find("div", class_="card leaky")
    assert not found.find(data_probability="") and not found.find(data_transforms="")
    assert str(tmp_path / "gone") not in found.text


def test_another_store_is_at_its_place(own_runs, tmp_path, store):
    record = json.loads((own_runs / "leaky" / "recipe.json").read_text())
    record["store"]["digest"] = "0" * 64
    (own_runs / "leaky" / "recipe.json").write_text(json.dumps(record))
    (entry,) = gather([own_runs / "leaky"])
    assert entry.store is None and "nother store" in entry.missing[0]


def test_a_run_that_is_not_finished(own_runs, read):
    (own_runs / "leaky" / "metrics.json").unlink()
    found = read([own_runs / "leaky", own_runs / "disjoint"])
    assert [node.text for node in found.find("h3")[:2]] == ["leaky", "disjoint"]
    assert found.one(data_pending="").text.startswith("leaky: ")
    assert found.find("div", class_="card disjoint")
    alone = read(own_runs / "leaky")
    assert not alone.find(data_accuracy="")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", "<b>1</b>"),
        ("accuracy", 2.0),
        ("ci95", [0.1]),
        ("leakage", "none"),
        ("parameters", None),
        ("split", ["random"]),
        ("per_scene", None),
    ],
)
def test_damaged_metrics_are_not_shown(own_runs, name, value):
    file = own_runs / "leaky" / "metrics.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    (entry,) = gather([own_runs / "leaky"])
    assert entry.evaluation is None
    assert "damaged" in " ".join(entry.missing)


@pytest.mark.parametrize("name", ["environment.json", "history.csv"])
@pytest.mark.parametrize("content", ["", "[]", "a,b\n<script>,2\n", '{"x": "<b>"}'])
def test_damaged_records_are_left_out(own_runs, name, content, read):
    (own_runs / "disjoint" / name).write_text(content)
    (entry,) = gather([own_runs / "disjoint"])
    assert entry.evaluation is not None
    if name == "history.csv":
        assert entry.histories == {}
    else:
        assert entry.environment == ({"x": "<b>"} if '"x"' in content else {})
    assert read(own_runs / "disjoint").find(data_accuracy="")


@pytest.mark.parametrize(
    ("line", "charts"),
    [("1e300,1,0.5", 0), ("-1,1,0.5", 0), ("nan,1,0.5", 0), ("2,1e308,-1e308", 2)],
)
def test_a_history_that_no_axis_can_hold(own_runs, line, charts):
    header = "epoch,loss,accuracy,val_loss"
    text = f"{header}\n1,2,0.1,3\n{line},inf\n"
    (own_runs / "disjoint" / "history.csv").write_text(text)
    entries = gather([own_runs / "disjoint"])
    (details,) = runs_section(entries, [], Media())["details"]
    figures = [figure for found in details["curves"] for figure in found["figures"]]
    assert len(figures) == charts
    for figure in figures:
        assert "nan" not in figure.markup and "inf" not in figure.markup


# Comparisons


def write_comparison(folder, grid, store, errors=()):
    facts = {"path": str(store.path), "fingerprint": store.fingerprint}
    facts["digest"] = store.digest
    write_json(
        folder / "grid.json",
        {"grid": grid.to_dict() | {"baseline": False}, "store": facts},
    )
    if errors:
        write_json(folder / "results.json", {"entries": list(errors)})


def test_one_reason_of_several_failures_is_shown_once(tmp_path, store, read):
    names = [f"random-simple-cnn-thirds-mel-seed{seed}" for seed in range(3)]
    errors = [{"name": name, "error": "no memory"} for name in names[:2]]
    write_comparison(tmp_path, Grid(seeds=(0, 1, 2)), store, errors)
    failed, pending = read(tmp_path).find(data_pending="")
    assert failed.number("pending") == 2 and pending.number("pending") == 1
    assert "no memory" in failed.text
    assert all(name in failed.text for name in names[:2])
    assert names[2] in pending.text


def damaged_record(run):
    (run / "recipe.json").write_text("{}")


def lost_record(run):
    (run / "recipe.json").unlink()


def cut_predictions(run):
    lines = (run / "predictions.csv").read_text().splitlines()
    (run / "predictions.csv").write_text("\n".join(lines[:-1]))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damaged_record, "recipe.json is damaged"),
        (lost_record, "not a run folder"),
        (cut_predictions, "damaged"),
    ],
)
def test_a_damaged_run_does_not_hide_the_others(damage, words, tmp_path, store, read):
    write_comparison(tmp_path, Grid(splits=("recording",), seeds=(0, 1)), store)
    for seed in (0, 1):
        folder = tmp_path / "runs" / f"recording-simple-cnn-thirds-mel-seed{seed}"
        finish_run(folder, store, wrong=[0], split="recording", seed=seed)
    damage(folder)
    found = read(tmp_path)
    assert words in found.one(data_pending="").text
    assert str(tmp_path) not in found.text
    sound = tmp_path / "runs" / "recording-simple-cnn-thirds-mel-seed0"
    accuracy = Evaluation.load(sound).metrics.accuracy
    assert found.one("td", data_feature="mel").number("accuracy") == accuracy
