"""The callback that chooses the best epoch, stops in time and saves the state.

Keras' own callbacks lose their memory in a restart: the best value is forgotten,
patience starts again, and a worse model overwrites the best one.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from asc.errors import AscError
from asc.pipeline.tensorflow import keras
from asc.training.optimizer import EmaWeights
from asc.training.session import Session
from asc.training.state import State


class CheckpointCallback(keras.callbacks.Callback):
    """Keeps a training's state in memory and on disk.

    Parameters
    ----------
    session : Session
    state : State
        Updated after every epoch.
    """

    def __init__(self, session: Session, state: State) -> None:
        super().__init__()
        self.state = state
        self._session = session
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
        run, state = self._session.run, self.state
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
                f"The loss became {loss} in epoch {self.state.epoch + 1}. The best"
                " model before it is kept. Try a lower --learning-rate."
            )
