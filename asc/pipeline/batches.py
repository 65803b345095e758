"""Batches by epoch and index, as NumPy arrays: which rows, augmented how."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from asc.environment import usable_memory
from asc.errors import AscError, UsageError
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.buffers import BufferPool
from asc.pipeline.compose_batch import compose
from asc.pipeline.sampling import ROW_COLUMNS, EpochPlan, plan_epoch
from asc.pipeline.statistics import row_statistics
from asc.store import FeatureStore, RowReader
from asc.validation import check_whole

#: Clips copied at a time.
_BLOCK = 256


class Batches:
    """The batches of some rows, each a function of its epoch and its index.

    ``len(batches)`` is their number in an epoch. `asc.pipeline.stream.stream_batches`
    makes a `tf.data.Dataset` of them. Several threads may make batches at a time.

    Parameters
    ----------
    data : np.ndarray or RowReader [shape=(clips, rows, columns, channels)]
        All rows of a feature as they are stored: an array, such as a memory map, or
        what reads them.
    labels : np.ndarray [shape=(clips,)]
        Scene of each row as an index.
    num_scenes : int
    rows : np.ndarray [shape=(part,)]
        Which rows of `data` an epoch shows. Augmentation takes no others.
    batch_size : int > 0
        The last batch of an epoch may be smaller.
    augmentation : Augmentation
    seed : int >= 0
        With the number of the epoch, it determines order and augmentation.
    shuffle : bool
        Permute every epoch.
    fill : np.ndarray [shape=(rows,)], optional
        Value of masked cells in units of the store; 0 if not given.
    scene_weights : np.ndarray [shape=(num_scenes,)], optional
        Sample weights by scene, 1 if not given; those of mixed labels are mixed alike.
    unit : float
        What 1 in units of the store is in units of the feature, such as dB.
    in_memory : bool
        Copy the rows into memory first, as they are stored.

    Raises
    ------
    UsageError
        If a number is out of range, `rows` is empty, or they do not fit in memory.
    """

    def __init__(
        self,
        data: np.ndarray | RowReader,
        labels: np.ndarray,
        num_scenes: int,
        rows: np.ndarray,
        *,
        batch_size: int,
        augmentation: Augmentation = Augmentation("none"),
        seed: int = 0,
        shuffle: bool = False,
        fill: np.ndarray | None = None,
        scene_weights: np.ndarray | None = None,
        unit: float = 1.0,
        in_memory: bool = False,
    ) -> None:
        check_whole("batch_size", batch_size, 1)
        check_whole("seed", seed, most=2**64 - 1)
        if not len(rows):
            raise UsageError("There are no clips to make batches of. Got no rows.")
        if not 0 <= np.min(rows) <= np.max(rows) < len(data):
            raise UsageError(
                f"rows must be in [0, {len(data) - 1}]. Got {np.min(rows)} to"
                f" {np.max(rows)}."
            )
        if in_memory:
            read, rows = np.unique(rows, return_inverse=True)
            data, labels = _copy_rows(data, read), labels[read]
        bands, columns, channels = data.shape[1:]
        self.shape: tuple[int, int, int] = (bands, columns, channels)
        self.num_scenes = num_scenes
        self.scene_weights = scene_weights
        self._data, self._labels = data, labels
        self._batch_size, self._shuffle = batch_size, shuffle
        fill = np.zeros(self.shape[0]) if fill is None else fill
        self._fill, self._unit = np.asarray(fill, np.float32), unit
        #: What stopped a batch; TensorFlow passes on its text alone.
        self.failure: AscError | None = None
        self._total = augmentation.rows_per_epoch(len(rows))
        largest = min(batch_size, self._total)
        self._buffers = BufferPool((largest, *self.shape), np.float32)
        # A row may be mixed with another one.
        self._read = BufferPool((len(ROW_COLUMNS) * largest, *self.shape), data.dtype)
        self._lock = threading.Lock()
        plan = partial(
            plan_epoch,
            rows,
            augmentation,
            labels=labels,
            shape=self.shape[:2],
            seed=seed,
            shuffle=shuffle,
        )
        # Batches of two epochs may be in work at a time.
        self._plan = lru_cache(maxsize=2)(lambda epoch: plan(epoch=epoch))

    @classmethod
    def from_store(
        cls,
        store: FeatureStore,
        feature: str,
        rows: np.ndarray,
        *,
        fill: np.ndarray | None = None,
        mapped: bool = True,
        **options: Any,
    ) -> Batches:
        """Return the batches of some rows of a store.

        Parameters
        ----------
        store : FeatureStore
        feature : str
        rows : np.ndarray [shape=(part,)]
            Store rows.
        fill : np.ndarray [shape=(rows,)], optional
            Value of masked cells; the mean of each row band over `rows` if not given.
        mapped : bool
            Map the file into memory. Else its rows are read as they are needed: the
            memory of the process does not grow with the number of clips, and a file
            that is cut off is an error, where it would end the process; a clip costs
            about 5 microseconds more.
        **options
            Other parameters of the class.
        """
        data = store.features(feature) if mapped else store.row_reader(feature)
        labels, unit = store.labels(), store.encoding(feature).scale
        batches = cls(
            data, labels, len(store.scenes), rows, fill=fill, unit=unit, **options
        )
        if fill is None and batches._plan(0).has_masks:
            batches._fill[:] = row_statistics(store, feature, np.asarray(rows)).mean
        return batches

    def __len__(self) -> int:
        return -(-self._total // self._batch_size)

    def __call__(
        self, epoch: int, index: int, replica_id: int = 0, num_replicas: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, labels and sample weights of a per-replica batch.

        All per-replica batches of a batch have the same length: its first row is
        repeated as padding with weight 0. The weights of the other rows make the
        weighted mean over all replicas the mean over the rows of the batch; without
        `shuffle`, that over an epoch the mean over its rows, as validation needs it.
        `scene_weights` multiply them.

        Returns
        -------
        features : np.ndarray [shape=(batch, rows, columns, channels)], float32
        labels : np.ndarray [shape=(batch, scenes)], float32
        weights : np.ndarray [shape=(batch,)], float32
        """
        with self._lock:
            plan = self._plan(epoch)
        start = index * self._batch_size
        size = min(self._batch_size, self._total - start)
        length = -(-size // num_replicas)
        real = min(max(size - replica_id * length, 0), length)
        places = start + replica_id * length + np.arange(length)
        places[real:] = start  # padding rows
        weights = np.zeros(length, np.float32)
        if self._shuffle:
            weights[:real] = num_replicas * length / size
        else:
            weights[:real] = self._padded_rows(num_replicas) / self._total
        features = self._buffers.take(length)
        labels = np.empty((length, self.num_scenes), np.float32)
        data, own = self._data, self._labels
        # Numba does not support float16 on CPUs.
        if isinstance(data, RowReader) or data.dtype == np.float16:
            plan, data, own = self._gather(plan[places])
            places = np.arange(length)
        compose(data, own, plan, places, self._fill, self._unit, features, labels)
        if self.scene_weights is not None:
            weights *= labels @ self.scene_weights.astype(np.float32)
        return features, labels, weights

    def _gather(self, plan: EpochPlan) -> tuple[EpochPlan, np.ndarray, np.ndarray]:
        """Return the rows and labels that a plan needs, and the plan with their places.

        The rows are written over when nothing refers to them any more.
        """
        named = np.stack([getattr(plan, name) for name in ROW_COLUMNS])
        rows, places = np.unique(named, return_inverse=True)
        if isinstance(self._data, RowReader):
            data = self._read.take(len(rows))
            try:
                self._data.read(rows, data)
            except AscError as error:
                self.failure = error
                raise
        else:
            data = self._data[rows]
        if data.dtype == np.float16:
            data = data.astype(np.float32)
        columns = zip(ROW_COLUMNS, places.reshape(named.shape), strict=True)
        plan = replace(plan, **dict(columns))
        return plan, data, self._labels[rows]

    def _padded_rows(self, num_replicas: int) -> int:
        """Return how many rows an epoch has with its padding rows."""
        full, rest = divmod(self._total, self._batch_size)
        per_replica = full * -(-self._batch_size // num_replicas)
        return num_replicas * (per_replica + -(-rest // num_replicas))


def _copy_rows(data: np.ndarray | RowReader, rows: np.ndarray) -> np.ndarray:
    """Return a copy of rows of a store."""
    size = len(rows) * math.prod(data.shape[1:]) * data.dtype.itemsize
    try:
        if size > usable_memory():  # the system would promise it all the same
            raise MemoryError
        copy = np.empty((len(rows), *data.shape[1:]), data.dtype)
    except MemoryError:
        raise UsageError(
            f"The part's {len(rows):,} clips take {size / 1e9:.1f} GB, and there is not"
            " as much memory. Leave out --in-memory: they are then read as they are"
            " needed."
        ) from None
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        copy[block] = data[rows[block]]
    return copy
