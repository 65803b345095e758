"""What each epoch shows: an order of rows, and which of them are augmented how.

An epoch's plan is a pure function of seed and epoch, drawn from a counter-based
generator. So batches do not depend on threads, on earlier epochs, or on
whether a training was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc.pipeline.augmentation import Augmentation

# Rows of a batch are sorted by kind, so that each kind is one slice of it.
_MIXUP, _BOTH, _SPECAUGMENT, _PLAIN = range(4)


@dataclass(frozen=True)
class BatchPlan:
    """One batch, as indices and numbers.

    Rows come in the order: mixed only, mixed and masked, masked only, plain.

    Attributes
    ----------
    rows : np.ndarray [shape=(batch,)]
        Store rows.
    partners : np.ndarray [shape=(mixed,)]
        What the first rows are mixed with.
    shares : np.ndarray [shape=(mixed,)], float32
        Share (lambda) of the row itself.
    mixed_only : int
        Where masked rows begin.
    freq_spans, time_spans : np.ndarray [shape=(masked, masks, 2)]
        Begin and end of each mask.
    """

    rows: np.ndarray
    partners: np.ndarray
    shares: np.ndarray
    mixed_only: int
    freq_spans: np.ndarray
    time_spans: np.ndarray


@dataclass(frozen=True)
class EpochPlan:
    """All batches of an epoch. Made by `plan_epoch`."""

    rows: np.ndarray
    kinds: np.ndarray
    partners: np.ndarray
    shares: np.ndarray
    freq_spans: np.ndarray
    time_spans: np.ndarray

    def batch(self, start: int, size: int) -> BatchPlan:
        """Return the batch that begins at a place of the epoch."""
        place = np.arange(start, min(start + size, len(self.rows)))
        place = place[np.argsort(self.kinds[place], kind="stable")]
        kinds = self.kinds[place]
        mixed = place[kinds <= _BOTH]
        masked = place[(kinds == _BOTH) | (kinds == _SPECAUGMENT)]
        return BatchPlan(
            rows=self.rows[place],
            partners=self.partners[mixed],
            shares=self.shares[mixed],
            mixed_only=int((kinds == _MIXUP).sum()),
            freq_spans=self.freq_spans[masked],
            time_spans=self.time_spans[masked],
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
        kinds = np.full(total, _PLAIN)
        thirds = count + np.round(np.arange(4) * added / 3).astype(int)
        for kind, begin, end in zip(
            (_MIXUP, _SPECAUGMENT, _BOTH), thirds[:-1], thirds[1:], strict=True
        ):
            kinds[begin:end] = kind
    else:
        members = np.arange(count)
        kind = {
            "none": _PLAIN,
            "mixup": _MIXUP,
            "specaugment": _SPECAUGMENT,
            "both": _BOTH,
        }[augmentation.policy]
        kinds = np.full(total, kind)

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
        partners=rows[partners][order],
        shares=(gamma[0] / gamma.sum(axis=0)).astype(np.float32)[order],
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
