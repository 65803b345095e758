"""Training a run further: the same as if it had been asked for at the start."""

from __future__ import annotations

import json

import numpy as np
import pytest

from asc.errors import InputError, UsageError
from asc.experiments import experiment, outputs
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.run import Run

pytestmark = pytest.mark.usefixtures("mini_models")


class Notes(TrainingCallback):
    """Keeps what a training says, and stops it after some epochs."""

    def __init__(self, epochs: int | None = None) -> None:
        self.notes: list[str] = []
        self.left = epochs

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def epoch(self, record, best) -> None:
        if self.left is not None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Draw nothing: that takes longer than these trainings."""
    for module in (experiment, outputs):
        monkeypatch.setattr(module, "draw_training", lambda session: None)
    monkeypatch.setattr("asc.plots.confusion_figure", lambda *args, **options: None)
    monkeypatch.setattr("asc.plots.save", lambda *args, **options: None)


@pytest.fixture
def recipe():
    def make(**settings) -> Recipe:
        return Recipe(
            **{"model": "stateful", "split": "recording", "batch_size": 8}
            | {"epochs": 2, "patience": 0}
            | settings
        )

    return make


def lines(run: Run) -> list[list[float]]:
    """Return the history without the times."""
    return [[v for k, v in row.items() if k != "seconds"] for row in run.history()]


def models(run: Run) -> list[str]:
    return sorted(path.name for path in (run.path / "state").glob("*.keras"))


def same(first: Run, second: Run) -> None:
    """Check that two runs have the same history, model and figures, bit for bit."""
    assert lines(first) == lines(second)
    pairs = zip(
        first.load_model().get_weights(), second.load_model().get_weights(), strict=True
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
    for name in ("accuracy", "log_loss", "epochs", "confusion"):
        assert first.metrics()[name] == second.metrics()[name]
    assert first.recipe == second.recipe


def test_a_constant_rate_gives_what_a_longer_training_does(store, tmp_path, recipe):
    settings = {"warmup": 0.5, "ema": 0.9}
    whole, _ = experiment.train(store, recipe(epochs=4, **settings), tmp_path / "whole")
    run, _ = experiment.train(
        store, recipe(**settings), tmp_path / "run", keep_state=True
    )
    assert models(run) == ["epoch-0002.keras"]
    hears = Notes()
    longer, result = experiment.resume(run.path, store=store, epochs=4, listener=hears)
    same(longer, whole)
    assert result.metrics["epochs"] == 4 and hears.notes == []
    assert models(longer) == models(whole) == []
    record = json.loads((run.path / "recipe.json").read_text())
    assert record["extended"] == [
        {"before": {"epochs": 2}, "after": {"epochs": 4}, "exact": True}
    ]
    assert record["sources"]["epochs"] == "flag"


def test_an_interrupted_run_is_given_more_epochs(store, tmp_path, recipe):
    whole, _ = experiment.train(store, recipe(epochs=4), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        experiment.train(store, recipe(), tmp_path / "run", listener=Notes(1))
    with pytest.raises(KeyboardInterrupt):  # and once more, now with 4 epochs
        experiment.resume(tmp_path / "run", store=store, epochs=4, listener=Notes(2))
    run, _ = experiment.resume(tmp_path / "run", store=store)
    same(run, whole)


def test_a_finished_run_drops_what_only_a_resume_needs(store, tmp_path, recipe):
    """It continues from the best epoch, and says what that changes."""
    settings = recipe(ema=0.5, schedule="cosine", optimizer="adamw")
    run, _ = experiment.train(store, settings, tmp_path / "run")
    assert models(run) == [] and (run.path / "state" / "state.json").is_file()
    before = lines(run)
    hears = Notes(1)
    with pytest.raises(KeyboardInterrupt):
        experiment.resume(run, store=store, epochs=4, listener=hears)
    cosine, dropped = hears.notes
    assert "the learning rate jumps" in cosine
    assert "from the best epoch with a new optimizer" in dropped
    longer, _ = experiment.resume(run.path, store=store)
    assert lines(longer)[:2] == before and len(lines(longer)) == 4
    # The cosine is that of 4 epochs: 0 is its end, and half of it is the middle.
    rates = [row["learning_rate"] for row in longer.history()]
    assert rates[1] == pytest.approx(0, abs=1e-9) and rates[3] == rates[1]
    assert 0 < rates[2] < 0.5 * settings.learning_rate
    record = json.loads((run.path / "recipe.json").read_text())
    assert record["extended"][0]["exact"] is False
    assert dropped in (run.path / "log.txt").read_text()


def test_a_training_that_would_have_ended_is_not_continued(store, tmp_path, recipe):
    settings = recipe(epochs=3, patience=1, monitor="accuracy", learning_rate=1e-9)
    run, _ = experiment.train(store, settings, tmp_path / "run", keep_state=True)
    epochs = len(run.history())
    before = {path.name: path.read_bytes() for path in run.path.glob("*.json")}
    if epochs < 3:
        with pytest.raises(UsageError, match="Add --patience with a larger number"):
            experiment.resume(run.path, store=store, epochs=9)
    for asked in (1, epochs):
        with pytest.raises(UsageError, match="epochs"):
            experiment.resume(run.path, store=store, epochs=asked, patience=0)
    with pytest.raises(UsageError, match="epochs must be a whole number"):
        experiment.resume(run.path, store=store, epochs=0)
    after = {path.name: path.read_bytes() for path in run.path.glob("*.json")}
    assert after == before
    run, _ = experiment.resume(run.path, store=store, epochs=epochs + 1, patience=0)
    assert len(run.history()) == epochs + 1
    (run.path / "state" / "state.json").unlink()
    with pytest.raises(InputError, match="has no state/state.json"):
        experiment.resume(run.path, store=store, epochs=9)


def test_all_folds_are_trained_further(store, tmp_path, recipe):
    shared = {"split": "folds", "monitor": "loss", "limit": 8}
    run, _ = experiment.train(
        store, recipe(**shared, epochs=1), tmp_path / "run", keep_state=True
    )
    before = {name: lines(fold) for name, fold in run.folds().items()}
    assert all(models(fold) for fold in run.folds().values())
    longer, _ = experiment.resume(run.path, store=store, epochs=2)
    assert longer.is_finished() and longer.metrics()["epochs"] == 2 * len(before)
    for name, fold in longer.folds().items():
        assert lines(fold)[:1] == before[name] and len(lines(fold)) == 2
        assert fold.recipe == recipe(**shared | {"split": name})
        assert fold.is_finished() and models(fold) == []
