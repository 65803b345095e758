"""CutMix along time: a span of a clip comes from another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation
from asc.validation import check_number

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("cutmix")
@dataclass(frozen=True)
class CutMix:
    """Replace a span of columns by that of another clip; the label has its share.

    Parameters
    ----------
    alpha : float in [0.01, 100]
        The share of the row that stays is drawn from Beta(alpha, alpha).

    References
    ----------
    S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe and Y. Yoo, "CutMix: Regularization
    strategy to train strong classifiers with localizable features", ICCV 2019.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0.01, 100)

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Draw another row for each row, and the span that comes from it."""
        import numpy as np

        share = 1 - rng.beta(self.alpha, self.alpha, size=len(rows))
        width = np.rint(share * shape[1]).astype(np.int64)
        begin = rng.integers(0, shape[1] - width + 1)
        return {
            "splice_rows": rng.choice(rows, size=len(rows)),
            "splice_span": np.stack([begin, begin + width], axis=-1),
        }
