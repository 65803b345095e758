"""Per-channel energy normalisation against librosa and its own definition."""

from __future__ import annotations

import inspect
import math

import librosa
import numpy as np
import pytest

from asc.errors import UsageError
from asc.features import FeatureSpec, FrontEnd, make_features, power_spectrogram
from asc.features.representations.mel import mel_filters
from asc.features.representations.pcen import Pcen

RATE = 22050


def make_spec(columns=None, **parameters):
    """Return a spec of a second; as many columns as frames if not given."""
    known = {"hop_length": 256, "rows": 40, "n_fft": 2048, "dtype": "float32"}
    spec = FeatureSpec.for_audio(RATE, 1.0, **known)
    return FeatureSpec.for_audio(
        RATE,
        1.0,
        features=("pcen",),
        columns=columns or spec.frames,
        parameters={"pcen": parameters},
        **known,
    )


def values(y, spec):
    return FrontEnd(spec)(y[None])["pcen"][..., 0]


def librosa_pcen(mel, spec, start, **parameters):
    """Return librosa's, whose filter has the output (1 - b) * start before frame 0."""
    b = make_features(spec)["pcen"].smoothing
    return librosa.pcen(
        mel * 2.0**31,
        sr=RATE,
        hop_length=256,
        zi=(1 - b) * np.asarray(start, float),
        **parameters,
    )


def test_defaults_are_those_of_librosa():
    theirs = inspect.signature(librosa.pcen).parameters
    assert {name: theirs[name].default for name in Pcen.defaults} == Pcen.defaults


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"gain": 0.8, "bias": 10.0, "power": 0.25, "time_constant": 0.06},
        {"gain": 0.0, "power": 1.0},
        {"gain": 1.0, "eps": 1.0},
        {"time_constant": 5.0},
    ],
)
def test_it_equals_librosa(noise, parameters):
    """On Mel power of every frame, before columns are averaged."""
    spec = make_spec(**parameters)
    y = noise(spec.samples, RATE, 1)
    power = (mel_filters(spec) @ power_spectrogram(y, spec)).astype(float)
    frames = math.ceil(parameters.get("time_constant", 0.4) * RATE / 256)
    start = power[:, :frames].mean(axis=1, keepdims=True) * 2.0**31
    theirs = librosa_pcen(power, spec, start, **parameters)
    ours = values(y, spec)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_only_the_start_differs_from_librosas_defaults(noise):
    """librosa begins as if the energy had been 1 before, in 32-bit integers."""
    spec = make_spec(time_constant=0.05)
    y = noise(spec.samples, RATE, 2)
    theirs = librosa.pcen(
        (mel_filters(spec) @ power_spectrogram(y, spec)).astype(float) * 2.0**31,
        sr=RATE,
        hop_length=256,
        time_constant=0.05,
    )
    off = np.abs(values(y, spec) - theirs)
    assert off[:, 0].min() > 0.1
    assert off[:, 60:].max() < 1e-3


def test_a_clip_of_steady_noise_begins_as_it_goes_on():
    """From one frame, or from librosa's start, it would begin with a flare."""
    y = 0.1 * np.random.default_rng(6).standard_normal(RATE)
    course = values(y.astype(np.float32), make_spec()).mean(axis=0)
    assert course[:5].mean() < 1.05 * course[10:].mean()


@pytest.mark.parametrize("columns", [11, 29])
def test_columns_are_the_mean_of_its_values(noise, columns):
    """Not PCEN of the mean power: 87 frames are 3 or about 8 to a column."""
    y = noise(RATE, RATE, 3)
    frames = values(y, make_spec())
    assert frames.shape[1] == 87
    few = values(y, make_spec(columns))
    if columns == 29:
        np.testing.assert_allclose(
            few, frames.reshape(40, 29, 3).mean(axis=2), atol=1e-5
        )
    np.testing.assert_allclose(few.mean(axis=1), frames.mean(axis=1), atol=1e-5)


def test_full_gain_removes_level(noise):
    """With gain 1 a louder clip has the same values; with 0 it does not."""
    y = noise(RATE, RATE, 4)
    quiet = y * np.float32(0.03)
    spec = make_spec(gain=1.0)
    np.testing.assert_allclose(values(y, spec), values(quiet, spec), atol=1e-3)
    spec = make_spec(gain=0.0, power=0.25)
    assert (values(y, spec) > 2 * values(quiet, spec)).mean() > 0.99


def test_an_onset_stands_out_of_steady_noise():
    """A band's start is far above its later, equally loud, course."""
    rng = np.random.default_rng(5)
    y = 1e-3 * rng.standard_normal(RATE)
    y[RATE // 2 :] *= 30
    shown = values(y.astype(np.float32), make_spec(time_constant=0.1)).mean(axis=0)
    before, onset, after = shown[10:38].mean(), shown[42:45].max(), shown[-8:].mean()
    assert onset > 1.5 * after
    assert after == pytest.approx(before, rel=0.3)


def test_codes_reach_as_far_as_full_scale(noise):
    """The loudest possible step after silence is within the range, and near its end."""
    spec = make_spec(time_constant=0.1)
    y = np.zeros(RATE, np.float32)
    y[RATE // 2 :] = np.sign(
        np.sin(2 * np.pi * 997 * np.arange(RATE - RATE // 2) / RATE)
    )
    highest = 254 * make_features(spec)["pcen"].step
    assert 0.5 * highest < values(y, spec).max() < highest


def test_silence_is_the_lowest_value():
    assert (values(np.zeros(RATE, np.float32), make_spec()) == 0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gain", -0.1),
        ("gain", 1.1),
        ("bias", 0.0),
        ("power", 0.0),
        ("power", 1.5),
        ("time_constant", 0.0),
        ("eps", 0.0),
        ("eps", "small"),
        ("gain", True),
    ],
)
def test_impossible_parameters(name, value):
    with pytest.raises(UsageError, match=f"{name} must be a number in .* Got"):
        make_features(make_spec(**{name: value}))
