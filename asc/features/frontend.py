"""From samples to stored arrays: one FFT pass feeds all features.

For each channel: windowed FFT, power, the weights of all features; then each feature
turns its rows into values, averaged to columns, and encodes them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from asc.errors import UsageError
from asc.features.feature import make_features
from asc.features.spec import FeatureSpec
from asc.features.spectrum import area_matrix, make_window, weighted_power


class FrontEnd:
    """Computes the features of one spec. Cheap to pickle, holds no state.

    Parameters
    ----------
    spec : FeatureSpec
    features : str or iterable of str, optional
        Compute only these.

    Raises
    ------
    UsageError
        If a feature is not registered, or cannot be computed under the spec.

    Examples
    --------
    >>> import numpy as np
    >>> spec = asc.FeatureSpec(sample_rate=44100, seconds=1.0, rows=16, columns=16)
    >>> codes = asc.FrontEnd(spec)(np.zeros((1, 44100), np.float32))
    >>> {name: array.shape for name, array in codes.items()}
    {'mel': (16, 16, 1), 'stft': (16, 16, 1)}
    """

    def __init__(
        self, spec: FeatureSpec, features: str | Iterable[str] | None = None
    ) -> None:
        import scipy.sparse

        self.spec = spec
        self.features = make_features(spec, features)
        self._bins = spec.bins
        self._window = make_window(spec)
        # Power of a full-scale sine at the centre of a bin: 0 dB.
        self._full_scale = float(self._window.sum(dtype=np.float64) / 2) ** 2
        # All in one matrix, for one pass over the bins.
        weights = [feature.weights() for feature in self.features.values()]
        self._weights = scipy.sparse.vstack(weights, "csr")
        self._ends = np.cumsum([each.shape[0] for each in weights])[:-1]
        self._columns = None
        if spec.frames != spec.columns:
            self._columns = area_matrix(spec.frames, spec.columns)

    def __call__(self, y: np.ndarray) -> dict[str, np.ndarray]:
        """Return the stored arrays of a clip.

        Parameters
        ----------
        y : np.ndarray [shape=(channels, spec.samples)], float32

        Returns
        -------
        dict of str to np.ndarray [shape=(rows, columns, channels)]
            In ``spec.dtype``. Row 0 is the lowest frequency.

        Raises
        ------
        UsageError
            If the audio does not have the spec's channels and length.
        """
        spec = self.spec
        if y.shape != (spec.channel_count, spec.samples):
            raise UsageError(
                f"The audio does not fit the spec. Got y.shape={y.shape}, expected"
                f" {(spec.channel_count, spec.samples)}."
            )
        stored = {
            name: np.empty(feature.shape, spec.dtype)
            for name, feature in self.features.items()
        }
        for channel, samples in enumerate(y):
            power = weighted_power(
                samples, spec, self._window, self._bins, self._weights
            )
            for (name, feature), rows in zip(
                self.features.items(), np.split(power, self._ends), strict=True
            ):
                values = feature.values(rows, self._average, self._full_scale)
                stored[name][..., channel] = feature.encoding.encode(
                    values, overwrite=True
                )
        return stored

    def _average(self, rows: np.ndarray) -> np.ndarray:
        """Return rows [shape=(rows, frames)] averaged to the columns of the spec."""
        if self._columns is None:
            return rows
        return (self._columns @ np.ascontiguousarray(rows.T)).T
