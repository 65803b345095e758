"""Batches as a `tf.data.Dataset`."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.pipeline.batches import Batches
from asc.validation import check_whole

if TYPE_CHECKING:
    import tensorflow as tf

#: Batches in work at a time.
_AHEAD = 4


def stream_batches(
    batches: Batches,
    *,
    first_epoch: int = 0,
    endless: bool = False,
    batches_per_epoch: int | None = None,
    num_replicas: int = 1,
    replica_ids: Sequence[int] | None = None,
) -> tf.data.Dataset:
    """Return batches as a `tf.data.Dataset`, the same whatever the parallelism.

    Parameters
    ----------
    batches : Batches
    first_epoch : int >= 0
    endless : bool
        Continue with the next epoch in the same pass, for `keras.Model.fit` with
        ``steps_per_epoch``. Otherwise each pass is one epoch, and the next pass is the
        next one.
    batches_per_epoch : int > 0, optional
        Cut every epoch after this number of batches.
    num_replicas : int > 0
        Number of devices that train on one batch together. With more than one, every
        batch becomes per-replica batches of equal length.
    replica_ids : sequence of int, optional
        Whose per-replica batches to return; those of all replicas if not given.

    Returns
    -------
    tf.data.Dataset
        Of ``(features, labels)`` as `Batches` returns them; with more than one
        replica, or with weights of scenes, of ``(features, labels, sample_weights)``.

    Raises
    ------
    UsageError
        If a number is out of range.
    """
    from asc.pipeline.tensorflow import tf

    check_whole("first_epoch", first_epoch)
    check_whole("num_replicas", num_replicas, 1)
    count = len(batches)
    if batches_per_epoch is not None:
        count = min(count, check_whole("batches_per_epoch", batches_per_epoch, 1))
    ids = range(num_replicas) if replica_ids is None else replica_ids
    if not ids or not {*ids} <= {*range(num_replicas)}:
        raise UsageError(f"replica_ids must be below {num_replicas}. Got {ids}.")
    per_epoch = count * len(ids)
    weighted = num_replicas > 1 or batches.scene_weights is not None
    types = (tf.float32,) * (3 if weighted else 2)
    shapes = (batches.shape, (batches.num_scenes,), ())

    # TensorFlow keeps functions for the life of the process, but the rows should go
    # with the dataset. What is derived from it refers to it, and so do iterators.
    held = weakref.ref(batches)

    def make(number: np.ndarray) -> tuple[np.ndarray, ...]:
        batch, place = divmod(int(number), len(ids))
        epoch, index = divmod(batch, count)
        made = held()(epoch, index, ids[place], num_replicas)  # type: ignore[misc]
        return made[: len(types)]

    def load(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        tensors = tf.numpy_function(make, [number], types, stateful=False)
        for tensor, shape in zip(tensors, shapes, strict=False):
            tensor.set_shape([None, *shape])
        return tuple(tensors)

    # Per-replica batches are numbered through all epochs.
    span = tf.data.Dataset.range
    if endless:
        numbers = span(first_epoch * per_epoch, np.iinfo(np.int64).max)
    else:
        epochs = itertools.count(first_epoch)
        numbers = (
            tf.data.Dataset.from_tensors(0)
            .map(lambda _: tf.numpy_function(lambda: next(epochs), [], tf.int64))
            .flat_map(lambda epoch: span(epoch * per_epoch, (epoch + 1) * per_epoch))
        )
    # This runs ahead of the training, so there is nothing to prefetch.
    ahead = _AHEAD * len(ids)
    result = numbers.map(load, num_parallel_calls=ahead, deterministic=True)
    length = tf.data.INFINITE_CARDINALITY if endless else per_epoch
    result = result.apply(tf.data.experimental.assert_cardinality(length))
    # Autotuning is off: its background thread delays the end of Model.fit (TF 2.21).
    options = tf.data.Options()
    options.autotune.enabled = False
    result = result.with_options(options)
    result._asc_batches = batches
    return result


@contextmanager
def translate_read_errors(*streamed: Batches) -> Iterator[None]:
    """Raise the error that stopped a stream, which TensorFlow wraps in one of its own.

    Parameters
    ----------
    *streamed : Batches
        Those that are streamed in the block.
    """
    from asc.pipeline.tensorflow import tf

    try:
        yield
    except tf.errors.OpError as error:
        for batches in streamed:
            if batches.failure is not None:
                raise batches.failure from error
        raise
