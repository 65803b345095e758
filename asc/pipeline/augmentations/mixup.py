"""Mixup: interpolate two rows and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation
from asc.validation import check_number

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("mixup")
@dataclass(frozen=True)
class Mixup:
    """Interpolate each row and its label with another row of the part.

    Parameters
    ----------
    mixup_alpha : float in [0.01, 100]
        The weight of the row itself is ``lambda = g1 / (g1 + g2)``, where g1 and g2
        are drawn from Gamma(alpha): that is Beta(alpha, alpha).

    References
    ----------
    H. Zhang, M. Cisse, Y. N. Dauphin and D. Lopez-Paz, "mixup: Beyond empirical risk
    minimization", ICLR 2018.
    """

    mixup_alpha: float = 0.3

    def __post_init__(self) -> None:
        check_number("mixup_alpha", self.mixup_alpha, 0.01, 100)

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw another row of the part for each row, uniformly, and lambda."""
        import numpy as np

        part, places = np.unique(rows, return_inverse=True)
        # Another clip than the row itself, wherever there is one.
        step = rng.integers(1, max(len(part), 2), size=len(rows))
        gamma = rng.gamma(self.mixup_alpha, size=(2, len(rows)))
        gamma = np.maximum(gamma, np.finfo(float).tiny)  # both may underflow to 0
        return {
            "mixup_rows": part[(places + step) % len(part)],
            "mixup_lambda": gamma[0] / gamma.sum(axis=0),
        }
