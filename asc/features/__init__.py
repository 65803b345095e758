"""Audio to arrays: specification, reading, features, front end."""

from asc.features.audio import (
    Audio,
    AudioStream,
    ClipAudio,
    cut,
    fit,
    read_audio,
    read_clip,
    resampled,
    stream_audio,
)
from asc.features.encoding import Encoding
from asc.features.feature import (
    FEATURES,
    DecibelFeature,
    Drawing,
    Feature,
    completed,
    drawing_of,
    feature_title,
    make_features,
    register_feature,
    registered,
)
from asc.features.frontend import FrontEnd
from asc.features.spec import CHANNELS, DTYPES, FeatureSpec
from asc.features.spectrum import power_spectrogram

__all__ = [
    "CHANNELS",
    "DTYPES",
    "FEATURES",
    "Audio",
    "AudioStream",
    "ClipAudio",
    "DecibelFeature",
    "Drawing",
    "Encoding",
    "Feature",
    "FeatureSpec",
    "FrontEnd",
    "completed",
    "cut",
    "drawing_of",
    "feature_title",
    "fit",
    "make_features",
    "power_spectrogram",
    "read_audio",
    "read_clip",
    "register_feature",
    "registered",
    "resampled",
    "stream_audio",
]
