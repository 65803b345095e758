"""Reading, and training from, a store that is still growing."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from click.testing import CliRunner

from asc.cli.train import train
from asc.corpus.leakage import PARTS, leakage
from asc.errors import StoreError
from asc.experiments import experiment
from asc.pipeline.dataset import dataset
from asc.store import FeatureStore, partial_path
from asc.store.schema import DONE
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.run import Run


@pytest.fixture
def place(extract, few_clips, tmp_path, stop_after):
    """Return where a store is growing: 20 of 24 clips are finished."""
    with pytest.raises(KeyboardInterrupt):
        extract(few_clips, tmp_path / "store.h5", progress=stop_after(20))
    return tmp_path / "store.h5"


@pytest.fixture
def growing(place):
    return FeatureStore(place, partial=True)


def state_of(store):
    splits = [*store.splits, "development", "recording1of3"]
    rows = [store.split(name).part(part).tolist() for name in splits for part in PARTS]
    return rows, [store.split(name).leakage for name in splits], store.digest


def test_only_finished_rows_are_in_a_split(growing, small_store):
    whole = FeatureStore(small_store)
    done = np.flatnonzero(growing.status() == DONE)
    assert growing.finished_rows().tolist() == done.tolist()
    assert len(done) == 20
    assert whole.finished_rows().tolist() == list(range(24))
    recordings = np.array(growing.recordings())
    for name in (*growing.splits, "development", "recording2of3"):
        part, full = growing.split(name), whole.split(name)
        for one in PARTS:
            assert part.part(one).tolist() == sorted({*full.part(one)} & {*done})
        shared = leakage(recordings[part.train], recordings[part.test])
        assert part.leakage == shared
    features = growing.features("mel")[growing.finished_rows()]
    np.testing.assert_array_equal(features, whole.features("mel")[done])


def test_summary_counts_finished_rows(growing, small_store):
    facts = growing.summary()
    assert (facts["complete"], facts["clips"], facts["finished"]) == (False, 24, 20)
    for name, split in facts["splits"].items():
        assert sum(split[part] for part in PARTS) <= 20
        assert split["train"] == len(growing.split(name).train)
    assert facts["digest"] not in ("0" * 64, FeatureStore(small_store).digest)
    assert FeatureStore(small_store).summary()["finished"] == 24


def test_what_is_written_later_does_not_change_it(
    extract, few_clips, place, growing, small_store
):
    """Neither new rows nor the renaming of the file when it is whole."""
    before, data = state_of(growing), growing.features("mel")[growing.finished_rows()]
    assert extract(few_clips, place).complete
    assert not partial_path(place).exists()
    assert state_of(growing) == before
    again = growing.features("mel")[growing.finished_rows()]
    np.testing.assert_array_equal(again, data)
    whole = FeatureStore(place, partial=True)
    assert whole.complete and whole.digest == FeatureStore(small_store).digest


def test_pickle(growing):
    data = pickle.dumps(growing)
    assert len(data) < 20_000
    assert state_of(pickle.loads(data)) == state_of(growing)


def test_batches_hold_finished_rows_alone(growing):
    """The others are zero in the file, which no code of a level is."""
    batches = dataset(growing, "random", augment="none", batch_size=4)
    seen = np.concatenate([features for features, _ in batches.as_numpy_iterator()])
    assert len(seen) == len(growing.split("random").train) < 16
    assert (seen > 0).all()


def test_training_while_the_store_is_finished(
    extract, few_clips, place, growing, tmp_path
):
    class Finishing(TrainingCallback):
        def start(self, *arguments):
            assert extract(few_clips, place).complete

    recipe = Recipe(epochs=1, batches_per_epoch=1, freq_width=4, time_width=4)
    run, result = experiment.train(
        growing, recipe, tmp_path / "run", listener=Finishing()
    )
    assert result.metrics["clips"] == len(growing.split("random").test)
    # The store is another one now, so its figures must not be taken for those.
    with pytest.raises(StoreError, match="not the store that .* was trained on"):
        Run(run.path).open_store(place)


def test_the_command_shows_the_leakage_of_what_is_finished(place, tmp_path):
    """Validation leaks in split random, and the growing store is not opened again."""
    arguments = [str(place), "--partial", "--run", str(tmp_path / "run")]
    arguments += ["--epochs", "1", "--batches-per-epoch", "1"]
    arguments += ["--freq-width", "4", "--time-width", "4"]
    result = CliRunner().invoke(train, arguments, standalone_mode=False)
    assert result.exception is None, result.output
    first = next(line for line in result.output.splitlines() if "batches" in line)
    assert re.search(r"leakage of validation (\d+|under 1) %", first), first
