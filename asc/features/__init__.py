"""Audio to arrays: specification, reading, features, front end."""

from asc.features.audio import (
    Audio,
    ClipAudio,
    cut,
    fit,
    read_audio,
    read_clip,
    resampled,
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
from asc.features.streams import AudioStream, Samples, stream_audio, stream_from

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
    "Samples",
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
    "stream_from",
]
