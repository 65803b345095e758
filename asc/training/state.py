"""What a training needs to go on exactly where it stopped.

Keras' own callbacks lose their memory in a restart: the best value is
forgotten, patience starts anew, and the best model is overwritten by a worse
one. So one callback of our own decides what is best and when to stop, and
writes down everything after each epoch.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asc.errors import AscError, InputError
from asc.files import replacing, write_csv, write_json
from asc.pipeline.tensorflow import keras
from asc.store import FeatureStore
from asc.training.machine import computing_in
from asc.training.optimizer import Averages
from asc.training.run import Run


@dataclass
class State:
    """Where a training stands after its last whole epoch.

    Attributes
    ----------
    epoch : int
        Epochs that are finished.
    best_epoch : int
        Counted from 1; 0 before the first epoch.
    best_value : float or None
        Of the monitored quantity.
    history : list of dict
        One record for each epoch.
    stopped : bool
        Patience is used up.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    stopped: bool = False

    @classmethod
    def load(cls, run: Run) -> State:
        """Return the state of a run; a fresh one if no epoch was finished."""
        try:
            return cls(**json.loads((run.path / "state" / "state.json").read_text()))
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError) as error:
            raise InputError(
                f"The state of {run.path} cannot be read ({error})."
            ) from error

    def model_file(self, run: Run) -> Path:
        """Return the whole model, optimizer included, of the last epoch."""
        return run.path / "state" / f"epoch-{self.epoch:04d}.keras"


class Keeper(keras.callbacks.Callback):
    """Chooses the best epoch, stops in time, and keeps the state on disk.

    Files are written in an order in which a crash at any point leaves a state
    that can be gone on from: the whole model first, then the state that names
    it, then the best model, which can be made again from those two.
    """

    def __init__(self, run: Run, state: State, store: FeatureStore) -> None:
        super().__init__()
        self.run = run
        self.state = state
        self._store = store
        self._began = 0.0
        self._averages: Averages

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._averages = Averages(model, self.run.recipe)

    def on_test_begin(self, logs: Any = None) -> None:
        self._averages.put_in()

    def on_test_end(self, logs: Any = None) -> None:
        self._averages.take_out()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()
        # Keras does not save the state of dropout. So every epoch begins with one of
        # its own, as it begins with an order of its own.
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        sequence = np.random.SeedSequence([self.run.recipe.seed, epoch])
        for state, seed in zip(states, sequence.spawn(len(states)), strict=True):
            state.assign(seed.generate_state(2))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._demand_finite(logs["loss"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        recipe, state = self.run.recipe, self.state
        # An epoch on other data must not become part of the run.
        self.run.check_unchanged(self._store)
        # The last batch may have spoiled the model after its loss was taken.
        self._demand_finite(logs.get("val_loss", 0.0))
        record = {"epoch": epoch + 1} | {
            name: float(logs[name]) for name in sorted(logs)
        }
        record["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())
        record["seconds"] = round(time.perf_counter() - self._began, 3)
        state.history.append(record)
        state.epoch = epoch + 1
        value = record[recipe.monitor]
        best = state.best_value
        if best is None or (
            value > best if recipe.monitor.endswith("accuracy") else value < best
        ):
            state.best_value, state.best_epoch = value, state.epoch
        waited = state.epoch - state.best_epoch
        state.stopped = bool(recipe.patience) and waited >= recipe.patience
        self._keep()
        if state.stopped:
            self.model.stop_training = True

    def _keep(self) -> None:
        file = self.state.model_file(self.run)
        file.parent.mkdir(exist_ok=True)
        save_model(self.model, file)
        write_json(file.parent / "state.json", asdict(self.state))
        settle(self.model, self.run, self.state)

    def _demand_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise AscError(
                f"The loss became {loss} in epoch {self.state.epoch + 1}. The best"
                " model before that is kept. A lower --learning-rate usually helps."
            )


def load_whole(run: Run, state: State) -> keras.Model:
    """Load the model that a state names, optimizer included.

    Raises
    ------
    InputError
        If it is missing or cannot be loaded.
    """
    file = state.model_file(run)
    try:
        with computing_in(run.recipe.precision), warnings.catch_warnings():
            # What does not fit would be left out, and the training be another one.
            warnings.filterwarnings("error", "Skipping variable loading")
            return keras.saving.load_model(file, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, UserWarning) as error:
        raise InputError(f"Cannot go on with {run.path}: {error}") from error


def settle(model: keras.Model, run: Run, state: State) -> None:
    """Make the files that follow from a state and its model."""
    if state.best_epoch == state.epoch:
        # The same layers in a model that was never compiled: without optimizer.
        bare = keras.Model(model.input, model.output, name=model.name)
        with Averages(model, run.recipe).inside():
            save_model(bare, run.path / "model.keras")
    names = list(state.history[0])
    rows = [[record.get(name, "") for name in names] for record in state.history]
    write_csv(run.path / "history.csv", names, rows)
    file = state.model_file(run)
    for other in file.parent.glob("epoch-*.keras"):
        if other != file:
            other.unlink()


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model so that the file is whole or not there."""
    with replacing(path) as tmp_path:
        model.save(tmp_path)
