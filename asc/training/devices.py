"""The devices that a training runs on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches
from asc.pipeline.tensorflow import keras, tf
from asc.training.recipe import Recipe


class Devices:
    """A single device; `asc.training.distributed` does the same on several."""

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which a model is made."""
        return nullcontext()

    def stream(self, batches: Batches, **options: Any) -> tf.data.Dataset:
        """Return endless batches for `keras.Model.fit`, which reads one batch ahead.

        Parameters
        ----------
        batches : Batches
        **options
            See `asc.pipeline.stream.stream_batches`.
        """
        return stream_batches(batches, endless=True, **options)

    def adapt(self, model: keras.Model, recipe: Recipe) -> keras.Model:
        """Return a compiled model so that it can be fitted on these devices."""
        return model

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return callbacks that come before all others."""
        return []

    def describe(self) -> str:
        """Return a line for the log; nothing for a single device."""
        return ""

    def barrier(self) -> None:
        """Wait until all workers have come this far."""
