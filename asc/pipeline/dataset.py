"""Store and split to batches: one gather for each batch, then TensorFlow ops."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from asc.corpus.splits import PARTS
from asc.errors import UsageError, unknown_name
from asc.pipeline.augmentation import Augmentation, augmented
from asc.pipeline.order import EpochPlan, plan_epoch
from asc.pipeline.statistics import row_statistics
from asc.store import FeatureStore

if TYPE_CHECKING:
    import tensorflow as tf


def dataset(
    store: FeatureStore | str | os.PathLike[str],
    split: str = "random",
    part: str = "train",
    feature: str = "mel",
    batch_size: int = 16,
    augment: str | Augmentation = "thirds",
    seed: int = 0,
    *,
    rows: np.ndarray | None = None,
    epoch: int = 0,
    endless: bool = False,
    batches_per_epoch: int | None = None,
    in_memory: bool = False,
    fill: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Return batches of a part of a split, as the models take them.

    The train part is permuted and augmented; the other parts come as they are,
    in row order. One pass over the dataset is one epoch, and each pass is the
    next epoch: a new permutation and new augmentation, drawn from the seed and
    the number of the epoch alone.

    Parameters
    ----------
    store : FeatureStore or path
    split : str
        Name of a split of the store.
    part : {'train', 'validation', 'test'}
    feature : {'mel', 'stft'}
    batch_size : int > 0
        The last batch of an epoch may be smaller.
    augment : str or Augmentation
        A policy with its usual strengths, or the full choice.
    seed : int >= 0
    rows : np.ndarray, optional
        Store rows in place of those of the part.
    epoch : int >= 0
        Number of the first epoch.
    endless : bool
        Go on with the next epoch in the same pass, for `keras.Model.fit` with
        ``steps_per_epoch``; the next epoch is then being read before this one
        ends.
    batches_per_epoch : int, optional
        Cut every epoch after so many batches.
    in_memory : bool
        Copy the part's rows into memory first, as they are stored.
    fill : np.ndarray [shape=(rows,)], optional
        What masked cells are filled with, in units of the store. The mean of
        each row band over the rows of the part if not given.

    Returns
    -------
    tf.data.Dataset
        Of ``(features, labels)``: float32 [batch, rows, columns, channels] in
        units of the store (normalising is the model's first layer) and float32
        [batch, scenes], one-hot or mixed.

    Raises
    ------
    UsageError
        If a name is unknown, a number is out of range, or the part is empty.

    Examples
    --------
    >>> batches = asc.dataset("cache/esc10.h5", split="fold1")   # doctest: +SKIP
    >>> features, labels = next(iter(batches))                   # doctest: +SKIP
    >>> features.shape, labels.shape                             # doctest: +SKIP
    (TensorShape([16, 256, 256, 1]), TensorShape([16, 10]))
    """
    from asc.pipeline.tensorflow import tf

    if not isinstance(store, FeatureStore):
        store = FeatureStore(store)
    if part not in PARTS:
        raise UsageError(unknown_name("part", part, PARTS))
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1. Got {batch_size}.")
    if seed < 0 or epoch < 0:
        raise UsageError(f"seed and epoch must be >= 0. Got {seed} and {epoch}.")
    if batches_per_epoch is not None and batches_per_epoch < 1:
        raise UsageError(f"batches_per_epoch must be >= 1. Got {batches_per_epoch}.")
    training = part == "train"
    if not isinstance(augment, Augmentation):
        augment = Augmentation(augment)
    if not training:
        augment = Augmentation("none")
    if rows is None:
        rows = store.split(split).part(part)
    if not len(rows):
        raise UsageError(f"Part {part} of split {split} has no clips.")
    if fill is None and augment.policy not in ("none", "mixup"):
        fill = row_statistics(store, feature, rows).mean

    data, labels = store.features(feature), store.labels()
    if in_memory:
        order = np.argsort(rows)
        local = np.empty(len(rows), np.intp)
        local[order] = np.arange(len(rows))
        data, labels, rows = data[rows[order]], labels[rows[order]], local

    shape = store.spec.shape
    batches = -(-augment.rows_per_epoch(len(rows)) // batch_size)
    batches = min(batches, batches_per_epoch or batches)

    @_remembering_two
    def plan(epoch: int) -> EpochPlan:
        return plan_epoch(
            rows, augment, shape=shape[:2], seed=seed, epoch=epoch, shuffle=training
        )

    one_hot = np.eye(len(store.scenes), dtype=np.float32)

    def gather(epoch: np.ndarray, index: np.ndarray) -> tuple:
        batch = plan(int(epoch)).batch(int(index) * batch_size, batch_size)
        wanted = one_hot[labels[batch.rows]]
        mixed, share = len(batch.partners), batch.shares[:, None]
        wanted[:mixed] *= share
        wanted[:mixed] += (1 - share) * one_hot[labels[batch.partners]]
        # np.take lets other threads run; fancy indexing does not.
        return (
            np.take(data, batch.rows, axis=0),
            np.take(data, batch.partners, axis=0),
            batch.shares,
            np.int64(batch.mixed_only),
            batch.freq_spans,
            batch.time_spans,
            wanted,
        )

    stored = tf.as_dtype(data.dtype)
    types = (stored, stored, *(tf.float32, tf.int64, tf.int32, tf.int32, tf.float32))

    def load(epoch: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        own, partners, shares, mixed_only, freq, time, wanted = tf.numpy_function(
            gather, [epoch, index], types, stateful=False
        )
        own.set_shape([None, *shape])
        wanted.set_shape([None, len(one_hot)])
        if augment.policy == "none":
            return tf.cast(own, tf.float32), wanted
        partners.set_shape([None, *shape])
        shares.set_shape([None])
        mixed_only.set_shape([])
        freq.set_shape([None, augment.freq_masks, 2])
        time.set_shape([None, augment.time_masks, 2])
        features = augmented(
            own, partners, shares, mixed_only, freq, time, _column(fill)
        )
        features.set_shape([None, *shape])
        return features, wanted

    def places(epoch: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(batches).map(lambda index: (epoch, index))

    if endless:
        numbered = tf.data.Dataset.range(epoch, np.iinfo(np.int64).max)
    else:
        passes = itertools.count(epoch)
        numbered = tf.data.Dataset.from_tensors(0).map(
            lambda _: tf.ensure_shape(
                tf.numpy_function(lambda: np.int64(next(passes)), [], tf.int64), []
            )
        )
    result = numbered.flat_map(places).map(
        load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    length = tf.data.INFINITE_CARDINALITY if endless else batches
    result = result.apply(tf.data.experimental.assert_cardinality(length))
    return result.prefetch(tf.data.AUTOTUNE)


def _column(fill: np.ndarray | None) -> np.ndarray:
    """Return fill values so that they spread over columns and channels."""
    return (
        np.zeros((1, 1, 1), np.float32)
        if fill is None
        else (np.asarray(fill, np.float32)[:, None, None])
    )


def _remembering_two(
    function: Callable[[int], EpochPlan],
) -> Callable[[int], EpochPlan]:
    """Compute a plan once, though batches of two epochs are under way."""
    lock = threading.Lock()
    remembered = lru_cache(maxsize=2)(function)

    def call(epoch: int) -> EpochPlan:
        with lock:
            return remembered(epoch)

    return call
