"""What each epoch shows: an order of rows, and which of them are augmented how.

An epoch's plan is a pure function of seed and epoch, drawn from a counter-based
generator. So batches do not depend on threads, on earlier epochs, or on
whether a training was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc.pipeline.augmentation import Augmentation

#: What may happen to a row; both may.
MIXED, MASKED = 1, 2
_KINDS = {"none": 0, "mixup": MIXED, "specaugment": MASKED, "both": MIXED | MASKED}


@dataclass(frozen=True)
class EpochPlan:
    """What is shown, row by row: all of an epoch, or some of it. See `plan_epoch`.

    Attributes
    ----------
    rows : np.ndarray [shape=(count,)]
        Store rows.
    kinds : np.ndarray [shape=(count,)], uint8
        `MIXED`, `MASKED`, both as a sum, or 0.
    mixup_rows : np.ndarray [shape=(count,)]
        Store rows that those are mixed with that are.
    mixup_lambda : np.ndarray [shape=(count,)], float32
        Share (lambda) of the row itself then.
    freq_spans, time_spans : np.ndarray [shape=(count, masks, 2)]
        Begin and end of each mask, where there are any.
    """

    rows: np.ndarray
    kinds: np.ndarray
    mixup_rows: np.ndarray
    mixup_lambda: np.ndarray
    freq_spans: np.ndarray
    time_spans: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: slice | np.ndarray) -> EpochPlan:
        return EpochPlan(
            self.rows[places],
            self.kinds[places],
            self.mixup_rows[places],
            self.mixup_lambda[places],
            self.freq_spans[places],
            self.time_spans[places],
        )


def plan_epoch(
    rows: np.ndarray,
    augmentation: Augmentation,
    *,
    shape: tuple[int, int],
    seed: int,
    epoch: int,
    shuffle: bool = True,
) -> EpochPlan:
    """Return the plan of one epoch.

    Parameters
    ----------
    rows : np.ndarray [shape=(clips,)]
        Store rows of the part. Partners for mixup come from these alone.
    augmentation : Augmentation
    shape : tuple of int
        Rows and columns of the feature, which masks stay inside.
    seed, epoch : int >= 0
        What the plan is drawn from.
    shuffle : bool
        Permute the epoch. Without it, added rows come after the others.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    count = len(rows)
    total = augmentation.rows_per_epoch(count)
    if augmentation.policy == "thirds":
        added = total - count
        members = np.concatenate([np.arange(count), rng.permutation(count)[:added]])
        kinds = np.zeros(total, np.uint8)
        thirds = count + np.round(np.arange(4) * added / 3).astype(int)
        for kind, begin, end in zip(
            ("mixup", "specaugment", "both"), thirds[:-1], thirds[1:], strict=True
        ):
            kinds[begin:end] = _KINDS[kind]
    else:
        members = np.arange(count)
        kinds = np.full(total, _KINDS[augmentation.policy], np.uint8)

    # Another clip than the row itself, wherever there is one.
    step = rng.integers(1, max(count, 2), size=total)
    partners = (members + step) % max(count, 1)
    gamma = rng.gamma(augmentation.mixup_alpha, size=(2, total))
    gamma = np.maximum(gamma, np.finfo(float).tiny)  # both may underflow to 0
    spans = [
        _spans(rng, total, masks, width, length)
        for masks, width, length in (
            (augmentation.freq_masks, augmentation.freq_width, shape[0]),
            (augmentation.time_masks, augmentation.time_width, shape[1]),
        )
    ]
    order = rng.permutation(total) if shuffle else np.arange(total)
    rows = np.asarray(rows, np.int64)
    return EpochPlan(
        rows=rows[members][order],
        kinds=kinds[order],
        mixup_rows=rows[partners][order],
        mixup_lambda=(gamma[0] / gamma.sum(axis=0)).astype(np.float32)[order],
        freq_spans=spans[0][order],
        time_spans=spans[1][order],
    )


def _spans(
    rng: np.random.Generator, count: int, masks: int, width: int, length: int
) -> np.ndarray:
    """Return begin and end of masks [shape=(count, masks, 2)], int32."""
    widths = rng.integers(0, min(width, length) + 1, size=(count, masks))
    begin = rng.integers(0, length - widths + 1)
    return np.stack([begin, begin + widths], axis=-1).astype(np.int32)
