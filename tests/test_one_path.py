"""Public functions that take paths: one is as good as several, and none is letters."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from world import finish_run

import asc
from asc.errors import UsageError
from asc.extraction import ExtractionPlan

pytestmark = pytest.mark.usefixtures("mini_models")

SMALL = {"rows": 16, "columns": 16}


def test_a_plan_of_a_path_is_that_of_its_corpus(tmp_path, few_clips):
    expected = asc.plan(asc.open_corpus(few_clips), tmp_path / "s.h5", **SMALL)
    assert isinstance(expected, ExtractionPlan)
    found = asc.plan(str(few_clips), str(tmp_path / "s.h5"), **SMALL)
    assert found.splits.keys() == expected.splits.keys()
    assert replace(found, splits={}) == replace(expected, splits={})


def test_an_extraction_takes_a_plan(few_clips):
    with pytest.raises(UsageError, match=r"takes a plan.*asc\.plan\(corpus, store\)"):
        asc.extract(str(few_clips))


def test_a_report_of_one_path(tmp_path, store):
    run = finish_run(tmp_path / "run", store).path
    pages = [
        asc.report(paths, tmp_path / f"{number}.html").read_text("utf-8")
        for number, paths in enumerate([str(run), run, [run], iter([str(run)])])
    ]
    assert len({len(page) for page in pages}) == 1
    for paths in ([], 5, [5], "", [""]):
        with pytest.raises(UsageError):
            asc.report(paths, tmp_path / "none.html")


def test_a_comparison_of_a_grid_in_a_file(tmp_path, small_store):
    grid = {
        "models": ["dense"],
        "augments": ["none"],
        "settings": {"epochs": 1, "batches_per_epoch": 1},
    }
    (tmp_path / "grid.json").write_text(json.dumps(grid))
    comparison = asc.compare(
        str(small_store), str(tmp_path / "grid.json"), str(tmp_path / "compared")
    )
    assert [entry.recipe.model for entry in comparison.entries] == ["linear", "dense"]
    assert {entry.status for entry in comparison.entries} == {"done"}
    with pytest.raises(UsageError, match="Unknown grid 'slide'.*'slides'"):
        asc.compare(str(small_store), "slide", tmp_path / "other")


@pytest.mark.parametrize("path", ["", None, 5, ["run"]])
@pytest.mark.parametrize(
    "call",
    [
        lambda path: asc.evaluate(path),
        lambda path: asc.predict(path, "a.wav"),
        lambda path: asc.predict("run", [path]),
        lambda path: asc.plan(path, "store.h5"),
        lambda path: asc.plan("corpus", path),
        lambda path: asc.open_corpus(path),
        lambda path: asc.FeatureStore(path),
        lambda path: asc.Comparison.load(path),
        lambda path: asc.report([path], "page.html"),
    ],
)
def test_what_is_no_path(call, path):
    with pytest.raises(UsageError, match="must be"):
        call(path)


def test_one_feature_is_not_a_list_of_letters():
    spec = asc.FeatureSpec(44100, 1.0, **SMALL)
    assert list(asc.FrontEnd(spec, "mel").features) == ["mel"]
