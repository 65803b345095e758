"""The specification of the features: every value that changes a number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from asc.errors import UsageError
from asc.text import unknown_name

#: Features in the order in which they are stored and listed.
FEATURES = ("mel", "stft")
CHANNELS = {"mono": 1, "midside": 2}
DTYPES = ("uint8", "float16", "float32")
#: Values of the fields that are one of a few words.
CHOICES = {
    "channels": tuple(CHANNELS),
    "dtype": DTYPES,
    "window": ("hann", "hamming", "blackman", "blackmanharris", "boxcar"),
    "pad_mode": ("constant", "edge", "reflect", "symmetric"),
    "mel_norm": ("slaney",),
    "resampler": ("soxr_qq", "soxr_lq", "soxr_mq", "soxr_hq", "soxr_vhq"),
}

#: Greatest product of two axes that a clip is computed with: some 500 MB.
_MOST_CELLS = 2**26
_LONGEST = 3600.0
_LOWEST_FLOOR = -300.0
#: Bins wider than this (in Hz) leave narrow Mel bands empty.
_WIDEST_BIN = 12.0


@dataclass(frozen=True)
class FeatureSpec:
    """How audio becomes arrays.

    Two specs that are equal give the same numbers from the same audio, as far
    as the libraries named in a store's fingerprint are the same too.

    Parameters
    ----------
    sample_rate : int > 0
        Rate of the analysis (in Hz). Audio at another rate is resampled.
    seconds : float > 0
        Nominal length of a clip. Longer audio is cut at the end, shorter audio
        is repeated from its start: zeros would tell a clip by its length.
    channels : {'mono', 'midside'}
        Mean of all channels, or half the sum and half the difference of two.
    n_fft : int > 0
        Length of the FFT and of the window (in samples).
    hop_length : int > 0
        Step between frames (in samples).
    fmin, fmax : float
        Range of frequencies that is kept (in Hz). The DC row and the roll-off
        of the anti-alias filter tell equipment, not scenes.
    rows, columns : int > 0
        Size of both features. ``rows`` is also the number of Mel bands.
    stft_floor, mel_floor : float
        Lowest level that is kept (in dB relative to full scale).
    step : float in (0, 0.5]
        Step of the uint8 codes (in dB).
    dtype : {'uint8', 'float16', 'float32'}
        How a store keeps the features. uint8 codes cover 254 steps from the
        floor up, and code 0 never stands for data; floats are dB.
    features : tuple of str
        Which of ``mel`` and ``stft`` are computed.
    window, center, pad_mode, mel_norm, mel_htk, resampler
        Spelled out because they change numbers; see `librosa.stft`,
        `librosa.filters.mel` and `soxr.resample`.

    Raises
    ------
    UsageError
        If a value is impossible, or if a Mel band would be empty.

    Notes
    -----
    Level is in dB relative to a full-scale sine wave, never to the clip's own
    maximum: a quiet library and a loud street differ in level, and a reference
    to the maximum would erase that.
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
    features: tuple[str, ...] = FEATURES
    window: str = "hann"
    center: bool = True
    pad_mode: str = "constant"
    mel_norm: str = "slaney"
    mel_htk: bool = False
    resampler: str = "soxr_hq"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if field.name != "features":
                value = _checked(field.name, str(field.type), getattr(self, field.name))
                object.__setattr__(self, field.name, value)
        object.__setattr__(self, "features", _checked_features(self.features))
        if not 0 < self.seconds <= _LONGEST:
            raise UsageError(
                f"seconds must be in (0, {_LONGEST:g}]. Got {self.seconds}."
            )
        if self.samples < 2:
            raise UsageError(f"A clip of {self.seconds} s has no sample to analyse.")
        if self.frames < 1:
            raise UsageError(
                f"A clip of {self.samples} samples is shorter than n_fft={self.n_fft},"
                " which without center leaves no frame."
            )
        cells = max(
            self.rows * self.n_fft,
            self.rows * self.columns,
            self.frames * max(self.rows, self.columns),
            self.samples // 16,
        )
        if cells > _MOST_CELLS:  # it may come with a store or a run of a stranger
            raise UsageError(
                f"rows={self.rows}, columns={self.columns}, n_fft={self.n_fft} and"
                f" {self.frames:,} frames of {self.samples:,} samples are more than"
                " fits in memory. Use fewer rows or columns, shorter clips or FFTs,"
                " or a longer hop."
            )
        if not 0 < self.step <= 0.5:
            raise UsageError(f"step must be in (0, 0.5] dB. Got {self.step}.")
        for name in ("stft_floor", "mel_floor"):
            if not _LOWEST_FLOOR <= getattr(self, name) <= 0:
                raise UsageError(
                    f"{name} must be in [{_LOWEST_FLOOR:g}, 0] dB."
                    f" Got {getattr(self, name)}."
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
        """Return the spec for audio of a given rate and length.

        What is not set is chosen for the audio: an FFT of 4096 points, longer
        where bins would be wider than 12 Hz; a hop that gives as many frames as
        columns, but at most half the FFT, so that every sample counts; an upper
        limit of 20 kHz or half the sample rate.

        Parameters
        ----------
        sample_rate : int
            In Hz.
        seconds : float
            Nominal length of the clips.
        **settings
            Fields of the spec; None means not set.
        """
        chosen = {name: value for name, value in settings.items() if value is not None}
        if sample_rate > 0 and 0 < seconds <= _LONGEST:  # else refused just below
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
        """Channels of the stored arrays."""
        return CHANNELS[self.channels]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one stored feature: (rows, columns, channels)."""
        return self.rows, self.columns, self.channel_count

    def floor(self, feature: str) -> float:
        """Return the lowest level of a feature (in dB)."""
        return self.stft_floor if feature == "stft" else self.mel_floor

    def scaling(self, feature: str) -> tuple[float, float]:
        """Return (scale, offset): level in dB = offset + scale * stored value."""
        if self.dtype == "uint8":
            return self.step, self.floor(feature) - self.step
        return 1.0, 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values for JSON."""
        return dataclasses.asdict(self) | {"features": list(self.features)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureSpec:
        """Return the spec with the given fields.

        Raises
        ------
        UsageError
            If a field is unknown, missing or impossible.
        """
        known = tuple(field.name for field in dataclasses.fields(cls))
        if not isinstance(values, Mapping):
            raise UsageError(f"Not a feature spec: {values!r}.")
        for name in values:
            if name not in known:
                raise UsageError(
                    unknown_name("field of a feature spec", str(name), known)
                )
        try:
            return cls(**values)
        except TypeError as error:
            raise UsageError(f"Not a feature spec: {error}.") from error


def _checked(name: str, kind: str, value: Any) -> int | float | str | bool:
    """Return a field's value in the one type that equal specs have it in."""
    if kind == "int":
        if isinstance(value, Integral) and not isinstance(value, bool):
            if 0 < int(value) < 2**31:
                return int(value)
        raise UsageError(f"{name} must be a whole number > 0. Got {value!r}.")
    if kind == "float":
        if isinstance(value, Real) and not isinstance(value, bool):
            with suppress(OverflowError):
                if math.isfinite(value):
                    return float(value)
        raise UsageError(f"{name} must be a number. Got {value!r}.")
    if kind == "bool":
        if isinstance(value, bool):
            return value
        raise UsageError(f"{name} must be true or false. Got {value!r}.")
    if value not in CHOICES[name]:
        raise UsageError(unknown_name(name, str(value), CHOICES[name]))
    return value


def _checked_features(names: Any) -> tuple[str, ...]:
    """Return the features in the order of `FEATURES`."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise UsageError(f"features must be a list of names. Got {names!r}.")
    names = tuple(names)
    for name in names:
        if name not in FEATURES:
            raise UsageError(unknown_name("feature", str(name), FEATURES))
    if not names or len(set(names)) < len(names):
        raise UsageError(
            f"features must name {' or '.join(FEATURES)}, each once. Got {names}."
        )
    return tuple(name for name in FEATURES if name in names)
