"""Store and split to a `tf.data.Dataset` of batches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from asc.corpus.leakage import PARTS
from asc.errors import UsageError
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches
from asc.store import FeatureStore, open_store
from asc.validation import check_choice

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
    in_memory: bool = False,
) -> tf.data.Dataset:
    """Return batches of a part of a split, as the models take them.

    The train part is permuted and augmented; the other parts are in row order. Each
    pass over the dataset is one epoch, with a permutation and an augmentation that
    depend on the seed and the number of the epoch alone.

    Parameters
    ----------
    store : FeatureStore or path
    split : str
        Name of a split of the store.
    part : {'train', 'validation', 'test'}
    feature : str
        One of the store's.
    batch_size : int > 0
        The last batch of an epoch may be smaller.
    augment : str or Augmentation
        A policy such as ``mixup+time-roll``, or one with strengths of your own.
    seed : int >= 0
    in_memory : bool
        Copy the part's rows into memory first, as they are stored.

    Returns
    -------
    tf.data.Dataset
        Of ``(features, labels)``: float32 [batch, rows, columns, channels] in
        units of the store (normalising is the model's first layer) and float32
        [batch, scenes], one-hot or mixed.

    Raises
    ------
    UsageError
        If a name is unknown, a number is out of range, the part is empty, or its
        rows do not fit in memory.

    See Also
    --------
    asc.pipeline.batches.Batches : any rows, as NumPy arrays.
    asc.pipeline.stream.stream_batches : any epoch, endless, for several devices.

    Examples
    --------
    >>> batches = asc.dataset("store.h5", split="fold1", batch_size=8)
    >>> features, labels = next(iter(batches))
    >>> features.shape, labels.shape
    (TensorShape([8, 16, 16, 1]), TensorShape([8, 3]))
    """
    store = open_store(store)
    check_choice("part", part, PARTS)
    if not isinstance(augment, Augmentation):
        augment = Augmentation(augment)
    rows = store.split(split).part(part)
    if not len(rows):
        raise UsageError(f"Part {part} of split {split} has no clips.")
    train = part == "train"
    batches = Batches.from_store(
        store,
        feature,
        rows,
        batch_size=batch_size,
        augmentation=augment if train else Augmentation("none"),
        seed=seed,
        shuffle=train,
        in_memory=in_memory,
    )
    return stream_batches(batches)
