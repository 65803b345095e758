"""The arithmetic of a batch: gather, cast, mix, roll and mask in one pass.

Array operations would take a pass for each step, which costs more than the arithmetic.
Transforms in NumPy come after it.
"""

from __future__ import annotations

import numpy as np

from asc.compiled import compiled
from asc.pipeline.sampling import EpochPlan


def compose(
    data: np.ndarray,
    labels: np.ndarray,
    plan: EpochPlan,
    places: np.ndarray,
    fill: np.ndarray,
    features: np.ndarray,
    scenes: np.ndarray,
) -> None:
    """Write a batch.

    Parameters
    ----------
    data, labels, fill
        As of `asc.pipeline.batches.Batches`; `fill` in float32.
    plan : EpochPlan
    places : np.ndarray [shape=(batch,)]
        Which of the plan's rows to write.
    features : np.ndarray [shape=(batch, rows, columns, channels)], float32
        Output.
    scenes : np.ndarray [shape=(batch, scenes)], float32
        Output: labels as weights of the scenes.
    """
    # One type for the compiler: neither a memory map nor writeable.
    data = np.asarray(data).view()
    data.flags.writeable = False
    _compose(
        data.reshape(len(data), -1),
        labels,
        places,
        plan.rows,
        plan.mixup_rows,
        plan.mixup_lambda,
        plan.time_shift,
        plan.freq_spans,
        plan.time_spans,
        fill,
        features,
        scenes,
    )
    for name, transform in plan.transforms.items():
        if not hasattr(transform, "apply"):
            continue
        own = plan.applied[name][places]
        drawn = {key: all[places[own]] for key, all in plan.drawn[name].items()}
        changed, changed_scenes = features[own], scenes[own]
        transform.apply(changed, changed_scenes, **drawn)
        features[own], scenes[own] = changed, changed_scenes


@compiled
def _compose(
    data: np.ndarray,
    labels: np.ndarray,
    places: np.ndarray,
    rows: np.ndarray,
    mixup_rows: np.ndarray,
    mixup_lambda: np.ndarray,
    time_shift: np.ndarray,
    freq_spans: np.ndarray,
    time_spans: np.ndarray,
    fill: np.ndarray,
    features: np.ndarray,
    scenes: np.ndarray,
) -> None:
    scenes[:] = 0
    for position in range(len(places)):
        place = places[position]
        own = data[rows[place]]
        cells = features[position].reshape(-1)
        weight = mixup_lambda[place]
        shift = time_shift[place] * features.shape[3]
        # A row that is not rolled is one band.
        bands = len(fill) if shift else 1
        width = len(cells) // bands
        if weight < 1:
            other = data[mixup_rows[place]]
            rest = np.float32(1) - weight
            scenes[position, labels[rows[place]]] = weight
            scenes[position, labels[mixup_rows[place]]] += rest
        else:
            scenes[position, labels[rows[place]]] = 1
        for band in range(bands):
            first = band * width
            middle, last = first + width - shift, first + width
            for start, end, target in (
                (first, middle, first + shift),
                (middle, last, first),
            ):
                source = own[start:end]
                written = cells[target : target + len(source)]
                if weight < 1:
                    added = other[start:end]
                    for cell in range(len(source)):
                        written[cell] = weight * np.float32(
                            source[cell]
                        ) + rest * np.float32(added[cell])
                else:
                    for cell in range(len(source)):
                        written[cell] = source[cell]
        for begin, end in freq_spans[place]:
            for row in range(begin, end):
                features[position, row] = fill[row]
        for begin, end in time_spans[place]:
            for row in range(len(fill)):
                features[position, row, begin:end] = fill[row]
