"""One device or several: where a model lives, and which rows each device gets.

A batch is the recipe's, whatever the number of devices: each takes an equal share
of it, and their gradients are summed to that of the whole batch. So a training on
several devices is the one on one device but for rounding, batch normalisation
(which goes by the share) and dropout.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from asc.errors import AscError, UsageError
from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches
from asc.pipeline.tensorflow import keras, tf
from asc.training.distributed.workers import team
from asc.training.optimizer import compile_model
from asc.training.recipe import MULTIWORKER, Recipe


def strategy(name: str, clips: Mapping[str, int]) -> tf.distribute.Strategy:
    """Return what TensorFlow calls a strategy, in whose scope a model is made.

    Parameters
    ----------
    name : {'none', 'mirrored', 'multiworker'}
        ``mirrored`` takes all GPUs, or all CPUs of TensorFlow where there is none;
        ``multiworker`` all GPUs, or one CPU, of each worker.
    clips : mapping
        How many each part has, which all workers must agree on.

    Raises
    ------
    UsageError
        If workers do not fit together, or if TensorFlow has begun to compute and
        can no longer be connected.
    AscError
        If another worker has failed.
    """
    if name == "none":
        return tf.distribute.get_strategy()
    tf.get_logger().setLevel("ERROR")  # it tells of each reduction
    if name == MULTIWORKER:
        gpus = len(tf.config.list_physical_devices("GPU"))
        team().start({"gpus": gpus, "clips": clips})
        try:
            with _stoppable():
                return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise UsageError(
                "TensorFlow has begun to compute in this process and can no longer be"
                " connected with other workers. Train in a new process."
            ) from error
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices(kind)]
    )


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C end the process where TensorFlow waits and Python cannot hear it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stops = (signal.SIGINT, signal.SIGTERM)
    handlers = {stop: signal.signal(stop, signal.SIG_DFL) for stop in stops}
    try:
        yield
    finally:
        for stop, handler in handlers.items():
            signal.signal(stop, handler)


def described(strategy: tf.distribute.Strategy) -> str:
    """Return the devices of a strategy as a person would call them."""
    own = strategy.extended.worker_devices
    names = ", ".join(device.rpartition("device:")[2] for device in own)
    total = strategy.num_replicas_in_sync
    return f"{total} devices{', here' if len(own) < total else ':'} {names}"


def distribute(
    strategy: tf.distribute.Strategy,
    batches: Batches,
    *,
    first_epoch: int = 0,
    batches_per_epoch: int | None = None,
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Return endless batches of which each replica of a strategy gets its own.

    TensorFlow's own sharding goes by files or by whole batches, repeats rows or
    loses them. This goes by the numbers of the replicas. Endless, since Keras takes
    a batch more than it shows.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
    batches : Batches
    first_epoch, batches_per_epoch : int
        As for `asc.pipeline.stream.stream_batches`.
    """
    replicas = strategy.num_replicas_in_sync
    stream = partial(
        stream_batches,
        batches,
        first_epoch=first_epoch,
        endless=True,
        batches_per_epoch=batches_per_epoch,
    )
    if replicas == 1:
        return stream()

    def own(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here
        ids = range(first, first + here)
        return stream(num_replicas=replicas, replica_ids=ids)

    return strategy.distribute_datasets_from_function(own)


def fit_for_workers(
    strategy: tf.distribute.Strategy, model: keras.Model, recipe: Recipe, batches: int
) -> keras.Model:
    """Return a model with the same variables that Keras can fit on several workers.

    `keras.Model.fit` (3.15) fails on them twice: where it takes the mean of a batch
    over the workers, to build a model by it, and where it takes that of a metric,
    over an axis that a number does not have. The first it leaves out for a model
    that was made outside of the strategy's scope, as long as its layers and its
    optimizer were made inside; the second is in its functions for one step, and it
    uses those that are there.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
    model : keras.Model
        Compiled, made in the scope of the strategy.
    recipe : Recipe
    batches : int
        Batches of an epoch.
    """
    outside = keras.Model(model.input, model.output, name=model.name)
    with strategy.scope():
        compile_model(outside, recipe, batches, model.optimizer)

    def one_step(step: Callable[..., dict[str, tf.Tensor]]) -> Callable:
        @tf.function(reduce_retracing=True, jit_compile=recipe.jit)
        def share(data: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(step, args=(data,))
            # All see the same, so that all agree whether it can go on.
            return {
                name: strategy.reduce("MEAN", value, axis=None)
                for name, value in logs.items()
            }

        return tf.function(lambda batches: share(next(batches)))

    outside.train_function = one_step(outside.train_step)
    outside.test_function = one_step(outside.test_step)
    return outside


class Agreement(keras.callbacks.Callback):
    """Makes the moving averages of batch normalisation those of all devices.

    Each device has its own, of its shares. At the end of an epoch, before the
    validation, they become their mean: what is validated is then what is kept, and
    what a resumed training goes on with.
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
            self._agree()

    @tf.function
    def _agree(self) -> None:
        self._strategy.run(self._take_means)

    def _take_means(self) -> None:
        context = tf.distribute.get_replica_context()
        means = context.all_reduce("MEAN", [tf.identity(v.value) for v in self._moving])
        for variable, mean in zip(self._moving, means, strict=True):
            variable.assign(mean)


@contextmanager
def hearing_of_losses() -> Iterator[None]:
    """Tell in a sentence when another worker can no longer be reached."""
    try:
        yield
    except tf.errors.OpError as error:
        unreachable = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError)
        if not isinstance(error, unreachable) and "ollective" not in error.message:
            raise
        raise AscError(
            "Another worker can no longer be reached, so the training stops here. If"
            " it failed, it says why. Worker 0 has kept every whole epoch: go on with"
            " --resume RUN on all of them."
        ) from error
