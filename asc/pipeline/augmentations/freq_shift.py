"""Frequency shift: move a clip some row bands up or down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation
from asc.validation import check_whole

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("freq-shift")
@dataclass(frozen=True)
class FreqShift:
    """Shift each row band to another one; the outermost band fills what is left.

    On a Mel spectrogram it resembles a change of pitch.

    Parameters
    ----------
    most : int >= 0
        The shift is uniform from ``-most`` to ``most`` row bands.
    """

    most: int = 16

    def __post_init__(self) -> None:
        check_whole("most", self.most)

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw how many bands up each row is moved."""
        most = min(self.most, shape[0] - 1)
        return {"freq_shift": rng.integers(-most, most + 1, size=len(rows))}
