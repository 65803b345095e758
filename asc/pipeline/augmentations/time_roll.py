"""Time roll: begin a clip at another moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("time-roll")
class TimeRoll:
    """Roll each row along time by a random number of columns.

    What leaves the clip at its end comes back at its beginning, as by `numpy.roll`. A
    scene sounds much the same at any moment, so its label stays.
    """

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw the number of columns for each row, uniform over the whole clip."""
        return {"time_shift": rng.integers(0, shape[1], size=len(rows))}
