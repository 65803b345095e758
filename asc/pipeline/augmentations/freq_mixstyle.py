"""Freq-MixStyle: the spectrum of one clip with the course of another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation
from asc.validation import check_number

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("freq-mixstyle")
@dataclass(frozen=True)
class FreqMixStyle:
    """Mix the mean and the deviation of each row band with those of another clip.

    The label stays. It makes a model rely less on the microphone.

    Parameters
    ----------
    probability : float in [0, 1]
        Share of the rows that it is applied to.
    alpha : float in [0.01, 100]
        The weight of the row's own moments is drawn from Beta(alpha, alpha).

    References
    ----------
    F. Schmid, S. Masoudian, K. Koutini and G. Widmer, "Knowledge distillation from
    transformers for low-complexity acoustic scene classification", DCASE Workshop 2022.
    """

    probability: float = 0.4
    alpha: float = 0.3

    def __post_init__(self) -> None:
        check_number("probability", self.probability, 0, 1)
        check_number("alpha", self.alpha, 0.01, 100)

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw another row for each row, and the weight of its own moments."""
        import numpy as np

        weights = rng.beta(self.alpha, self.alpha, size=len(rows))
        applied = rng.uniform(size=len(rows)) < self.probability
        return {
            "style_rows": rng.choice(rows, size=len(rows)),
            "style_lambda": np.where(applied, weights, 1),
        }
