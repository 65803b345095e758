"""Audio to arrays: specification, reading, STFT and Mel."""

from asc.features.audio import Audio, cut, fit, read_audio, resampled
from asc.features.frontend import (
    FrontEnd,
    area_matrix,
    mel_filters,
    mel_spectrogram,
    power_spectrogram,
    row_frequencies,
)
from asc.features.spec import CHANNELS, DTYPES, FEATURES, FeatureSpec

__all__ = [
    "CHANNELS",
    "DTYPES",
    "FEATURES",
    "Audio",
    "FeatureSpec",
    "FrontEnd",
    "area_matrix",
    "cut",
    "fit",
    "mel_filters",
    "mel_spectrogram",
    "power_spectrogram",
    "read_audio",
    "resampled",
    "row_frequencies",
]
