"""The state of a training: the best epoch, when to stop, and the files to resume from.

Keras' own callbacks lose their memory in a restart: the best value is forgotten,
patience starts again, and a worse model overwrites the best one.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asc.errors import AscError, InputError, MissingInputError, UsageError
from asc.files import damaged, read_json, replacing, write_csv, write_json
from asc.models.safety import load_model
from asc.pipeline.tensorflow import keras
from asc.training.machine import dtype_policy
from asc.training.optimizer import EmaWeights
from asc.training.recipe import Recipe
from asc.training.run import MOST_HISTORY_BYTES, Run, check_column
from asc.training.session import Session
from asc.training.source import drop_copy
from asc.validation import check_flag, check_number, check_whole


@dataclass
class State:
    """The state of a training after its last finished epoch.

    Attributes
    ----------
    epoch : int
        Number of finished epochs, at the last validation.
    best_epoch : int
        Counted from 1; 0 before the first epoch.
    best_value : float or None
        Of the monitored quantity.
    history : list of dict
        One record for each epoch that was validated.
    stopped : bool
        Whether patience is used up.
    kept : bool
        Whether the last epoch's model with its optimizer is there. A finished training
        drops it.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    stopped: bool = False
    kept: bool = True

    @classmethod
    def load(cls, run: Run) -> State:
        """Return the state of a run; a new one if no epoch was finished."""
        file = run.path / "state" / "state.json"
        try:
            values = read_json(file, limit=2 * MOST_HISTORY_BYTES, root=run.path)
        except MissingInputError:
            return cls()
        try:
            state = cls(**values)
            state._check(run.recipe.monitor)
            return state
        except (TypeError, AscError) as error:
            raise damaged(file, error) from error

    def _check(self, monitor: str) -> None:
        """Check values that were read; they become files with these names in them."""
        check_whole("epoch", self.epoch)
        check_whole("best_epoch", self.best_epoch, most=self.epoch)
        if self.best_value is not None or self.epoch:
            check_number("best_value", self.best_value)
        check_flag("stopped", self.stopped)
        check_flag("kept", self.kept)
        if not isinstance(self.history, list) or bool(self.history) != bool(self.epoch):
            raise UsageError(f"history must lead to epoch {self.epoch}.")
        for record in self.history:
            if not isinstance(record, dict) or list(record) != list(self.history[0]):
                raise UsageError("all epochs of history must have the same figures.")
            for name, value in record.items():
                check_number(check_column(name), value)
        if self.history and not {"epoch", "seconds", monitor} <= set(self.history[0]):
            raise UsageError(f"history must have epoch, seconds and {monitor}.")
        epochs = [0, *(record["epoch"] for record in self.history)]
        if epochs[-1] != self.epoch or sorted(set(epochs)) != epochs:
            raise UsageError(f"history must lead to epoch {self.epoch}.")

    @property
    def is_best(self) -> bool:
        """True if the last epoch is the best one so far."""
        return self.best_epoch == self.epoch

    def update(self, record: dict[str, float], recipe: Recipe) -> None:
        """Add the record of an epoch: is it the best one, and is patience used up?"""
        self.history.append(record)
        self.epoch = int(record["epoch"])
        value, best = record[recipe.monitor], self.best_value
        higher = recipe.monitor.endswith("accuracy")
        if best is None or (value > best if higher else value < best):
            self.best_value, self.best_epoch = value, self.epoch
        waited = sum(each["epoch"] > self.best_epoch for each in self.history)
        self.stopped = bool(recipe.patience) and waited >= recipe.patience

    def load_model(self, run: Run) -> keras.Model:
        """Load the last epoch's model with its optimizer.

        Raises
        ------
        InputError
            If it is missing or cannot be loaded.
        """
        file = self.model_file(run)
        if not os.path.lexists(file):
            raise MissingInputError(f"{run.path} cannot be resumed: {file} is missing.")
        try:
            with dtype_policy(run.recipe.precision):
                return load_model(
                    file, root=run.path, compile=True, modules=run.recipe.imports
                )
        except InputError as error:
            raise InputError(f"{run.path} cannot be resumed: {error}") from error

    def save(self, model: keras.Model, run: Run) -> None:
        """Write the model, then the state that names it, then what follows from both.

        A crash at any point leaves a state that can be resumed.
        """
        file = self.model_file(run)
        file.parent.mkdir(exist_ok=True)
        _save_model(model, file)
        self.kept = True
        self.write(run)
        self.write_results(model, run)
        drop_copy(run)

    def write(self, run: Run) -> None:
        """Write the state without its model."""
        write_json(run.path / "state" / "state.json", asdict(self))

    def drop(self, run: Run) -> None:
        """Remove the last epoch's model with its optimizer, which only a resume needs.

        With Adam it has the weights three times: 408 MB of the simple CNN.
        """
        self.kept = False
        self.write(run)
        self.model_file(run).unlink(missing_ok=True)

    def write_results(self, model: keras.Model, run: Run) -> None:
        """Write the best model and the history; remove models of earlier epochs."""
        if self.is_best:
            # The same layers in a model that was never compiled: without optimizer.
            bare = keras.Model(model.input, model.output, name=model.name)
            with EmaWeights(model, run.recipe).applied():
                _save_model(bare, run.path / "model.keras")
        names = list(self.history[0])
        rows = (record.values() for record in self.history)
        write_csv(run.path / "history.csv", names, map(list, rows))
        file = self.model_file(run)
        for other in file.parent.glob("epoch-*.keras"):
            if other != file:
                other.unlink()

    def model_file(self, run: Run) -> Path:
        """Return the file of the last epoch's model with its optimizer."""
        return run.path / "state" / f"epoch-{self.epoch:04d}.keras"


def _save_model(model: keras.Model, path: Path) -> None:
    with replacing(path) as tmp_path:
        model.save(tmp_path)


class CheckpointCallback(keras.callbacks.Callback):
    """Updates and saves the state of a training after every validation.

    Parameters
    ----------
    session : Session
    state : State
    """

    def __init__(self, session: Session, state: State) -> None:
        super().__init__()
        self._session = session
        self._state = state
        self._started = 0.0
        self._ema: EmaWeights

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._ema = EmaWeights(model, self._session.run.recipe)

    def on_test_begin(self, logs: Any = None) -> None:
        self._ema.swap_in()

    def on_test_end(self, logs: Any = None) -> None:
        self._ema.restore()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self._state.epoch:  # the first one since the last record
            self._started = time.perf_counter()
        # Keras does not save the random state of dropout, so every epoch starts with
        # one of its own, drawn from the seed and the epoch.
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        sequence = np.random.SeedSequence([self._session.run.recipe.seed, epoch])
        for state, seed in zip(states, sequence.spawn(len(states)), strict=True):
            state.assign(seed.generate_state(2))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._check_finite(logs["loss"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        run, state = self._session.run, self._state
        if not self._session.length.is_validated(epoch + 1):
            return
        run.check_in_place()
        # An epoch on other data must not become part of the run.
        run.check_unchanged(self._session.store)
        # The last batch can make the weights infinite after its loss was computed.
        self._check_finite(logs.get("val_loss", 0.0))
        record = {"epoch": epoch + 1} | {
            name: float(logs[name]) for name in sorted(logs)
        }
        record["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())
        record["seconds"] = round(time.perf_counter() - self._started, 3)
        state.update(record, run.recipe)
        if self._session.is_chief:
            state.save(self.model, run)
        if state.stopped:
            self.model.stop_training = True

    def _check_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise AscError(
                f"The loss became {loss} in epoch {self._state.epoch + 1}. The best"
                " model before it is kept. Try a lower --learning-rate."
            )
