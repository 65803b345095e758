"""From audio to the input of the model, in NumPy alone.

``asc-model.json`` has the numbers and ``frontend.npz`` the arrays: ``window``
[n_fft]; ``weights`` [rows, 1 + n_fft // 2], which the power of the FFT bins is
multiplied with; and ``columns`` [columns, frames], which averages frames. To port it to
another language, port `FrontEnd`: these are all its steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class FrontEnd:
    """Computes features as the model was trained on, float32 [rows, columns, channels].

    Parameters
    ----------
    record : dict
        The content of ``asc-model.json``.
    arrays : mapping of str to np.ndarray
        The content of ``frontend.npz``.
    """

    def __init__(
        self, record: dict[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> None:
        self.spec, self.encoding = record["spec"], record["encoding"]
        self.values = getattr(self, "_" + record["values"]["method"])
        self.parameters = record["values"]["parameters"]
        names = ("window", "weights", "columns")
        self.window, self.weights, self.columns = (
            arrays[name].astype(np.float64) for name in names
        )

    def mix(self, samples: np.ndarray) -> np.ndarray:
        """Return samples [frames, n] as mono [1, frames] or mid/side [2, frames]."""
        if self.spec["channels"] == "mono":
            return samples.mean(axis=1)[np.newaxis]
        if samples.shape[1] != 2:
            raise ValueError("The model takes two channels (mid and side).")
        left, right = samples.T
        return np.stack([left + right, left - right]) / 2

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """Return the features of a window [channels, samples]."""
        stored = [self.encode(self.values(self.power(channel))) for channel in y]
        return np.stack(stored, axis=-1).astype(np.float32)

    def power(self, y: np.ndarray) -> np.ndarray:
        """Return the weighted power of the STFT [rows, frames]."""
        n_fft, hop = self.spec["n_fft"], self.spec["hop_length"]
        y = y.astype(np.float64)
        if self.spec["center"]:
            y = np.pad(y, n_fft // 2, mode=self.spec["pad_mode"])
        frames = np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop]
        spectrum = np.fft.rfft(frames * self.window, axis=1)
        return self.weights @ (spectrum.real**2 + spectrum.imag**2).T

    def _decibel(self, power: np.ndarray) -> np.ndarray:
        """Return the level of the mean power of every column, in dB re full scale."""
        full_scale = (self.window.sum() / 2) ** 2  # of a sine wave
        level = 10 * np.log10(np.maximum(power @ self.columns.T / full_scale, 1e-99))
        return np.maximum(level, self.encoding["lowest"])

    def _pcen(self, power: np.ndarray) -> np.ndarray:
        """Return per-channel energy normalisation (Wang et al. 2017), averaged."""
        given = self.parameters
        energy = power.T * 2.0**31
        time = given["time_constant"] * self.spec["sample_rate"]
        time /= self.spec["hop_length"]
        weight = 2 / (1 + np.sqrt(1 + 4 * time**2))
        past, last = np.empty_like(energy), energy[: int(np.ceil(time))].mean(axis=0)
        for frame, now in enumerate(energy):
            past[frame] = last = last + weight * (now - last)
        energy *= (given["eps"] + past) ** -given["gain"]
        bias, root = given["bias"], given["power"]
        values = bias**root * np.expm1(root * np.log1p(energy / bias))
        return values.T @ self.columns.T

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return values as the model takes them: those of uint8 are codes 1 to 255."""
        if self.encoding["dtype"] != "uint8":
            return values.astype(self.encoding["dtype"])
        codes = (values - self.encoding["offset"]) / self.encoding["scale"]
        return np.clip(np.rint(codes), 1, 255)
