"""Splice: the end of a clip comes from another clip of its scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.pipeline.transforms import register_augmentation

if TYPE_CHECKING:
    import numpy as np


@register_augmentation("splice")
class Splice:
    """Replace the end of each row by that of another row of the same scene.

    References
    ----------
    K. J. Piczak, "The details that matter: Frequency resolution of spectrograms in
    acoustic scene classification", DCASE Workshop 2017.
    """

    def draw(
        self,
        rng: np.random.Generator,
        rows: np.ndarray,
        shape: tuple[int, int],
        labels: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Draw another row of the same scene, and the column where it begins."""
        import numpy as np

        others = np.empty_like(rows)
        for scene in np.unique(labels[rows]):
            own = np.flatnonzero(labels[rows] == scene)
            others[own] = rng.choice(rows[own], size=len(own))
        begin = rng.integers(0, shape[1] + 1, size=len(rows))
        return {
            "splice_rows": others,
            "splice_span": np.stack([begin, np.full_like(begin, shape[1])], axis=-1),
        }
