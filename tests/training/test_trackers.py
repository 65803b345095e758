"""The examples of trackers in the documentation, with stand-ins for their libraries."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import pytest

import asc

pytestmark = pytest.mark.usefixtures("mini_models")
PAGE = Path(asc.__file__).parents[1] / "docs" / "howto" / "track-experiments.md"


def example(name):
    """Return the example that imports a module, for a training that takes a second."""
    found = re.findall("```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (text,) = (text for text in found if f"import asc, {name}\n" in text)
    assert "epochs=3," in text
    return text.replace("epochs=3,", "epochs=2, model='dense', augment='none',")


@pytest.fixture
def run_example(small_store, tmp_path, monkeypatch):
    """Return a function that runs an example with a stand-in, and its variables."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "synthetic.h5").symlink_to(small_store)
    monkeypatch.chdir(tmp_path)

    def run(name, **calls):
        library = ModuleType(name)
        vars(library).update(calls)
        monkeypatch.setitem(sys.modules, name, library)
        found = {}
        exec(example(name), found)
        return found

    return run


def history(run):
    """Return the metrics of every epoch of a run as its folder has them."""
    with open(run.path / "history.csv") as file:
        rows = [{key: float(row[key]) for key in row} for row in csv.DictReader(file)]
    assert len(rows) == 2 and "val_accuracy" in rows[0]
    return rows


def test_mlflow_gets_every_epoch_and_the_test(run_example):
    mlflow = MagicMock()
    calls = ("log_metrics", "log_metric", "log_params", "log_artifact")
    names = ("set_tracking_uri", "start_run", *calls)
    found = run_example("mlflow", **{name: getattr(mlflow, name) for name in names})
    run, metrics = found["run"], found["result"].metrics
    logged = [(call.args[0], call.kwargs) for call in mlflow.log_metrics.mock_calls]
    rows = history(run)
    assert [kwargs for _, kwargs in logged] == [{"step": 1}, {"step": 2}]
    for (record, _), row in zip(logged, rows, strict=True):
        assert record == pytest.approx(row)
    tested = {call.args for call in mlflow.log_metric.mock_calls}
    assert ("test_accuracy", metrics["accuracy"]) in tested and len(tested) == 3
    (params,) = mlflow.log_params.mock_calls[0].args
    assert params["model"] == "dense" and params["leakage"] == metrics["leakage"]
    assert mlflow.log_artifact.mock_calls[0].args[0].is_file()


def test_wandb_gets_every_epoch_and_the_test(run_example):
    tracked = MagicMock(summary={})
    init, image = MagicMock(), MagicMock()
    init.return_value.__enter__.return_value = tracked
    found = run_example("wandb", init=init, Image=image)
    run, metrics = found["run"], found["result"].metrics
    assert init.mock_calls[0].kwargs["config"] == found["recipe"].to_dict()
    *epochs, picture = tracked.log.mock_calls
    for call, row in zip(epochs, history(run), strict=True):
        assert call.args[0] == pytest.approx(row)
        assert call.kwargs == {"step": row["epoch"]}
    assert picture.args == ({"confusion": image.return_value},)
    assert Path(image.mock_calls[0].args[0]).is_file()
    assert tracked.summary["test_accuracy"] == metrics["accuracy"]
    assert tracked.summary["test_leakage"] == metrics["leakage"]
