"""Stretch: begin a clip at another moment, and let it pass faster or slower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation
from asc.validation import check_number

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("stretch")
@dataclass(frozen=True)
class Stretch:
    """Roll each row along time, and crop or repeat it at another rate.

    Columns between two stored ones are interpolated linearly. A faster clip begins
    again when it is over. Frequencies stay as they are.

    Parameters
    ----------
    most : float in [0, 0.9]
        The rate is uniform from ``1 - most`` to ``1 + most``.
    """

    most: float = 0.2

    def __post_init__(self) -> None:
        check_number("most", self.most, 0, 0.9)

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw where each row begins, and its rate."""
        return {
            "time_shift": rng.integers(0, shape[1], size=len(rows)),
            "time_rate": rng.uniform(1 - self.most, 1 + self.most, size=len(rows)),
        }
