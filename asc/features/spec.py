"""The specification of features: every value that changes a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from asc.errors import UsageError
from asc.registry import check_name
from asc.text import has_control_characters
from asc.validation import (
    check_choice,
    check_fields,
    check_flag,
    check_number,
    check_whole,
)

#: Stored specs that do not name their features have these.
DEFAULT_FEATURES = ("mel", "stft")
CHANNELS = {"mono": 1, "midside": 2}
DTYPES = ("uint8", "float16", "float32")
#: Values of the fields that are one of a few names.
CHOICES = {
    "channels": tuple(CHANNELS),
    "dtype": DTYPES,
    "window": ("hann", "hamming", "blackman", "blackmanharris", "boxcar"),
    "pad_mode": ("constant", "edge", "reflect", "symmetric"),
    "mel_norm": ("slaney",),
    "resampler": ("soxr_qq", "soxr_lq", "soxr_mq", "soxr_hq", "soxr_vhq"),
}

#: Largest product of two axes that a clip is computed with: some 500 MB.
_MOST_CELLS = 2**26
_LONGEST = 3600.0
_LOWEST_FLOOR = -300.0
#: Bins wider than this (in Hz) leave narrow Mel bands empty.
_WIDEST_BIN = 12.0
#: Ranges of the fields that are numbers.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "sample_rate": partial(check_whole, least=1),
    "seconds": partial(check_number, least=0, most=_LONGEST, above=True),
    "n_fft": partial(check_whole, least=1),
    "hop_length": partial(check_whole, least=1),
    "fmin": check_number,
    "fmax": check_number,
    "rows": partial(check_whole, least=1),
    "columns": partial(check_whole, least=1),
    "stft_floor": partial(check_number, least=_LOWEST_FLOOR, most=0),
    "mel_floor": partial(check_number, least=_LOWEST_FLOOR, most=0),
    "step": partial(check_number, least=0, most=0.5, above=True),
    "center": check_flag,
    "mel_htk": check_flag,
}


@dataclass(frozen=True)
class FeatureSpec:
    """How audio becomes arrays.

    Equal specs give the same numbers from the same audio, with the same versions of
    the libraries in a store's fingerprint.

    Parameters
    ----------
    sample_rate : int > 0
        Rate of the analysis (in Hz). Audio at another rate is resampled.
    seconds : float > 0
        Nominal length of a clip. Longer audio is cut at the end, shorter audio
        is repeated from its start: zeros would reveal its length to a model.
    channels : {'mono', 'midside'}
        Mean of all channels, or half the sum and half the difference of two.
    n_fft : int > 0
        Length of the FFT and of the window (in samples).
    hop_length : int > 0
        Step between frames (in samples).
    fmin, fmax : float
        Range of frequencies that is kept (in Hz). DC and the roll-off of the
        anti-alias filter identify equipment, not scenes.
    rows, columns : int > 0
        Size of the features. ``rows`` is also the number of Mel bands.
    stft_floor, mel_floor : float
        Lowest level that is kept (in dB relative to full scale).
    step : float in (0, 0.5]
        Step of the uint8 codes of features in dB.
    dtype : {'uint8', 'float16', 'float32'}
        How a store keeps the features. uint8 codes are 1 to 255 and cover 254 steps
        from the lowest value up; floats are the values.
    features : tuple of str
        Names of registered features (`asc.register_feature`).
    window, center, pad_mode, mel_norm, mel_htk, resampler
        See `librosa.stft`, `librosa.filters.mel` and `soxr.resample`.
    parameters : dict of str to dict
        Parameters of single features, such as ``{"pcen": {"gain": 0.9}}``. The
        others have the feature's defaults.

    Raises
    ------
    UsageError
        If a value is impossible.

    Notes
    -----
    Level is in dB relative to a full-scale sine wave, never to the clip's own
    maximum, which would erase the difference between a quiet library and a loud
    street.

    Examples
    --------
    >>> spec = asc.FeatureSpec(sample_rate=44100, seconds=10.0, channels="midside")
    >>> spec.shape, spec.features
    ((256, 256, 2), ('mel', 'stft'))
    """

    sample_rate: int
    seconds: float
    channels: str = "mono"
    n_fft: int = 4096
    hop_length: int = 1729
    fmin: float = 20.0
    fmax: float = 20000.0
    rows: int = 256
    columns: int = 256
    stft_floor: float = -140.0
    mel_floor: float = -145.0
    step: float = 0.5
    dtype: str = "uint8"
    features: tuple[str, ...] = DEFAULT_FEATURES
    window: str = "hann"
    center: bool = True
    pad_mode: str = "constant"
    mel_norm: str = "slaney"
    mel_htk: bool = False
    resampler: str = "soxr_hq"
    parameters: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict, hash=False  # a dict has no hash
    )

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        object.__setattr__(self, "features", _check_features(self.features))
        parameters = _check_parameters(self.parameters, self.features)
        object.__setattr__(self, "parameters", parameters)
        if self.samples < 2:
            raise UsageError(
                f"A clip must have at least 2 samples. Got seconds={self.seconds:g} at"
                f" {self.sample_rate} Hz."
            )
        if self.frames < 1:
            raise UsageError(
                f"A clip of {self.samples} samples is shorter than n_fft={self.n_fft},"
                " which without center leaves no frame. Use longer clips, a shorter"
                " FFT or center."
            )
        cells = max(
            self.rows * self.n_fft,
            self.rows * self.columns,
            self.frames * max(self.rows, self.columns),
            self.samples // 16,
        )
        if cells > _MOST_CELLS:  # a spec may come with an untrusted store or run
            raise UsageError(
                f"The spec needs more than fits in memory. Got rows={self.rows},"
                f" columns={self.columns}, n_fft={self.n_fft} and {self.frames:,}"
                f" frames of {self.samples:,} samples. Use fewer rows or columns,"
                " shorter clips or FFTs, or a longer hop."
            )
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise UsageError(
                "fmin and fmax must satisfy 0 <= fmin < fmax <= half the sample rate"
                f" ({self.sample_rate / 2:g} Hz). Got {self.fmin:g} and"
                f" {self.fmax:g} Hz."
            )

    @classmethod
    def for_audio(
        cls, sample_rate: int, seconds: float, **settings: Any
    ) -> FeatureSpec:
        """Return the spec for audio of a given rate (in Hz) and length.

        What is not set, or None, is chosen for the audio: an FFT of 4096 points,
        longer where bins would be wider than 12 Hz; a hop that gives as many frames
        as columns, but at most half the FFT; an upper limit of 20 kHz or half the
        sample rate.
        """
        chosen = {name: value for name, value in settings.items() if value is not None}
        if sample_rate > 0 and 0 < seconds <= _LONGEST:  # else an error just below
            n_fft = 4096
            while sample_rate / n_fft > _WIDEST_BIN:
                n_fft *= 2
            chosen.setdefault("n_fft", n_fft)
            chosen.setdefault("fmax", min(cls.fmax, sample_rate / 2))
            span = round(sample_rate * seconds)
            if not chosen.get("center", cls.center):
                span -= chosen["n_fft"]
            hop = span // max(1, chosen.get("columns", cls.columns) - 1)
            chosen.setdefault("hop_length", max(1, min(hop, chosen["n_fft"] // 2)))
        return cls(sample_rate=sample_rate, seconds=seconds, **chosen)

    @property
    def samples(self) -> int:
        """Length of a clip (in samples)."""
        return round(self.sample_rate * self.seconds)

    @property
    def frames(self) -> int:
        """Number of STFT frames before they are reduced to columns."""
        padding = 2 * (self.n_fft // 2) if self.center else 0
        return 1 + (self.samples + padding - self.n_fft) // self.hop_length

    @property
    def channel_count(self) -> int:
        """Number of channels."""
        return CHANNELS[self.channels]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a clip, unless a feature has rows of its own."""
        return self.rows, self.columns, self.channel_count

    @property
    def bins(self) -> slice:
        """FFT bins from `fmin` to `fmax`; a UsageError if there is none."""
        hertz = np.arange(1 + self.n_fft // 2) * self.sample_rate / self.n_fft
        inside = np.flatnonzero((hertz >= self.fmin) & (hertz <= self.fmax))
        if not len(inside):
            raise UsageError(
                f"No FFT bin lies between {self.fmin:g} and {self.fmax:g} Hz. Got"
                f" n_fft={self.n_fft} at {self.sample_rate} Hz. Use a longer FFT or a"
                " wider range."
            )
        return slice(int(inside[0]), int(inside[-1]) + 1)

    @property
    def bin_frequencies(self) -> np.ndarray:
        """Centre frequencies of `bins` (in Hz)."""
        bins = self.bins
        return np.arange(bins.start, bins.stop) * self.sample_rate / self.n_fft

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON; no empty ``parameters``, as in older stores."""
        values = dataclasses.asdict(self) | {"features": list(self.features)}
        if not self.parameters:
            del values["parameters"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureSpec:
        """Return the spec with the given fields.

        Raises
        ------
        UsageError
            If a field is unknown, missing or impossible.
        """
        try:
            return cls(**check_fields("feature spec", values, cls))
        except TypeError as error:
            raise UsageError(f"Not a feature spec: {error}.") from error


def _check_features(names: Any) -> tuple[str, ...]:
    """Return sorted names, registered or not: a store opens without the code."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise UsageError(f"features must be a list of names. Got {names!r}.")
    names = tuple(check_name("feature", name) for name in names)
    if not names or len(set(names)) < len(names):
        raise UsageError(
            f"features must be one or more names, each once. Got {list(names)}."
        )
    return tuple(sorted(names))


def _check_parameters(
    parameters: Any, features: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Return a sorted copy; what the parameters mean is up to the features."""
    if not isinstance(parameters, Mapping):
        raise UsageError(f"parameters must be a table of features. Got {parameters!r}.")
    checked = {}
    for feature, values in parameters.items():
        check_choice("feature of parameters", feature, features)
        if not isinstance(values, Mapping):
            raise UsageError(
                f"parameters of {feature} must be a table of names. Got {values!r}."
            )
        if values:
            found = {name: _check_parameter(name, values[name]) for name in values}
            checked[feature] = dict(sorted(found.items()))
    return dict(sorted(checked.items()))


def _check_parameter(name: Any, value: Any) -> bool | str | int | float:
    """Return a flag, a text or a number, in the type that JSON gives back."""
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"Invalid name of a parameter. Got {name!r}.")
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and not has_control_characters(value):
        return value
    number = check_number(f"parameter {name}", value)
    return int(value) if isinstance(value, Integral) else number
