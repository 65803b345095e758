"""Chance and the linear model: in comparisons and in the report."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from world import finish_run

import asc
from asc.cli.comparison import comparison_lines
from asc.errors import UsageError
from asc.evaluation.baseline import baseline_sentence, verdict
from asc.evaluation.significance import paired_test
from asc.experiments.compare import compare, default_folder
from asc.experiments.comparison import Comparison
from asc.experiments.grid import Grid, run_name
from asc.reporting.entries import gather
from asc.reporting.results import results_section

GRID = Grid(models=("simple-cnn",), augments=("none",), splits=("recording",))


def test_the_linear_model_is_the_first_run_of_each_split():
    grid = replace(
        GRID, splits=("random", "fold1"), seeds=(3, 4), features=("mel", "stft")
    )
    runs = [(r.split, r.model, r.feature, r.seed) for _, _, r in grid.runs()]
    assert len(runs) == 2 * (2 + 4)
    assert runs[:3] == [
        ("random", "linear", "mel", 0),
        ("random", "linear", "stft", 0),
        ("random", "simple-cnn", "mel", 3),
    ]
    assert runs[6][:2] == ("fold1", "linear")
    assert [
        run.recipe for run in replace(grid, baseline=False).runs()
    ] == grid.recipes()
    assert replace(grid, models=("linear", "mobile")).baselines() == []
    # Every seed draws other clips.
    assert len(replace(grid, settings={"limit": 9}).baselines()) == 8
    with pytest.raises(UsageError, match="baseline"):
        Grid(baseline="no")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, store):
    """A comparison of an earlier version, as if it had been trained: no baseline."""
    path = tmp_path_factory.mktemp("baselines") / "c"
    (recipe,) = GRID.recipes()
    finish_run(
        path / "runs" / run_name(recipe), store, wrong=range(8), **recipe.to_dict()
    )
    record = GRID.to_dict()
    del record["baseline"]
    facts = {"path": str(store.path), "fingerprint": store.fingerprint}
    facts["digest"] = store.digest
    (path / "grid.json").write_text(json.dumps({"grid": record, "store": facts}))
    return path


def test_an_earlier_comparison_gets_its_baseline_by_the_same_command(folder, store):
    assert [entry.status for entry in Comparison.load(folder).entries] == ["done"]
    assert default_folder(store, GRID) == default_folder(
        store, replace(GRID, baseline=False)
    )
    comparison = compare(store, GRID, folder)
    linear, other = comparison.entries
    assert (linear.recipe.model, linear.status, other.status) == (
        "linear",
        "done",
        "done",
    )
    (found,) = comparison.baselines()
    assert found.first["model"] == "simple-cnn" and found.second["model"] == "linear"
    expected = paired_test(other.evaluation, linear.evaluation)
    assert found.test.difference == expected.difference < 0
    assert found.verdict == verdict(found.test)
    record = json.loads((folder / "results.json").read_text())
    assert record["baselines"][0]["verdict"] == found.verdict
    assert [cell["chance"] for cell in record["cells"]] == [0.25, 0.25]
    assert "choices" in record and not record["choices"]

    lines = list(comparison_lines(comparison))
    heading = next(i for i, line in enumerate(lines) if line.startswith("split"))
    assert "chance 25.0 %" in lines[heading]
    assert lines[heading + 1].rstrip().endswith("minus linear")
    assert lines[heading + 2].startswith("linear")
    assert lines[heading + 3].rstrip().endswith(found.verdict)

    ((block,),) = [results_section(gather([folder]))["blocks"]]
    (first, cells), (_, (cell,)) = block["rows"]
    assert first.model == "linear" and cells[0]["linear"] is None
    assert cell["linear"].difference == expected.difference
    assert (first.settings, block["chance"]) == ((), 0.25)

    assert len(compare(store, replace(GRID, baseline=False), folder).entries) == 1


def test_a_report_trains_the_linear_model_once(folder, store, tmp_path, monkeypatch):
    monkeypatch.setenv("ASC_CACHE", str(tmp_path / "cache"))
    run = finish_run(tmp_path / "run", store, split="recording")
    notes = []
    for _ in range(2):
        asc.report(run.path, tmp_path / "report.html", note=notes.append)
    assert len(notes) == 1 and "--no-baseline" in notes[0]
    text = (tmp_path / "report.html").read_text()
    assert "data-verdict" in text and "the linear model (" in text
    assert len(list((tmp_path / "cache" / "baselines").iterdir())) == 1


@pytest.mark.parametrize(
    ("difference", "p", "expected", "words"),
    [
        (0.1, 0.01, "above", "above the linear model"),
        (-0.1, 0.01, "below", "below the linear model"),
        (0.1, 0.05, "not distinguishable", "not distinguishable from the linear"),
        (-0.1, 0.3, "not distinguishable", "below the linear model, not significantly"),
    ],
)
def test_what_is_said_of_a_difference(folder, difference, p, expected, words):
    result = Comparison.load(folder).entries[-1].evaluation
    test = replace(paired_test(result, result), difference=difference, p_value=p)
    assert verdict(test) == expected
    assert baseline_sentence(test).startswith(words)
    assert f"{100 * difference:+.1f}" in baseline_sentence(test)
