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
        import librosa

        spec = self.spec
        return librosa.mel_frequencies(
            n_mels=spec.rows + 2, fmin=spec.fmin, fmax=spec.fmax, htk=spec.mel_htk
        )[1:-1]


def mel_filters(spec: FeatureSpec) -> np.ndarray:
    """Return `librosa.filters.mel` of a spec [shape=(rows, 1 + n_fft // 2)], float32.

    Raises
    ------
    UsageError
        If a band has no FFT bin. Such a band would be a row without data.
    """
    # The import takes over a second and workers never need it.
    import warnings

    import librosa.filters

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty bands are an error just below
        weights = librosa.filters.mel(
            sr=spec.sample_rate,
            n_fft=spec.n_fft,
            n_mels=spec.rows,
            fmin=spec.fmin,
            fmax=spec.fmax,
            htk=spec.mel_htk,
            norm=spec.mel_norm,  # type: ignore[arg-type]
        )
    empty = int((weights.sum(axis=1) == 0).sum())
    if empty:
        raise UsageError(
            f"{empty} of {counted(spec.rows, 'Mel band is', 'Mel bands are')} empty."
            f" Got n_fft={spec.n_fft} at {spec.sample_rate} Hz. Use a longer FFT,"
            " fewer rows or a higher fmin."
        )
    return weights
