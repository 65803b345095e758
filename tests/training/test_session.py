"""A session: a run with its store, rows and statistics, made once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asc.errors import MissingInputError, StoreError, UsageError
from asc.experiments import experiment
from asc.pipeline.statistics import row_statistics
from asc.store import FeatureStore
from asc.training import session as session_module
from asc.training.parts import part_rows
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session


@pytest.fixture
def store(own_store):
    return FeatureStore(own_store)


@pytest.fixture
def session(store, tmp_path):
    return Session.create(store, Recipe(split="fold1", monitor="loss"), tmp_path / "r")


def test_a_session_is_the_same_made_and_opened(session, store):
    again = Session.open(Run(session.run.path))
    assert again.run.recipe == session.run.recipe
    assert again.store.digest == store.digest
    for part, rows in session.rows.items():
        np.testing.assert_array_equal(rows, store.split("fold1").part(part))
        np.testing.assert_array_equal(rows, again.rows[part])


def test_statistics_are_of_the_train_part_and_computed_once(session, monkeypatch):
    expected = row_statistics(session.store, "mel", session.rows["train"])
    np.testing.assert_array_equal(session.statistics.mean, expected.mean)
    np.testing.assert_array_equal(session.statistics.variance, expected.variance)

    def fail(*arguments):
        pytest.fail("computed again")

    monkeypatch.setattr(session_module, "row_statistics", fail)
    kept = Session.open(session.run, session.store).statistics
    np.testing.assert_array_equal(kept.mean, expected.mean)
    assert kept.clips == len(session.rows["train"])


def test_damaged_statistics_are_computed_again(session):
    expected = session.statistics
    session.statistics_file.write_text('{"mean": 1}')
    found = Session.open(session.run, session.store).statistics
    np.testing.assert_array_equal(found.mean, expected.mean)


def test_curves_are_shown_with_split_and_leakage(session, store):
    """What validation shares with train, by hand."""
    assert session.summary().startswith("simple-cnn, mel, split fold1, leakage of")
    split, recordings = store.split("random"), np.array(store.recordings())
    shared = np.isin(recordings[split.validation], recordings[split.train]).mean()
    assert shared > 0
    rows = part_rows(store, Recipe())
    assert replace(session, rows=rows).validation_leakage == (shared, shared)
    assert replace(session, rows=rows).summary().endswith(f" {100 * shared:.0f} %")


def test_leakage_is_unknown_without_recordings(session, monkeypatch):
    monkeypatch.setattr(FeatureStore, "recordings", FeatureStore.paths)
    assert session.validation_leakage == (None, 0.0)
    assert session.summary().endswith("leakage of validation unknown")


def test_the_part_that_is_evaluated(session):
    assert session.tested_part == "test"
    without = {part: rows[:0] for part, rows in session.rows.items()}
    for part in ("validation", "train"):
        rows = without | {part: session.rows["train"]}
        assert replace(session, rows=rows).tested_part == part


def test_another_store_or_none(session, tmp_path, extract, few_clips):
    other = extract(few_clips, settings={"mel_floor": -120.0}).store
    with pytest.raises(StoreError, match="is not the store"):
        Session.open(session.run, FeatureStore(other))
    session.store.path.unlink()
    with pytest.raises(MissingInputError, match="no longer at"):
        Session.open(session.run)


def test_a_recipe_that_does_not_fit_makes_no_folder(store, tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'fold1'"):
        Session.create(store, Recipe(split="folds1"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_makes_each_value_once(
    own_store, tmp_path, monkeypatch, mini_models
):
    """One opening of the store, one look at its split, one pass for statistics."""
    calls = []

    def counted(owner, name):
        call = getattr(owner, name)

        def wrapped(*arguments, **options):
            calls.append(name)
            return call(*arguments, **options)

        monkeypatch.setattr(owner, name, wrapped)

    counted(FeatureStore, "__init__")
    counted(FeatureStore, "split")
    counted(session_module, "row_statistics")
    recipe = Recipe(model="dense", epochs=1, freq_width=4, time_width=4)
    experiment.train(own_store, recipe, tmp_path / "run")
    assert sorted(calls) == ["__init__", "row_statistics", "split"]


@pytest.mark.parametrize(
    ("unit", "augment", "told"),
    [
        ("", "stretch+filter-augment:most=4", True),
        ("dB re full scale", "stretch+filter-augment:most=4", False),
        ("", "stretch", False),
    ],
)
def test_gains_in_db_on_a_feature_in_other_units_are_noted(
    store, tmp_path, monkeypatch, unit, augment, told
):
    encoding = replace(store.encoding("mel"), unit=unit)
    monkeypatch.setattr(FeatureStore, "encoding", lambda self, name: encoding)
    recipe = Recipe(split="fold1", monitor="loss", augment=augment)
    session = Session.create(store, recipe, tmp_path / "r")
    assert any("mel is not in dB" in note for note in session.notes()) == told
