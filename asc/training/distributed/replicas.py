"""Several devices that train one model together, each on its part of every batch.

The batch is that of the recipe, whatever the number of devices: each device takes an
equal part, and the gradients are summed to that of the whole batch. So the training
is that of one device except for rounding, batch normalisation (which uses the
statistics of the part) and dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from asc.pipeline.batches import Batches
from asc.pipeline.tensorflow import keras, tf
from asc.training.devices import Devices
from asc.training.optimizer import compile_model
from asc.training.recipe import Recipe


class Replicas(Devices):
    """The devices of a strategy of `tf.distribute`.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
    workers : bool
        Whether they are devices of several machines.
    """

    def __init__(self, strategy: tf.distribute.Strategy, workers: bool = False) -> None:
        self._strategy = strategy
        self._workers = workers

    def scope(self) -> AbstractContextManager[Any]:
        """Return the scope of the strategy."""
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def stream(self, batches: Batches, **options: Any) -> tf.data.Dataset:
        """Return endless batches of which every replica gets its part.

        TensorFlow's own sharding goes by files or whole batches, which repeats rows
        or drops them. This goes by the ids of the replicas.
        """
        count, stream = self._strategy.num_replicas_in_sync, super().stream
        if count == 1:
            return stream(batches, **options)

        def stream_here(context: tf.distribute.InputContext) -> tf.data.Dataset:
            here = count // context.num_input_pipelines
            first = context.input_pipeline_id * here
            ids = range(first, first + here)
            return stream(batches, num_replicas=count, replica_ids=ids, **options)

        return self._strategy.distribute_datasets_from_function(stream_here)

    def adapt(self, model: keras.Model, recipe: Recipe) -> keras.Model:
        """Return a compiled model with the same variables that several workers can fit.

        `keras.Model.fit` (3.15) fails on several workers twice: where it averages a
        batch over the workers to build the model, and where it averages a metric over
        an axis that a number does not have. It skips the first for a model that was
        made outside of the strategy's scope, as long as its layers and its optimizer
        were made inside. The second is in its functions for one step, and it uses
        those that a model has already.
        """
        if not self._workers:
            return model
        outside = keras.Model(model.input, model.output, name=model.name)
        with self.scope():
            compile_model(outside, recipe, model.optimizer)
        outside.train_function = self._one_step(outside.train_step, recipe.jit)
        outside.test_function = self._one_step(outside.test_step, recipe.jit)
        return outside

    def _one_step(self, step: Callable[..., dict[str, tf.Tensor]], jit: bool) -> Any:
        @tf.function(reduce_retracing=True, jit_compile=jit)
        def run(data: Any) -> dict[str, tf.Tensor]:
            logs = self._strategy.run(step, args=(data,))
            # All workers see the same values, so they stop at the same epoch.
            return {
                name: self._strategy.reduce("MEAN", value, axis=None)
                for name, value in logs.items()
            }

        return tf.function(lambda batches: run(next(batches)))

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callback that averages batch normalisation."""
        return [SyncBatchNorm(self._strategy)]

    def describe(self) -> str:
        """Return the devices for the log."""
        own = self._strategy.extended.worker_devices
        names = ", ".join(device.rpartition("device:")[2] for device in own)
        total = self._strategy.num_replicas_in_sync
        return f"on {total} devices{', here' if len(own) < total else ':'} {names}"

    def barrier(self) -> None:
        """Wait until all workers have come this far."""
        if self._workers:
            self._strategy.run(
                tf.function(
                    lambda: tf.distribute.get_replica_context().all_reduce(
                        "SUM", tf.ones([])
                    )
                )
            )


class SyncBatchNorm(keras.callbacks.Callback):
    """Averages the moving statistics of batch normalisation over all replicas.

    Every replica has its own, of its parts of the batches. They become their mean at
    the end of an epoch, before validation, so that the model that is validated is the
    one that is kept and resumed.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        super().__init__()
        self._strategy = strategy
        self._moving: list[keras.Variable] = []

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        names = ("moving_mean", "moving_variance")
        self._moving = [v for v in model.variables if v.name in names]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._moving and batch + 1 == self.params["steps"]:
            self._average()

    @tf.function
    def _average(self) -> None:
        self._strategy.run(self._assign_means)

    def _assign_means(self) -> None:
        context = tf.distribute.get_replica_context()
        means = context.all_reduce("MEAN", [tf.identity(v.value) for v in self._moving])
        for variable, mean in zip(self._moving, means, strict=True):
            variable.assign(mean)
