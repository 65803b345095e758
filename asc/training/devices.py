"""One device or several: where a model lives, and which rows each device gets.

A batch is the recipe's, whatever the number of devices: each takes an equal share
of it, and their gradients are summed to that of the whole batch. So a training on
several devices is the one on one device but for rounding, batch normalisation
(which goes by the share) and dropout.
"""

from __future__ import annotations

from collections.abc import Callable

from asc.pipeline.tensorflow import tf


def strategy(name: str) -> tf.distribute.Strategy:
    """Return what TensorFlow calls a strategy, in whose scope a model is made.

    Parameters
    ----------
    name : {'none', 'mirrored'}
        ``mirrored`` takes all GPUs, or all CPUs of TensorFlow where there is none.
    """
    if name == "none":
        return tf.distribute.get_strategy()
    tf.get_logger().setLevel("ERROR")  # it tells of each reduction
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices(kind)]
    )


def names(strategy: tf.distribute.Strategy) -> str:
    """Return the devices of a strategy as a person would call them."""
    return ", ".join(
        device.rpartition("device:")[2] for device in strategy.extended.worker_devices
    )


def share_out(
    strategy: tf.distribute.Strategy,
    batches_of: Callable[..., tf.data.Dataset],
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Return batches of which each device of a strategy gets its share.

    TensorFlow's own sharding goes by files or by whole batches, repeats rows or
    loses them. This goes by the numbers of the shares.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
    batches_of : callable
        `asc.pipeline.dataset.dataset` with all its arguments but ``replicas`` and
        ``shares``.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches_of()

    def own(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here
        shares = range(first, first + here)
        return batches_of(replicas=replicas, shares=shares)

    return strategy.distribute_datasets_from_function(own)
