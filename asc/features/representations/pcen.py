"""Per-channel energy normalisation of Mel bands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from asc.features.encoding import STEPS
from asc.features.feature import Feature, register_feature
from asc.features.representations.mel import Mel
from asc.validation import check_number

#: Full scale of the audio that the defaults were chosen for: 32-bit integers.
_SCALE = 2.0**31

if TYPE_CHECKING:
    import scipy.sparse


@register_feature
class Pcen(Feature):
    """Mel bands, each divided by its own recent past and compressed.

    Steady noise and the response of the microphone become flat, and events become
    prominent. With energy E of a band and its moving average M::

        M[t] = (1 - b) * M[t - 1] + b * E[t]
        value[t] = (E[t] / (eps + M[t]) ** gain + bias) ** power - bias ** power

    M starts with the mean energy of the first ``time_constant``: from a single frame,
    which is half padding, every clip would begin with an onset.

    Parameters are those of `librosa.pcen`, which gives the same numbers from the Mel
    power spectrogram times ``2 ** 31`` if its filter starts with the same M:

    * gain: strength of the normalisation, in [0, 1];
    * bias, power: compression; power in (0, 1];
    * time_constant: of the moving average (in seconds);
    * eps: avoids a division by zero.

    Notes
    -----
    M follows the frames of the STFT. Columns are averaged last, from values: averaging
    power first would smooth the events.

    References
    ----------
    Wang, Getreuer, Hughes, Lyon, Saurous. "Trainable frontend for robust and far-field
    keyword spotting." ICASSP 2017.

    Lostanlen et al. "Per-channel energy normalization: why and how." IEEE Signal
    Processing Letters 26, 2019.
    """

    name = "pcen"
    title = "PCEN"
    description = "Mel bands relative to their recent past (Wang et al. 2017)"
    quantity = "PCEN"
    unit = ""
    lowest = 0.0
    defaults = dict(gain=0.98, bias=2.0, power=0.5, time_constant=0.4, eps=1e-6)

    def check(self) -> None:
        """Check the ranges of all parameters."""
        most = {"gain": 1, "power": 1}
        for name, value in self.parameters.items():
            self.parameters[name] = check_number(
                name, value, 0, most.get(name, 1e6), above=name != "gain"
            )

    @property
    def time_frames(self) -> float:
        """The time constant (in frames)."""
        seconds = self.parameters["time_constant"]
        return seconds * self.spec.sample_rate / self.spec.hop_length

    @property
    def smoothing(self) -> float:
        """The weight b of a frame: (sqrt(1 + 4 * t**2) - 1) / (2 * t**2)."""
        return 2 / (1 + math.sqrt(1 + 4 * self.time_frames**2))

    @property
    def step(self) -> float:
        """Step of the uint8 codes, which reach up to full scale."""
        # M >= b * E, so (E / M ** gain) <= E ** (1 - gain) / b ** gain.
        gain = self.parameters["gain"]
        full_scale = _SCALE * (self.spec.n_fft / 2) ** 2
        most = full_scale ** (1 - gain) / self.smoothing**gain
        return float(self._compress(np.float64(most))) / STEPS

    def weights(self) -> scipy.sparse.csr_matrix:
        """Return the Mel filter bank."""
        return Mel(self.spec).weights()

    def row_centres(self) -> np.ndarray:
        """Return the centre frequency of every band (in Hz)."""
        return Mel(self.spec).row_centres()

    def values(
        self,
        power: np.ndarray,
        average: Callable[[np.ndarray], np.ndarray],
        full_scale: float,
    ) -> np.ndarray:
        """Return the mean PCEN of every column."""
        energy = np.ascontiguousarray(power.T) * np.float32(_SCALE)
        past, b = np.empty_like(energy), np.float32(self.smoothing)
        last = energy[: math.ceil(self.time_frames)].mean(axis=0)
        for frame, now in enumerate(energy):
            last = last + b * (now - last)
            past[frame] = last
        past += np.float32(self.parameters["eps"])
        energy *= past ** np.float32(-self.parameters["gain"])
        return average(self._compress(energy).T)

    def _compress(self, energy: np.ndarray | np.floating) -> np.ndarray:
        # By expm1 and log1p, since energy may be much smaller than the bias.
        bias, power = self.parameters["bias"], self.parameters["power"]
        return bias**power * np.expm1(power * np.log1p(energy / bias))
