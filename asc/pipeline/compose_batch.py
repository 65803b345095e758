"""The arithmetic of a batch: gather, mix, move, scale and mask in one pass.

Array operations would take a pass for each step, which costs more than the arithmetic.
Transforms in NumPy come after it.
"""

from __future__ import annotations

import numpy as np

from asc.compiled import compiled
from asc.pipeline.sampling import EpochPlan

#: Added to a deviation, in units of the store, before it is divided by.
_EPSILON = np.float32(1e-3)


def compose(
    data: np.ndarray,
    labels: np.ndarray,
    plan: EpochPlan,
    places: np.ndarray,
    fill: np.ndarray,
    unit: float,
    features: np.ndarray,
    scenes: np.ndarray,
) -> None:
    """Write a batch.

    Parameters
    ----------
    data, labels, fill, unit
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
        plan.splice_rows,
        plan.splice_span,
        plan.mixup_rows,
        plan.mixup_lambda,
        plan.style_rows,
        plan.style_lambda,
        plan.time_shift,
        plan.time_rate,
        plan.freq_shift,
        plan.gain_curve,
        np.float32(1 / unit),
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
    splice_rows: np.ndarray,
    splice_span: np.ndarray,
    mixup_rows: np.ndarray,
    mixup_lambda: np.ndarray,
    style_rows: np.ndarray,
    style_lambda: np.ndarray,
    time_shift: np.ndarray,
    time_rate: np.ndarray,
    freq_shift: np.ndarray,
    gain_curve: np.ndarray,
    per_unit: float,
    freq_spans: np.ndarray,
    time_spans: np.ndarray,
    fill: np.ndarray,
    features: np.ndarray,
    scenes: np.ndarray,
) -> None:
    bands, columns, channels = features.shape[1:]
    width = columns * channels
    line = np.empty(width, np.float32)
    left, right = np.empty(columns, np.int64), np.empty(columns, np.int64)
    part = np.empty(columns, np.float32)
    scenes[:] = 0
    for position in range(len(places)):
        place = places[position]
        own = data[rows[place]]
        spliced, other = data[splice_rows[place]], data[mixup_rows[place]]
        weight = mixup_lambda[place]
        rest = np.float32(1) - weight
        begin, end = splice_span[place]
        share = weight * np.float32(end - begin) / np.float32(columns)
        begin, end = begin * channels, end * channels
        scenes[position, labels[rows[place]]] = weight - share
        scenes[position, labels[splice_rows[place]]] += share
        scenes[position, labels[mixup_rows[place]]] += rest

        shift, rate, down = time_shift[place], time_rate[place], freq_shift[place]
        style, keep = data[style_rows[place]], style_lambda[place]
        moved = shift != 0 or rate != 1
        if rate != 1:
            for column in range(columns):
                source = (column * rate - shift) % columns
                left[column] = int(source) % columns
                right[column] = (left[column] + 1) % columns
                part[column] = source - int(source)
        for band in range(bands):
            first = min(max(band - down, 0), bands - 1) * width
            target = features[position, band].reshape(-1)
            # What is moved along time goes through a line of its own.
            written = line if moved else target
            source = own[first : first + width]
            if weight < 1:
                added = other[first : first + width]
                for cell in range(width):
                    written[cell] = weight * np.float32(source[cell]) + rest * (
                        np.float32(added[cell])
                    )
            else:
                for cell in range(width):
                    written[cell] = source[cell]
            for cell in range(begin, end):
                written[cell] += weight * (
                    np.float32(spliced[first + cell]) - np.float32(source[cell])
                )
            if keep < 1:
                for channel in range(channels):
                    # Moments of the clip, then those of the other one.
                    mean = deviation = other_mean = other_deviation = np.float32(0)
                    for cell in range(channel, width, channels):
                        mean += written[cell]
                        other_mean += np.float32(style[first + cell])
                    mean /= np.float32(columns)
                    other_mean /= np.float32(columns)
                    for cell in range(channel, width, channels):
                        deviation += (written[cell] - mean) ** 2
                        other_deviation += (
                            np.float32(style[first + cell]) - other_mean
                        ) ** 2
                    deviation = np.sqrt(deviation / np.float32(columns))
                    other_deviation = np.sqrt(other_deviation / np.float32(columns))
                    scale = keep + (np.float32(1) - keep) * other_deviation / (
                        deviation + _EPSILON
                    )
                    offset = (np.float32(1) - keep) * (other_mean - mean)
                    for cell in range(channel, width, channels):
                        written[cell] = (written[cell] - mean) * scale + mean + offset
            if gain_curve.shape[1]:
                # The line through the two knots around the band.
                knot = int(np.searchsorted(gain_curve[place, :, 0], band))
                lower = gain_curve[place, max(knot - 1, 0)]
                upper = gain_curve[place, min(knot, gain_curve.shape[1] - 1)]
                gap = upper[0] - lower[0]
                ratio = (band - lower[0]) / gap if gap > 0 else np.float32(0)
                gain = (lower[1] + ratio * (upper[1] - lower[1])) * per_unit
                for cell in range(width):
                    written[cell] += gain
            if rate != 1:
                for column in range(columns):
                    for channel in range(channels):
                        low = line[left[column] * channels + channel]
                        high = line[right[column] * channels + channel]
                        target[column * channels + channel] = low + part[column] * (
                            high - low
                        )
            elif shift:
                cut = width - shift * channels
                target[shift * channels :] = line[:cut]
                target[: shift * channels] = line[cut:]
        for begin, end in freq_spans[place]:
            for row in range(begin, end):
                features[position, row] = fill[row]
        for begin, end in time_spans[place]:
            for row in range(bands):
                features[position, row, begin:end] = fill[row]
