"""From samples to stored arrays: one FFT pass feeds both features.

The arithmetic, for each channel: windowed FFT; power; for ``stft`` the mean
over the bins of a row, for ``mel`` the Mel filter bank; the mean over the
frames of a column; dB relative to full scale; quantisation. Averaging is done
on power, never on dB.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.sparse

from asc.compiled import compiled
from asc.errors import UsageError
from asc.features.spec import FeatureSpec

#: Frames transformed at a time: few enough to stay in a core's cache.
_BLOCK = 32


class FrontEnd:
    """Computes the features of one spec. Cheap to pickle, holds no state.

    Parameters
    ----------
    spec : FeatureSpec

    Raises
    ------
    UsageError
        If a Mel band of the spec has no FFT bin.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        bins = np.arange(1 + spec.n_fft // 2) * spec.sample_rate / spec.n_fft
        inside = np.flatnonzero((bins >= spec.fmin) & (bins <= spec.fmax))
        if not len(inside):
            raise UsageError(
                f"No FFT bin lies between {spec.fmin:g} and {spec.fmax:g} Hz."
            )
        self._window = _window(spec)
        # Power of a full-scale sine at the centre of a bin: 0 dB.
        self._reference = float(self._window.sum(dtype=np.float64) / 2) ** 2
        self._bins = slice(int(inside[0]), int(inside[-1]) + 1)
        weights = {}
        if "stft" in spec.features:
            weights["stft"] = area_matrix(len(inside), spec.rows)
        if "mel" in spec.features:
            filters = mel_filters(spec)[:, self._bins]
            weights["mel"] = scipy.sparse.csr_matrix(filters)
        self._names = tuple(weights)
        # One below the other, for one pass over the bins.
        self._weights = scipy.sparse.vstack(list(weights.values()), "csr")
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
        """
        if y.shape != (self.spec.channel_count, self.spec.samples):
            raise UsageError(
                f"y.shape={y.shape} does not fit the spec, expected"
                f" {(self.spec.channel_count, self.spec.samples)}."
            )
        spec = self.spec
        features = {name: np.empty(spec.shape, spec.dtype) for name in spec.features}
        for channel, samples in enumerate(y):
            power = _rows(samples, spec, self._window, self._bins, self._weights)
            if spec.frames != spec.columns:
                power = (self._columns @ np.ascontiguousarray(power.T)).T
            for name, rows in zip(self._names, np.split(power, len(self._names))):
                features[name][..., channel] = self._stored(name, rows)
        return features

    def _stored(self, name: str, power: np.ndarray) -> np.ndarray:
        """Return power [shape=(rows, columns)] as dB in the stored form."""
        floor = self.spec.floor(name)
        level = np.maximum(power, np.float32(self._reference * 10 ** (floor / 10)))
        np.log10(level, out=level)
        level *= np.float32(10)
        level -= np.float32(10 * np.log10(self._reference))
        if self.spec.dtype == "uint8":
            scale, offset = self.spec.scaling(name)
            level -= np.float32(offset)
            level *= np.float32(1 / scale)
            np.rint(level, out=level)
            np.clip(level, 1, 255, out=level)
        return level.astype(self.spec.dtype)


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
    the loudest bin, whereas sound in the open falls with frequency, so the
    noise would sit on the quiet high bands. Each windowed frame is therefore
    differenced (circularly, an exact multiplication of bin k by
    ``1 - exp(-2j * pi * k / n_fft)``) before the FFT, and the power is divided
    by that gain afterwards. On recordings of urban scenes this made the largest
    error of a Mel cell four times smaller.
    """
    count = 1 + spec.n_fft // 2
    each = scipy.sparse.identity(count, np.float32, "csr")
    return _rows(y, spec, _window(spec), slice(0, count), each)


def _rows(
    y: np.ndarray,
    spec: FeatureSpec,
    window: np.ndarray,
    bins: slice,
    weights: scipy.sparse.csr_matrix,
) -> np.ndarray:
    """Return weighted sums of the power of some bins [shape=(rows, frames)]."""
    if spec.center:
        half = spec.n_fft // 2
        y = np.pad(y, half, mode=spec.pad_mode)  # type: ignore[call-overload]
    count = 1 + (len(y) - spec.n_fft) // spec.hop_length
    gain = 4 * np.sin(np.pi * np.arange(bins.start, bins.stop) / spec.n_fft) ** 2
    if bins.start == 0:
        gain[0] = np.inf  # differencing removes the mean, which is put back below
    inverse_gain = (1 / gain).astype(np.float32)

    result = np.empty((weights.shape[0], count), np.float32)
    change = np.empty((_BLOCK, spec.n_fft), np.float32)
    power = np.empty((len(gain), _BLOCK), np.float32)
    for start in range(0, count, _BLOCK):
        block = change[: count - start]
        _difference(y[start * spec.hop_length :], spec.hop_length, window, block)
        spectrum = scipy.fft.rfft(block, axis=1)[:, bins]
        _power(spectrum, inverse_gain, power)
        if bins.start == 0:
            frames = np.lib.stride_tricks.sliding_window_view(y, spec.n_fft)
            tapered = frames[:: spec.hop_length][start : start + _BLOCK] * window
            power[0, : len(block)] = tapered.sum(axis=1) ** 2
        _weigh(
            weights.indptr,
            weights.indices,
            weights.data,
            power,
            result[:, start : start + _BLOCK],
        )
    return result


@compiled
def _difference(
    y: np.ndarray, hop: int, window: np.ndarray, change: np.ndarray
) -> None:
    """Write windowed frames, from each of their samples the one before it."""
    length = len(window)
    for frame in range(len(change)):
        samples = y[frame * hop : frame * hop + length]
        change[frame, 0] = (
            samples[0] * window[0] - samples[length - 1] * window[length - 1]
        )
        for i in range(1, length):
            change[frame, i] = samples[i] * window[i] - samples[i - 1] * window[i - 1]


@compiled
def _power(spectrum: np.ndarray, inverse_gain: np.ndarray, power: np.ndarray) -> None:
    """Write the power of a block of frames, turned over [shape=(bins, frames)]."""
    for bin in range(spectrum.shape[1]):
        for frame in range(spectrum.shape[0]):
            value = spectrum[frame, bin]
            square = value.real * value.real + value.imag * value.imag
            power[bin, frame] = square * inverse_gain[bin]


@compiled
def _weigh(
    begins: np.ndarray,
    bins: np.ndarray,
    weights: np.ndarray,
    power: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Write the product of a sparse matrix (its CSR form) and a block of power."""
    for row in range(rows.shape[0]):
        sums = np.zeros(power.shape[1], np.float32)
        for place in range(begins[row], begins[row + 1]):
            weight, values = weights[place], power[bins[place]]
            for frame in range(len(sums)):
                sums[frame] += weight * values[frame]
        rows[row] = sums[: rows.shape[1]]


def mel_spectrogram(y: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Return the Mel power spectrogram before it is reduced to columns.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)], float32
    spec : FeatureSpec

    Returns
    -------
    np.ndarray [shape=(rows, 1 + n // hop_length)], float32
        Equals `librosa.feature.melspectrogram` within single precision.
    """
    return scipy.sparse.csr_matrix(mel_filters(spec)) @ power_spectrogram(y, spec)


def mel_filters(spec: FeatureSpec) -> np.ndarray:
    """Return the Mel filter bank of a spec, from `librosa.filters.mel`.

    Returns
    -------
    np.ndarray [shape=(rows, 1 + n_fft // 2)], float32

    Raises
    ------
    UsageError
        If a band has no FFT bin. Such a band would be a row without data.
    """
    # Imported here because it takes over a second and workers never need it.
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
            f"{empty} of {spec.rows} Mel bands are empty with n_fft={spec.n_fft} at"
            f" {spec.sample_rate} Hz. Use a longer FFT, fewer rows or a higher fmin."
        )
    return weights


def area_matrix(inputs: int, outputs: int) -> scipy.sparse.csr_matrix:
    """Return the matrix that resizes an axis by area averaging.

    Output ``i`` is the mean of the input over the interval
    ``[i, i + 1) * inputs / outputs``, where each input counts by the part of it
    that lies inside.

    Parameters
    ----------
    inputs, outputs : int > 0

    Returns
    -------
    scipy.sparse.csr_matrix [shape=(outputs, inputs)], float32
        Every row sums to 1.
    """
    edges = np.arange(outputs + 1) * (inputs / outputs)
    lower = np.maximum(edges[:-1, None], np.arange(inputs))
    upper = np.minimum(edges[1:, None], np.arange(1, inputs + 1))
    share = np.maximum(upper - lower, 0) * (outputs / inputs)
    return scipy.sparse.csr_matrix(np.where(share > 1e-9, share, 0).astype(np.float32))


def row_frequencies(feature: str, spec: FeatureSpec) -> np.ndarray:
    """Return the centre frequency of every row (in Hz), for axes of pictures.

    Returns
    -------
    np.ndarray [shape=(rows,)]
    """
    if feature == "stft":
        width = spec.sample_rate / spec.n_fft
        first, last = np.ceil(spec.fmin / width), np.floor(spec.fmax / width)
        edges = np.linspace(first - 0.5, last + 0.5, spec.rows + 1) * width
        return (edges[:-1] + edges[1:]) / 2
    import librosa

    return librosa.mel_frequencies(
        n_mels=spec.rows + 2, fmin=spec.fmin, fmax=spec.fmax, htk=spec.mel_htk
    )[1:-1]


def _window(spec: FeatureSpec) -> np.ndarray:
    """Return the periodic window [shape=(n_fft,)], float32."""
    # Takes a second to import; workers receive the window in their `FrontEnd`.
    from scipy.signal import get_window

    return get_window(spec.window, spec.n_fft, fftbins=True).astype(np.float32)
