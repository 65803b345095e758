"""The FFT pass: samples to weighted sums of power; area averaging."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from asc.compiled import compiled
from asc.features.spec import FeatureSpec

if TYPE_CHECKING:
    import scipy.sparse

#: Frames transformed at a time: few enough to stay in a core's cache.
_BLOCK = 32
#: Weights of the cosines that a window is the sum of.
_COSINES = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 1 - 0.54),
    "blackman": (0.42, 0.5, 0.08),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "boxcar": (1.0,),
}


def power_spectrogram(y: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Return the power of the short-time Fourier transform.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)], float32
        Mono signal of any length of at least one sample.
    spec : FeatureSpec

    Returns
    -------
    np.ndarray [shape=(1 + n_fft // 2, 1 + n // hop_length)], float32
        Equals ``np.abs(librosa.stft(y, n_fft=..., hop_length=...)) ** 2`` within
        single precision: bins more than 100 dB below the loudest one of their
        frame, such as those beyond an anti-alias filter, may be off by more.

    Notes
    -----
    `librosa.stft` transforms in double precision, which takes about four times
    as long. The rounding noise of a single-precision FFT is white and follows
    the loudest bin, whereas the spectrum of outdoor sound falls with frequency,
    so the noise would dominate the quiet high bands. Each windowed frame is therefore
    differenced (circularly, an exact multiplication of bin k by
    ``1 - exp(-2j * pi * k / n_fft)``) before the FFT, and the power is divided
    by that gain afterwards. On recordings of urban scenes this made the largest
    error of a Mel cell four times smaller.
    """
    import scipy.sparse

    bins = slice(0, 1 + spec.n_fft // 2)
    each = scipy.sparse.identity(bins.stop, np.float32, "csr")
    return weighted_power(y, spec, make_window(spec), bins, each)


def weighted_power(
    y: np.ndarray,
    spec: FeatureSpec,
    window: np.ndarray,
    bins: slice,
    weights: scipy.sparse.csr_matrix,
) -> np.ndarray:
    """Return weights [shape=(rows, bins)] times power [shape=(bins, frames)]."""
    import scipy.fft

    if spec.center:
        half = spec.n_fft // 2
        y = np.pad(y, half, mode=spec.pad_mode)  # type: ignore[call-overload]
    count = 1 + (len(y) - spec.n_fft) // spec.hop_length
    inverse_gain = _inverse_gain(spec.n_fft, bins.start, bins.stop)
    result = np.empty((weights.shape[0], count), np.float32)
    difference = np.empty((_BLOCK, spec.n_fft), np.float32)
    power = np.empty((len(inverse_gain), _BLOCK), np.float32)
    for start in range(0, count, _BLOCK):
        block = difference[: count - start]
        _difference_frames(y[start * spec.hop_length :], spec.hop_length, window, block)
        spectrum = scipy.fft.rfft(block, axis=1)[:, bins]
        dc = power[0, :0]
        if bins.start == 0:
            frames = np.lib.stride_tricks.sliding_window_view(y, spec.n_fft)
            tapered = frames[:: spec.hop_length][start : start + _BLOCK] * window
            dc = tapered.sum(axis=1) ** 2
        _weigh(
            spectrum,
            inverse_gain,
            dc,
            weights.indptr,
            weights.indices,
            weights.data,
            power,
            result[:, start : start + _BLOCK],
        )
    return result


@lru_cache(8)
def _inverse_gain(n_fft: int, start: int, stop: int) -> np.ndarray:
    """Return what undoes the differencing of frames in the power of bins."""
    gain = 4 * np.sin(np.pi * np.arange(start, stop) / n_fft) ** 2
    if start == 0:
        gain[0] = np.inf  # differencing removes the mean, which is put back later
    return (1 / gain).astype(np.float32)


@compiled
def _difference_frames(
    y: np.ndarray, hop: int, window: np.ndarray, difference: np.ndarray
) -> None:
    """Write windowed frames, each sample less the one before it (circularly)."""
    length = len(window)
    for frame in range(len(difference)):
        samples = y[frame * hop : frame * hop + length]
        difference[frame, 0] = (
            samples[0] * window[0] - samples[length - 1] * window[length - 1]
        )
        for i in range(1, length):
            difference[frame, i] = (
                samples[i] * window[i] - samples[i - 1] * window[i - 1]
            )


@compiled
def _weigh(
    spectrum: np.ndarray,
    inverse_gain: np.ndarray,
    dc: np.ndarray,
    begins: np.ndarray,
    bins: np.ndarray,
    weights: np.ndarray,
    power: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Write the product of a sparse matrix (its CSR form) and a block of power.

    Also the power itself, transposed [shape=(bins, frames)]: in `power`. Its first row
    is `dc` if that is not empty.
    """
    for bin in range(spectrum.shape[1]):
        for frame in range(spectrum.shape[0]):
            value = spectrum[frame, bin]
            square = value.real * value.real + value.imag * value.imag
            power[bin, frame] = square * inverse_gain[bin]
    for frame in range(len(dc)):
        power[0, frame] = dc[frame]
    for row in range(rows.shape[0]):
        sums = np.zeros(power.shape[1], np.float32)
        for place in range(begins[row], begins[row + 1]):
            weight, values = weights[place], power[bins[place]]
            for frame in range(len(sums)):
                sums[frame] += weight * values[frame]
        rows[row] = sums[: rows.shape[1]]


def make_window(spec: FeatureSpec) -> np.ndarray:
    """Return the periodic window [shape=(n_fft,)], float32.

    Equals `scipy.signal.get_window` bit for bit; importing that takes half a second.
    """
    angles = np.linspace(-np.pi, np.pi, spec.n_fft + 1)[:-1]
    terms = (a * np.cos(k * angles) for k, a in enumerate(_COSINES[spec.window]))
    return sum(terms, np.zeros(spec.n_fft)).astype(np.float32)


def area_matrix(inputs: int, outputs: int) -> scipy.sparse.csr_matrix:
    """Return the matrix that resizes an axis by area averaging.

    Output ``i`` is the mean of the input over the interval
    ``[i, i + 1) * inputs / outputs``. An input counts by the part that lies inside.

    Returns
    -------
    scipy.sparse.csr_matrix [shape=(outputs, inputs)], float32
        Every row sums to 1.
    """
    import scipy.sparse  # which takes longer than the rest of this package

    edges = np.arange(outputs + 1) * (inputs / outputs)
    lower = np.maximum(edges[:-1, None], np.arange(inputs))
    upper = np.minimum(edges[1:, None], np.arange(1, inputs + 1))
    share = np.maximum(upper - lower, 0) * (outputs / inputs)
    return scipy.sparse.csr_matrix(np.where(share > 1e-9, share, 0).astype(np.float32))
