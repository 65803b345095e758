"""Mixup and SpecAugment: their settings, and the arithmetic over a batch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from asc.errors import UsageError
from asc.text import unknown_name

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
