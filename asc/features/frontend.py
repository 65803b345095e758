"""From samples to stored arrays: one FFT pass feeds all features.

For each channel: windowed FFT; power; the weights of all features, one below the
other; then each feature makes values of its rows, which includes the mean over the
frames of a column, and its encoding makes stored numbers of these.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from asc.errors import UsageError
from asc.features.averaging import ColumnAverage
from asc.features.feature import make_features
from asc.features.spec import FeatureSpec
from asc.features.spectrum import make_window, weighted_power


class FrontEnd:
    """Computes the features of one spec. Cheap to pickle, holds no state.

    Parameters
    ----------
    spec : FeatureSpec
    features : iterable of str, optional
        Compute only these of the spec's features.

    Raises
    ------
    UsageError
        If a feature is not registered, or cannot be computed under the spec.
    """

    def __init__(
        self, spec: FeatureSpec, features: Iterable[str] | None = None
    ) -> None:
        import scipy.sparse

        self.spec = spec
        self.features = make_features(spec, features)
        self._bins = spec.bins
        self._window = make_window(spec)
        # Power of a full-scale sine at the centre of a bin: 0 dB.
        self._full_scale = float(self._window.sum(dtype=np.float64) / 2) ** 2
        # One below the other, for one pass over the bins.
        weights = [feature.weights() for feature in self.features.values()]
        self._weights = scipy.sparse.vstack(weights, "csr")
        self._ends = np.cumsum([each.shape[0] for each in weights])[:-1]
        self._average = ColumnAverage(spec.frames, spec.columns)

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
