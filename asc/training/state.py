"""Where a training stands after an epoch, and the files it resumes from."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

from asc.errors import InputError, MissingInputError
from asc.files import replacing, write_csv, write_json
from asc.pipeline.tensorflow import keras
from asc.training.machine import dtype_policy
from asc.training.optimizer import EmaWeights
from asc.training.recipe import Recipe
from asc.training.run import Run


@dataclass
class State:
    """Where a training stands after its last finished epoch.

    Attributes
    ----------
    epoch : int
        Finished epochs.
    best_epoch : int
        Counted from 1; 0 before the first epoch.
    best_value : float or None
        Of the monitored quantity.
    history : list of dict
        One record for each epoch.
    stopped : bool
        Whether patience is used up.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    stopped: bool = False

    @classmethod
    def load(cls, run: Run) -> State:
        """Return the state of a run; a new one if no epoch was finished."""
        file = run.path / "state" / "state.json"
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError) as error:
            raise InputError(f"{file} cannot be read ({error}).") from error

    @property
    def is_best(self) -> bool:
        """True if the last epoch is the best one so far."""
        return self.best_epoch == self.epoch

    def update(self, record: dict[str, float], recipe: Recipe) -> None:
        """Add the record of an epoch: is it the best one, and is patience used up?"""
        self.history.append(record)
        self.epoch += 1
        value, best = record[recipe.monitor], self.best_value
        higher = recipe.monitor.endswith("accuracy")
        if best is None or (value > best if higher else value < best):
            self.best_value, self.best_epoch = value, self.epoch
        waited = self.epoch - self.best_epoch
        self.stopped = bool(recipe.patience) and waited >= recipe.patience

    def model_file(self, run: Run) -> Path:
        """Return the file of the last epoch's model with its optimizer."""
        return run.path / "state" / f"epoch-{self.epoch:04d}.keras"

    def load_model(self, run: Run) -> keras.Model:
        """Load the last epoch's model with its optimizer.

        Raises
        ------
        InputError
            If it is missing or cannot be loaded.
        """
        file = self.model_file(run)
        if not file.is_file():
            raise MissingInputError(f"{run.path} cannot be resumed: {file} is missing.")
        try:
            with dtype_policy(run.recipe.precision), warnings.catch_warnings():
                # Keras skips variables that do not fit, which would change the result.
                warnings.filterwarnings("error", "Skipping variable loading")
                return keras.saving.load_model(file, safe_mode=True)
        except (OSError, ValueError, TypeError, KeyError, UserWarning) as error:
            raise InputError(f"{run.path} cannot be resumed: {error}") from error

    def save(self, model: keras.Model, run: Run) -> None:
        """Write the model, then the state that names it, then what follows from both.

        A crash at any point leaves a state that can be resumed.
        """
        file = self.model_file(run)
        file.parent.mkdir(exist_ok=True)
        save_model(model, file)
        write_json(file.parent / "state.json", asdict(self))
        self.write_results(model, run)

    def write_results(self, model: keras.Model, run: Run) -> None:
        """Write the best model and the history; remove models of earlier epochs."""
        if self.is_best:
            # The same layers in a model that was never compiled: without optimizer.
            bare = keras.Model(model.input, model.output, name=model.name)
            with EmaWeights(model, run.recipe).applied():
                save_model(bare, run.path / "model.keras")
        names = list(self.history[0])
        rows = [[record.get(name, "") for name in names] for record in self.history]
        write_csv(run.path / "history.csv", names, rows)
        file = self.model_file(run)
        for other in file.parent.glob("epoch-*.keras"):
            if other != file:
                other.unlink()


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model so that the file is whole or not there."""
    with replacing(path) as tmp_path:
        model.save(tmp_path)
