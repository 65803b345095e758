"""SpecAugment: hide bands of frequency and spans of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation
from asc.validation import check_whole

if TYPE_CHECKING:
    import numpy as np


#: Masks of a clip: their places are drawn for all clips of an epoch at once.
MOST_MASKS = 100


@register_augmentation("specaugment")
@dataclass(frozen=True)
class SpecAugment:
    """Fill random bands of rows and spans of columns with the mean of each row.

    Time is not warped.

    Parameters
    ----------
    freq_masks, time_masks : int in [0, 100]
        Number of masks.
    freq_width, time_width : int >= 0
        Greatest width of a mask, in rows and in columns. Widths are uniform from 0
        on, and then the place of the mask is uniform.

    References
    ----------
    D. S. Park, W. Chan, Y. Zhang, C.-C. Chiu, B. Zoph, E. D. Cubuk and Q. V. Le,
    "SpecAugment: A simple data augmentation method for automatic speech recognition",
    Interspeech 2019.
    """

    freq_masks: int = 2
    freq_width: int = 26
    time_masks: int = 2
    time_width: int = 20

    def __post_init__(self) -> None:
        for name in ("freq_masks", "time_masks"):
            check_whole(name, getattr(self, name), most=MOST_MASKS)
        for name in ("freq_width", "time_width"):
            check_whole(name, getattr(self, name))

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw the first and the past-the-end row or column of each mask."""
        masks = (self.freq_masks, self.time_masks)
        widths = (self.freq_width, self.time_width)
        freq_spans, time_spans = (
            _spans(rng, (len(rows), count), width, length)
            for count, width, length in zip(masks, widths, shape, strict=True)
        )
        return {"freq_spans": freq_spans, "time_spans": time_spans}


def _spans(
    rng: np.random.Generator, size: tuple[int, int], width: int, length: int
) -> np.ndarray:
    """Return spans inside of a length [shape=(*size, 2)]."""
    import numpy as np

    widths = rng.integers(0, min(width, length) + 1, size=size)
    begin = rng.integers(0, length - widths + 1)
    return np.stack([begin, begin + widths], axis=-1)
