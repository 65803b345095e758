"""Accuracy by group in a page."""

from __future__ import annotations

from world import finish_run

from asc.store import FeatureStore


def test_a_table_for_each_group(tau_store, tmp_path, read):
    run = finish_run(tmp_path / "run", FeatureStore(tau_store), split="fold1")
    page = read(run.path)
    rows = page.find("tr", data_group="device")
    group = run.metrics()["per_group"]["device"]
    expected = [*group["values"].values(), group["seen"], group["unseen"]]
    assert [float(row.attributes["data-accuracy"]) for row in rows] == [
        figures["accuracy"] for figures in expected
    ]
    assert [row.attributes["data-value"] for row in rows] == [*"abc", "", ""]
    assert "group device" in page.text and "a 8, b 8, c 8" in page.text


def test_nothing_where_there_are_none(runs, read):
    assert not read(runs / "disjoint").find(data_group="")
