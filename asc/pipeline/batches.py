"""Batches by number: which rows, mixed and masked how, as NumPy arrays."""

from __future__ import annotations

import mmap
import threading
import weakref
from functools import lru_cache

import numpy as np

from asc.pipeline.augmentation import Augmentation
from asc.pipeline.composition import compose
from asc.pipeline.order import Plan, plan_epoch
from asc.store import release_pages


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
    replicas : int > 0
        Devices that share a batch.
    keep_mapped : bool
        Leave what was read of a memory map in this process.
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
        replicas: int = 1,
        keep_mapped: bool = True,
    ) -> None:
        self._data = data
        self._labels = labels
        self._scenes = scenes
        self._batch_size = batch_size
        self._fill = np.asarray(fill, np.float32)
        self._replicas = replicas
        self._keep_mapped = keep_mapped
        self._lock = threading.Lock()
        total = augmentation.rows_per_epoch(len(rows))
        largest = -(-min(batch_size, total) // replicas)
        self._features = Pool((largest, *data.shape[1:]), np.float32)
        # Of an epoch that is not trained on, the mean over all of it shall be right.
        whole, rest = divmod(total, batch_size)
        longest = -(-batch_size // replicas)
        shown = replicas * (whole * longest + -(-rest // replicas))
        self._weight = None if shuffle else shown / total

        # Batches of two epochs may be under way.
        @lru_cache(maxsize=2)
        def plan(epoch: int) -> Plan:
            return plan_epoch(
                rows,
                augmentation,
                shape=data.shape[1:3],
                seed=seed,
                epoch=epoch,
                shuffle=shuffle,
            )

        self._plan = plan

    def __call__(
        self, epoch: int, index: int, share: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, labels and weights of one replica's share of a batch.

        All shares of a batch have the same length. Where its rows do not suffice
        for that, the first of them stands in, with a weight of zero; the others'
        weights are greater by as much, so that the mean over all shares is the mean
        over the rows of the batch.

        Returns
        -------
        features : np.ndarray [shape=(share, rows, columns, channels)], float32
        labels : np.ndarray [shape=(share, scenes)], float32
        weights : np.ndarray [shape=(share,)], float32
        """
        with self._lock:
            plan = self._plan(epoch)
        start = index * self._batch_size
        size = min(self._batch_size, len(plan) - start)
        length = -(-size // self._replicas)
        own = min(max(size - share * length, 0), length)
        places = start + share * length + np.arange(length)
        places[own:] = start
        weights = np.zeros(length, np.float32)
        weights[:own] = self._weight or self._replicas * length / size
        features = self._features.take(length)
        scenes = np.empty((length, self._scenes), np.float32)
        compose(self._data, self._labels, plan[places], self._fill, features, scenes)
        if not self._keep_mapped:
            release_pages(self._data)
        return features, scenes, weights


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
