"""Batches by number: which rows, mixed and masked how, as NumPy arrays."""

from __future__ import annotations

import mmap
import threading
import weakref
from functools import lru_cache

import numpy as np

from asc.pipeline.augmentation import Augmentation
from asc.pipeline.composition import compose
from asc.pipeline.order import EpochPlan, plan_epoch


class Batches:
    """The batches of a part, each a function of its epoch and its place in it.

    Parameters
    ----------
    data : np.ndarray [shape=(clips, rows, columns, channels)]
        All rows of a feature as they are stored, such as a memory map.
    labels : np.ndarray [shape=(clips,)]
        Scene of each row as an index.
    scenes : int
        How many there are.
    rows : np.ndarray [shape=(part,)]
        Rows of the part.
    augmentation : Augmentation
    batch_size : int
    seed : int
    shuffle : bool
    fill : np.ndarray [shape=(rows,)]
        What masked cells are filled with.
    """

    def __init__(
        self,
        data: np.ndarray,
        labels: np.ndarray,
        scenes: int,
        rows: np.ndarray,
        augmentation: Augmentation,
        *,
        batch_size: int,
        seed: int,
        shuffle: bool,
        fill: np.ndarray,
    ) -> None:
        self._data = data
        self._labels = labels
        self._one_hot = np.eye(scenes, dtype=np.float32)
        self._batch_size = batch_size
        self._fill = np.asarray(fill, np.float32)
        self._lock = threading.Lock()
        largest = min(batch_size, augmentation.rows_per_epoch(len(rows)))
        self._features = Pool((largest, *data.shape[1:]), np.float32)

        # Batches of two epochs may be under way.
        @lru_cache(maxsize=2)
        def plan(epoch: int) -> EpochPlan:
            return plan_epoch(
                rows,
                augmentation,
                shape=data.shape[1:3],
                seed=seed,
                epoch=epoch,
                shuffle=shuffle,
            )

        self._plan = plan

    def __call__(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return features and labels of one batch.

        Returns
        -------
        features : np.ndarray [shape=(batch, rows, columns, channels)], float32
        labels : np.ndarray [shape=(batch, scenes)], float32
        """
        with self._lock:
            plan = self._plan(epoch)
        batch = plan.batch(index * self._batch_size, self._batch_size)
        features = self._features.take(len(batch.rows))
        compose(self._data, batch, self._fill, features)
        labels = self._one_hot[self._labels[batch.rows]]
        mixed, share = len(batch.partners), batch.shares[:, None]
        labels[:mixed] *= share
        labels[:mixed] += (1 - share) * self._one_hot[self._labels[batch.partners]]
        return features, labels


class Pool:
    """Arrays of one shape whose memory is used again when nobody holds it.

    Fresh memory of some megabytes costs more than what is put in it: the system
    hands it out page by page, and clears every page.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._bytes = max(1, int(np.prod(shape)) * self._dtype.itemsize)
        self._free: list[mmap.mmap] = []

    def take(self, length: int) -> np.ndarray:
        """Return an array of so many rows, with anything in it.

        It begins at a page, so TensorFlow takes it without a copy.
        """
        try:
            memory = self._free.pop()
        except IndexError:
            memory = self._create()
        array = np.frombuffer(memory, self._dtype)
        # Every view of the array holds it, so this happens after the last one.
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array.reshape(self._shape)[:length]

    def _create(self) -> mmap.mmap:
        return mmap.mmap(-1, self._bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
