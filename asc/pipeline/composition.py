"""The arithmetic of a batch: gather, cast, mix and mask in one pass over its cells.

Each stored cell is read once and each cell of the batch written once. The same in
array operations, of NumPy or of TensorFlow, takes a pass for each step, and the
passes cost more than the arithmetic.
"""

from __future__ import annotations

import numpy as np

from asc.compiled import compiled
from asc.pipeline.order import BatchPlan


def compose(
    data: np.ndarray, plan: BatchPlan, fill: np.ndarray, features: np.ndarray
) -> None:
    """Write the features of a batch.

    Parameters
    ----------
    data : np.ndarray [shape=(clips, rows, columns, channels)]
        All rows of a feature as they are stored.
    plan : BatchPlan
    fill : np.ndarray [shape=(rows,)], float32
        What masked cells are filled with.
    features : np.ndarray [shape=(batch, rows, columns, channels)], float32
        Where they are written.
    """
    rows, partners = plan.rows, plan.partners
    if data.dtype == np.float16:  # which Numba does not know on processors
        data = data[np.concatenate([rows, partners])].astype(np.float32)
        rows = np.arange(len(rows))
        partners = np.arange(len(rows), len(data))
    # A memory map, what was read from one, and all of one kind to the compiler.
    data = np.asarray(data).view()
    data.flags.writeable = False
    _compose(
        data.reshape(len(data), -1),
        rows,
        partners,
        plan.shares,
        plan.mixed_only,
        plan.freq_spans,
        plan.time_spans,
        fill,
        features,
    )


@compiled
def _compose(
    data: np.ndarray,
    rows: np.ndarray,
    partners: np.ndarray,
    shares: np.ndarray,
    mixed_only: int,
    freq_spans: np.ndarray,
    time_spans: np.ndarray,
    fill: np.ndarray,
    features: np.ndarray,
) -> None:
    for place in range(len(rows)):
        own = data[rows[place]]
        cells = features[place].reshape(-1)
        if place < len(partners):
            other = data[partners[place]]
            share = shares[place]
            rest = np.float32(1) - share
            for cell in range(len(cells)):
                cells[cell] = share * np.float32(own[cell]) + rest * np.float32(
                    other[cell]
                )
        else:
            for cell in range(len(cells)):
                cells[cell] = own[cell]
        masked = place - mixed_only
        if 0 <= masked < len(freq_spans):
            for begin, end in freq_spans[masked]:
                for row in range(begin, end):
                    features[place, row] = fill[row]
            for begin, end in time_spans[masked]:
                for row in range(len(fill)):
                    features[place, row, begin:end] = fill[row]
