"""The arithmetic of a batch: gather, cast, mix and mask in one pass over its cells.

Each stored cell is read once and each cell of the batch written once. The same in
array operations, of NumPy or of TensorFlow, takes a pass for each step, and the
passes cost more than the arithmetic.
"""

from __future__ import annotations

import numpy as np

from asc.compiled import compiled
from asc.pipeline.sampling import MASKED, MIXED, EpochPlan


def compose(
    data: np.ndarray,
    labels: np.ndarray,
    plan: EpochPlan,
    fill: np.ndarray,
    features: np.ndarray,
    scenes: np.ndarray,
) -> None:
    """Write a batch.

    Parameters
    ----------
    data : np.ndarray [shape=(clips, rows, columns, channels)]
        All rows of a feature as they are stored.
    labels : np.ndarray [shape=(clips,)]
        Scene of each row as an index.
    plan : EpochPlan
    fill : np.ndarray [shape=(rows,)], float32
        What masked cells are filled with.
    features : np.ndarray [shape=(batch, rows, columns, channels)], float32
        Where the cells are written.
    scenes : np.ndarray [shape=(batch, scenes)], float32
        Where the shares of the scenes are written.
    """
    rows, mixup_rows = plan.rows, plan.mixup_rows
    if data.dtype == np.float16:  # which Numba does not know on processors
        chosen = np.concatenate([rows, np.where(plan.kinds & MIXED, mixup_rows, rows)])
        data, labels = data[chosen].astype(np.float32), labels[chosen]
        rows, mixup_rows = np.arange(len(data)).reshape(2, -1)
    # A memory map, what was read from one, and all of one kind to the compiler.
    data = np.asarray(data).view()
    data.flags.writeable = False
    _compose(
        data.reshape(len(data), -1),
        labels,
        rows,
        plan.kinds,
        mixup_rows,
        plan.mixup_lambda,
        plan.freq_spans,
        plan.time_spans,
        fill,
        features,
        scenes,
    )


@compiled
def _compose(
    data: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    kinds: np.ndarray,
    mixup_rows: np.ndarray,
    mixup_lambda: np.ndarray,
    freq_spans: np.ndarray,
    time_spans: np.ndarray,
    fill: np.ndarray,
    features: np.ndarray,
    scenes: np.ndarray,
) -> None:
    scenes[:] = 0
    for place in range(len(rows)):
        own = data[rows[place]]
        cells = features[place].reshape(-1)
        if kinds[place] & MIXED:
            other = data[mixup_rows[place]]
            share = mixup_lambda[place]
            rest = np.float32(1) - share
            for cell in range(len(cells)):
                cells[cell] = share * np.float32(own[cell]) + rest * np.float32(
                    other[cell]
                )
            scenes[place, labels[rows[place]]] = share
            scenes[place, labels[mixup_rows[place]]] += rest
        else:
            for cell in range(len(cells)):
                cells[cell] = own[cell]
            scenes[place, labels[rows[place]]] = 1
        if kinds[place] & MASKED:
            for begin, end in freq_spans[place]:
                for row in range(begin, end):
                    features[place, row] = fill[row]
            for begin, end in time_spans[place]:
                for row in range(len(fill)):
                    features[place, row, begin:end] = fill[row]
