"""The feature specification: choices, refusals, round trips."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc.errors import UsageError
from asc.features import FEATURES, FeatureSpec, make_features

SPEC = FeatureSpec(44100, 10.0)


def test_defaults_for_ten_seconds_at_44100():
    spec = FeatureSpec.for_audio(44100, 10.0)
    assert spec == SPEC
    assert (spec.n_fft, spec.hop_length, spec.fmin, spec.fmax) == (4096, 1729, 20, 2e4)
    assert (spec.samples, spec.frames, spec.shape) == (441000, 256, (256, 256, 1))


@pytest.mark.parametrize(
    ("rate", "seconds", "n_fft", "hop_length", "fmax"),
    [
        (8000, 10.0, 4096, 313, 4000),
        (16000, 10.0, 4096, 627, 8000),
        (44100, 1.0, 4096, 172, 20000),
        (44100, 5.0, 4096, 864, 20000),
        (44100, 30.0, 4096, 2048, 20000),
        (48000, 10.0, 4096, 1882, 20000),
        (96000, 10.0, 8192, 3764, 20000),
        (192000, 10.0, 16384, 7529, 20000),
    ],
)
def test_choice_for_audio(rate, seconds, n_fft, hop_length, fmax):
    """The FFT is long enough for narrow bands, the hop for all columns."""
    spec = FeatureSpec.for_audio(rate, seconds)
    assert (spec.n_fft, spec.hop_length, spec.fmax) == (n_fft, hop_length, fmax)
    assert spec.frames >= spec.columns


def test_settings_win_over_choices_and_none_is_not_set():
    spec = FeatureSpec.for_audio(44100, 1.0, hop_length=512, fmax=None, rows=64)
    assert (spec.hop_length, spec.fmax, spec.rows) == (512, 20000, 64)
    assert FeatureSpec.for_audio(44100, 1.0, n_fft=2048).hop_length == 172


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPEC.rows = 128


def test_round_trip_through_json():
    spec = FeatureSpec.for_audio(
        48000, 2.5, channels="midside", dtype="float16", features=("stft",), step=0.25
    )
    text = json.dumps(spec.to_dict())
    assert FeatureSpec.from_dict(json.loads(text)) == spec


@given(
    rate=st.integers(4000, 192000),
    seconds=st.floats(0.1, 60),
    rows=st.integers(1, 512),
    features=st.permutations(FEATURES.names()),
)
def test_round_trip_of_any_spec(rate, seconds, rows, features):
    spec = FeatureSpec.for_audio(rate, seconds, rows=rows, features=features)
    again = FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert hash(again) == hash(spec)


def test_equal_specs_are_equal_as_json():
    """Types and the order of features come out the same, so fingerprints do."""
    spec = FeatureSpec(np.int64(44100), 10, fmin=20, features=["stft", "mel"])
    assert json.dumps(spec.to_dict()) == json.dumps(SPEC.to_dict())


@pytest.mark.parametrize("fmin", [0.0, 20.0, 441.0, 445.0])
def test_bins_lie_between_the_limits(fmin):
    spec = FeatureSpec.for_audio(44100, 1.0, fmin=fmin, fmax=9000.0, n_fft=100, rows=5)
    every = np.arange(51) * 441.0
    inside = every[(every >= fmin) & (every <= 9000)]
    np.testing.assert_allclose(spec.bin_frequencies, inside)
    np.testing.assert_allclose(every[spec.bins], inside)


def test_unknown_field_names_the_nearest():
    with pytest.raises(UsageError, match="'hop_lenght'.*Did you mean 'hop_length'"):
        FeatureSpec.from_dict(SPEC.to_dict() | {"hop_lenght": 512})


def test_missing_field():
    with pytest.raises(UsageError, match="sample_rate"):
        FeatureSpec.from_dict({"seconds": 10.0})


@pytest.mark.parametrize("values", [None, 3, "mel", [], [1], ["rows"]])
def test_not_a_spec(values):
    with pytest.raises(UsageError, match="A feature spec must be an object of fields"):
        FeatureSpec.from_dict(values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate", 0),
        ("sample_rate", -44100),
        ("sample_rate", 44100.0),
        ("sample_rate", "44100"),
        ("sample_rate", True),
        ("sample_rate", 10**400),
        ("sample_rate", None),
        ("seconds", 0),
        ("seconds", -1.0),
        ("seconds", 3601),
        ("seconds", 1e-5),
        ("seconds", math.nan),
        ("seconds", math.inf),
        ("seconds", 10**400),
        ("seconds", "10"),
        ("channels", "stereo"),
        ("channels", ["mono"]),
        ("n_fft", 0),
        ("hop_length", 0),
        ("hop_length", 2.5),
        ("rows", 0),
        ("rows", 2**31),
        ("columns", -1),
        ("fmin", -1.0),
        ("fmin", 20000.0),
        ("fmin", math.nan),
        ("fmax", 20.0),
        ("fmax", 22051.0),
        ("fmax", "high"),
        ("stft_floor", 1.0),
        ("stft_floor", -math.inf),
        ("mel_floor", math.nan),
        ("mel_floor", -301.0),
        ("step", 0.0),
        ("step", 0.51),
        ("step", math.nan),
        ("dtype", "int8"),
        ("dtype", "object"),
        ("features", ()),
        ("features", ("mel", "mel")),
        ("features", ("mel", "../mel")),
        ("features", ("mel", "Mel")),
        ("features", ("mel", "a/b")),
        ("parameters", None),
        ("parameters", {"other": {"gain": 1.0}}),
        ("parameters", {"mel": 1.0}),
        ("parameters", {"mel": {"gain": [1.0]}}),
        ("parameters", {"mel": {"gain": math.nan}}),
        ("parameters", {"mel": {"gain": "\x1b"}}),
        ("parameters", {"mel": {"a b": 1.0}}),
        ("features", "mel"),
        ("features", None),
        ("features", [["mel"]]),
        ("window", "han"),
        ("center", 1),
        ("pad_mode", "wrap"),
        ("mel_norm", 2),
        ("mel_htk", "no"),
        ("resampler", "kaiser_best"),
    ],
)
def test_impossible_value(name, value):
    """Every value that cannot be meant is a usage error that names the field."""
    with pytest.raises(UsageError) as caught:
        FeatureSpec.from_dict(SPEC.to_dict() | {name: value})
    text = str(caught.value)
    assert name.rpartition("_")[2].rstrip("s") in text or "clip" in text
    assert text.endswith(".")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_choice_for_impossible_audio(seconds):
    with pytest.raises(UsageError):
        FeatureSpec.for_audio(44100, seconds)
    with pytest.raises(UsageError):
        FeatureSpec.for_audio(0, 1.0)


def test_nearest_name_of_a_choice():
    with pytest.raises(UsageError, match="Unknown dtype 'unit8'. Did you mean 'uint8'"):
        FeatureSpec(44100, 10.0, dtype="unit8")


def test_codes_to_decibels():
    mel, stft = (feature.encoding for feature in make_features(SPEC).values())
    assert (mel.scale, mel.offset) == (0.5, -145.5)
    assert (stft.scale, stft.offset) == (0.5, -140.5)
    floats = FeatureSpec(44100, 10.0, dtype="float16")
    mel = make_features(floats)["mel"].encoding
    assert (mel.scale, mel.offset, mel.lowest, mel.step) == (1.0, 0.0, -145.0, 0.5)


@pytest.mark.parametrize("n_fft", [4095, 4096])
@pytest.mark.parametrize("center", [True, False])
def test_frames_are_those_of_the_transform(n_fft, center):
    from asc.features import power_spectrogram

    spec = FeatureSpec.for_audio(44100, 0.3, n_fft=n_fft, center=center)
    y = np.zeros(spec.samples, np.float32)
    assert power_spectrogram(y, spec).shape[1] == spec.frames


def test_without_center_a_clip_must_hold_a_window():
    with pytest.raises(UsageError, match="shorter than n_fft"):
        FeatureSpec.for_audio(44100, 0.05, center=False)


@pytest.mark.parametrize(
    "values",
    [
        {"n_fft": 2**30},
        {"rows": 2**20, "n_fft": 2**20},
        {"rows": 2**14, "columns": 2**14},
        {"hop_length": 1, "seconds": 3600.0},
        {"sample_rate": 2**31 - 1, "seconds": 3600.0},
    ],
)
def test_more_than_fits_in_memory(values):
    """A spec may be untrusted: what it asks for is not tried."""
    known = FeatureSpec.for_audio(44100, 10.0).to_dict()
    with pytest.raises(UsageError, match="more than fits in memory"):
        FeatureSpec.from_dict(known | {"fmax": 20000.0} | values)


def test_an_hour_fits_in_memory():
    assert FeatureSpec.for_audio(192000, 3600.0).samples == 691_200_000
