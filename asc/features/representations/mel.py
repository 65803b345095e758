"""The Mel spectrogram: rows as wide as the ear's resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.features.feature import DecibelFeature, register_feature
from asc.features.spec import FeatureSpec
from asc.text import counted

if TYPE_CHECKING:
    import scipy.sparse


@register_feature
class Mel(DecibelFeature):
    """Level of Mel bands, as many as rows."""

    name = "mel"
    title = "Mel"
    description = "level of Mel bands"

    @property
    def lowest(self) -> float:
        """Lowest level that is kept (in dB)."""
        return self.spec.mel_floor

    def weights(self) -> scipy.sparse.csr_matrix:
        """Return the Mel filter bank; see `mel_filters`."""
        import scipy.sparse

        return scipy.sparse.csr_matrix(mel_filters(self.spec)[:, self.spec.bins])

    def row_centres(self) -> np.ndarray:
        """Return the centre frequency of every band (in Hz)."""
        return _band_edges(self.spec)[1:-1]


def _band_edges(spec: FeatureSpec) -> np.ndarray:
    """Return the frequencies where bands begin, peak and end (in Hz).

    Band ``i`` begins at ``i``, peaks at ``i + 1`` and ends at ``i + 2``.
    """
    import librosa

    return librosa.mel_frequencies(
        n_mels=spec.rows + 2, fmin=spec.fmin, fmax=spec.fmax, htk=spec.mel_htk
    )


def mel_filters(spec: FeatureSpec) -> np.ndarray:
    """Return `librosa.filters.mel` of a spec [shape=(rows, 1 + n_fft // 2)], float32.

    Raises
    ------
    UsageError
        If a band has no FFT bin. Such a band would be a row without data.
    """
    # Only what takes little to import: librosa.filters needs all of scipy.signal.
    import librosa

    bins = librosa.fft_frequencies(sr=spec.sample_rate, n_fft=spec.n_fft)
    edges = _band_edges(spec)
    width = np.diff(edges)[:, None]
    away = edges[:, None] - bins
    rising, falling = -away[:-2] / width[:-1], away[2:] / width[1:]
    weights = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    weights *= (2 / (edges[2:] - edges[:-2]))[:, None]  # each band's area is the same
    empty = int((weights.sum(axis=1) == 0).sum())
    if empty:
        raise UsageError(
            f"{empty} of {counted(spec.rows, 'Mel band is', 'Mel bands are')} empty."
            f" Got n_fft={spec.n_fft} at {spec.sample_rate} Hz. Use a longer FFT,"
            " fewer rows or a higher fmin."
        )
    return weights
