"""The short-time Fourier transform: rows of equal width in Hz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.features.feature import DecibelFeature, register_feature
from asc.features.spectrum import area_matrix

if TYPE_CHECKING:
    import scipy.sparse


@register_feature
class Stft(DecibelFeature):
    """Level of the FFT bins, averaged (as power) to the rows of the spec."""

    name = "stft"
    title = "STFT"
    description = "level of rows of equal width in Hz"

    @property
    def lowest(self) -> float:
        """Lowest level that is kept (in dB)."""
        return self.spec.stft_floor

    def weights(self) -> scipy.sparse.csr_matrix:
        """Return the mean over the bins of each row."""
        bins = self.spec.bins
        return area_matrix(bins.stop - bins.start, self.rows)

    def row_centres(self) -> np.ndarray:
        """Return the centre frequency of every row (in Hz)."""
        bins = self.spec.bins
        edges = np.linspace(bins.start - 0.5, bins.stop - 0.5, self.rows + 1)
        return (edges[:-1] + edges[1:]) / 2 * self.spec.sample_rate / self.spec.n_fft
