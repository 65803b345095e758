"""Training from a store that is still growing."""

from __future__ import annotations

import re

import numpy as np
import pytest
from click.testing import CliRunner

from asc.cli.train import train
from asc.errors import StoreError
from asc.experiments import experiment
from asc.pipeline.dataset import dataset
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.run import Run


def test_batches_hold_finished_rows_alone(growing):
    """The others are zero in the file, which no code of a level is."""
    batches = dataset(growing, "random", augment="none", batch_size=4)
    seen = np.concatenate([features for features, _ in batches.as_numpy_iterator()])
    assert len(seen) == len(growing.split("random").train) < 16
    assert (seen > 0).all()


def test_training_while_the_store_is_finished(
    extract, few_clips, growing_place, growing, tmp_path
):
    class Finishing(TrainingCallback):
        def start(self, *arguments):
            assert extract(few_clips, growing_place).complete

    recipe = Recipe(epochs=1, batches_per_epoch=1, freq_width=4, time_width=4)
    run, result = experiment.train(
        growing, recipe, tmp_path / "run", listener=Finishing()
    )
    assert result.metrics["clips"] == len(growing.split("random").test)
    # The store is another one now, so its figures must not be taken for those.
    with pytest.raises(StoreError, match="not the store that .* was trained on"):
        Run(run.path).open_store(growing_place)


def test_the_command_shows_the_leakage_of_what_is_finished(growing_place, tmp_path):
    """Validation leaks in split random, and the growing store is not opened again."""
    arguments = [str(growing_place), "--partial", "--run", str(tmp_path / "run")]
    arguments += ["--epochs", "1", "--batches-per-epoch", "1"]
    arguments += ["--freq-width", "4", "--time-width", "4"]
    result = CliRunner().invoke(train, arguments, standalone_mode=False)
    assert result.exception is None, result.output
    lines = result.output.splitlines()
    first = next(line for line in lines if "1 batch an epoch" in line)
    assert re.search(r"leakage of validation (\d+|under 1) %", first), first
