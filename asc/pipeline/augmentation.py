"""Mixup and SpecAugment: their settings, and the arithmetic over a batch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

#: Augmentation policies.
POLICIES = ("none", "mixup", "specaugment", "both", "thirds")


@dataclass(frozen=True)
class Augmentation:
    """How training rows are augmented.

    Parameters
    ----------
    policy : {'none', 'mixup', 'specaugment', 'both', 'thirds'}
        ``thirds`` shows every row as it is and adds half as many again: a third
        of those by mixup, a third by SpecAugment and a third by both. The
        others do the same to every row.
    mixup_alpha : float > 0
        Mixup interpolates two clips and their labels with
        ``lambda = g1 / (g1 + g2)``, where g1 and g2 are drawn from
        Gamma(alpha): that is Beta(alpha, alpha).
    freq_masks, time_masks : int >= 0
        Number of SpecAugment masks.
    freq_width, time_width : int >= 0
        Greatest width of a mask (in rows, in columns); widths are uniform from
        0 on.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz. "mixup: Beyond empirical risk
    minimization." ICLR 2018.

    Park et al. "SpecAugment: A simple data augmentation method for automatic
    speech recognition." Interspeech 2019.
    """

    policy: str = "thirds"
    mixup_alpha: float = 0.3
    freq_masks: int = 2
    freq_width: int = 26
    time_masks: int = 2
    time_width: int = 20

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise UsageError(unknown_name("augmentation", self.policy, POLICIES))
        alpha = self.mixup_alpha
        if not isinstance(alpha, (int, float)) or not 0.01 <= alpha <= 100:
            raise UsageError(f"mixup_alpha must be in [0.01, 100]. Got {alpha!r}.")
        for field in dataclasses.fields(self)[2:]:
            value = getattr(self, field.name)
            if not isinstance(value, int) or value < 0:
                raise UsageError(
                    f"{field.name} must be a whole number >= 0. Got {value!r}."
                )

    def rows_per_epoch(self, rows: int) -> int:
        """Return how many rows an epoch of so many clips has."""
        return rows + rows // 2 if self.policy == "thirds" else rows


def augmented(
    own: tf.Tensor,
    partners: tf.Tensor,
    shares: tf.Tensor,
    mixed_only: tf.Tensor,
    freq_spans: tf.Tensor,
    time_spans: tf.Tensor,
    fill: np.ndarray,
) -> tf.Tensor:
    """Mix and mask the first rows of a batch; the rest is only cast.

    Parameters are those of `asc.pipeline.order.BatchPlan`, with stored values in
    place of row numbers, and ``fill`` [shape=(rows, 1, 1)].

    Returns
    -------
    tf.Tensor [shape=(batch, rows, columns, channels)], float32
    """
    from asc.pipeline.tensorflow import tf

    mixed, masked = tf.shape(shares)[0], tf.shape(freq_spans)[0]
    mixed_only = tf.cast(mixed_only, tf.int32)
    changed = mixed_only + masked
    share = shares[:, None, None, None]
    blend = share * tf.cast(own[:mixed], tf.float32)
    blend += (1 - share) * tf.cast(partners, tf.float32)
    to_mask = tf.concat(
        [blend[mixed_only:], tf.cast(own[mixed:changed], tf.float32)], axis=0
    )
    hidden_rows = _covered(freq_spans, own.shape[1])[:, :, None, None]
    hidden_columns = _covered(time_spans, own.shape[2])[:, None, :, None]
    to_mask = tf.where(hidden_rows | hidden_columns, fill, to_mask)
    plain = tf.cast(own[changed:], tf.float32)
    return tf.concat([blend[:mixed_only], to_mask, plain], axis=0)


def _covered(spans: tf.Tensor, length: int) -> tf.Tensor:
    """Return which places spans cover [shape=(rows, length)], bool."""
    from asc.pipeline.tensorflow import tf

    places = tf.range(length)
    inside = (places >= spans[..., :1]) & (places < spans[..., 1:])
    return tf.reduce_any(inside, axis=1)
