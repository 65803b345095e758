"""Store and split to a `tf.data.Dataset` of batches."""

from __future__ import annotations

import itertools
import os
import weakref
from typing import TYPE_CHECKING

import numpy as np

from asc.corpus.splits import PARTS
from asc.environment import usable_memory
from asc.errors import UsageError
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.statistics import row_statistics
from asc.store import FeatureStore, release_pages
from asc.text import unknown_name

if TYPE_CHECKING:
    import tensorflow as tf

#: Batches under way at a time.
_AHEAD = 4
#: Clips copied at a time.
_BLOCK = 256


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
    keep_mapped: bool = True,
    fill: np.ndarray | None = None,
    replicas: int = 1,
    shares: range | None = None,
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
    keep_mapped : bool
        Leave the pages of the store that were read in this process, which then
        counts as holding more and more of it; the system takes them back when it
        needs room. Without, memory is the same for any number of clips, and a clip
        costs about 15 microseconds more.
    fill : np.ndarray [shape=(rows,)], optional
        What masked cells are filled with, in units of the store. The mean of
        each row band over the rows of the part if not given.
    replicas : int > 0
        With more than one, every batch comes as so many shares of equal length,
        one after the other, and with them the weight of each row in the loss.
    shares : range, optional
        Which of a batch's shares are wanted; all if not given.

    Returns
    -------
    tf.data.Dataset
        Of ``(features, labels)``: float32 [batch, rows, columns, channels] in
        units of the store (normalising is the model's first layer) and float32
        [batch, scenes], one-hot or mixed; of ``(features, labels, weights)`` for
        more than one replica.

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
    shares = range(replicas) if shares is None else shares
    if not shares or not {*shares} <= {*range(replicas)}:
        raise UsageError(f"shares must be of {replicas} replicas. Got {shares}.")
    training = part == "train"
    if not isinstance(augment, Augmentation):
        augment = Augmentation(augment)
    if not training:
        augment = Augmentation("none")
    if rows is None:
        rows = store.split(split).part(part)
    if not len(rows):
        raise UsageError(f"Part {part} of split {split} has no clips.")
    if not 0 <= rows.min() <= rows.max() < len(store):
        raise UsageError(
            f"rows must be from 0 to {len(store) - 1}."
            f" Got {rows.min()} to {rows.max()}."
        )
    if fill is None and augment.policy not in ("none", "mixup"):
        fill = row_statistics(store, feature, rows).mean

    data, labels = store.features(feature), store.labels()
    if in_memory:
        order = np.argsort(rows)
        local = np.empty(len(rows), np.intp)
        local[order] = np.arange(len(rows))
        data, labels, rows = _copied(data, rows[order]), labels[rows[order]], local

    shape, scenes = store.spec.shape, len(store.scenes)
    count = -(-augment.rows_per_epoch(len(rows)) // batch_size)
    count = min(count, batches_per_epoch or count)
    batches = Batches(
        data,
        labels,
        scenes,
        rows,
        augment,
        batch_size=batch_size,
        seed=seed,
        shuffle=training,
        fill=np.zeros(shape[0]) if fill is None else fill,
        replicas=replicas,
        keep_mapped=keep_mapped,
    )
    elements = count * len(shares)

    # TensorFlow keeps a function for as long as the process runs. The rows shall go
    # with the dataset; whatever is derived from one holds it, and so do iterators.
    held = weakref.ref(batches)

    def share(number: np.ndarray) -> tuple[np.ndarray, ...]:
        batch, place = divmod(int(number), len(shares))
        made = held()(*divmod(batch, count), shares[place])  # type: ignore[misc]
        return made[: len(kinds)]

    def load(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        tensors = tf.numpy_function(share, [number], kinds, stateful=False)
        for tensor, known in zip(tensors, (shape, (scenes,), ()), strict=False):
            tensor.set_shape([None, *known])
        return tuple(tensors)

    # Without devices that share a batch, all rows weigh the same.
    kinds = (tf.float32,) * (2 if replicas == 1 else 3)
    # Shares of batches are numbered through all epochs.
    if endless:
        numbers = tf.data.Dataset.range(epoch * elements, np.iinfo(np.int64).max)
    else:
        passes = itertools.count(epoch)
        numbers = (
            tf.data.Dataset.from_tensors(0)
            .map(lambda _: tf.numpy_function(lambda: next(passes), [], tf.int64))
            .flat_map(
                lambda past: tf.data.Dataset.range(
                    past * elements, (past + 1) * elements
                )
            )
        )
    # This runs ahead by so many batches, so there is nothing to prefetch.
    ahead = _AHEAD * len(shares)
    result = numbers.map(load, num_parallel_calls=ahead, deterministic=True)
    length = tf.data.INFINITE_CARDINALITY if endless else elements
    result = result.apply(tf.data.experimental.assert_cardinality(length))
    # Nothing here is left to tune, and the thread that would do it can hold up
    # whoever is done with the batches until it wakes: for as long again as they were
    # read, seen with TensorFlow 2.21 at the end of `keras.Model.fit`.
    options = tf.data.Options()
    options.autotune.enabled = False
    result = result.with_options(options)
    result._asc_batches = batches
    return result


def _copied(data: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows of a store in memory, once: none of its pages stay beside them."""
    size = len(rows) * data[:1].nbytes
    try:
        if size > usable_memory():  # the system would promise it all the same
            raise MemoryError
        kept = np.empty((len(rows), *data.shape[1:]), data.dtype)
    except MemoryError:
        raise UsageError(
            f"The part's {len(rows):,} clips take {size / 1e9:.1f} GB, and there is not"
            " as much memory. Leave out --in-memory: they are then read as they are"
            " needed."
        ) from None
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        kept[block] = data[rows[block]]
        release_pages(data)
    return kept
