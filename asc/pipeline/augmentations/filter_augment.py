"""FilterAugment: another loudness, and another balance of low and high frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation
from asc.validation import check_number, check_whole

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("filter-augment")
@dataclass(frozen=True)
class FilterAugment:
    """Add a random curve over frequency to each row, as another microphone would.

    The curve is a straight line between knots. One knot is a gain, two are a gain and
    a spectral tilt, and more are the linear type of FilterAugment.

    Parameters
    ----------
    most : float in [0, 100]
        The value at a knot is uniform from ``-most`` to ``most``, in units of the
        feature, such as dB.
    knots : int in [1, 20]
        The first one is in the lowest row band, the last one in the highest, and the
        others are anywhere between them.

    References
    ----------
    H. Nam, S.-H. Kim and Y.-H. Park, "FilterAugment: An acoustic environmental data
    augmentation method", ICASSP 2022.
    """

    most: float = 4.0
    knots: int = 2

    def __post_init__(self) -> None:
        check_number("most", self.most, 0, 100)
        check_whole("knots", self.knots, 1, 20)

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw band and value of each knot."""
        import numpy as np

        size = (len(rows), self.knots)
        bands = np.sort(rng.uniform(0, shape[0] - 1, size=size), axis=1)
        bands[:, 0], bands[:, 1:][:, -1:] = 0, shape[0] - 1
        values = rng.uniform(-self.most, self.most, size=size)
        return {"gain_curve": np.stack([bands, values], axis=-1)}
