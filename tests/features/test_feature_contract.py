"""What every registered feature keeps, built-in ones and those of a user alike."""

from __future__ import annotations

import json
import pickle
import pkgutil

import numpy as np
import pytest
from world import run_python

from asc.errors import UsageError
from asc.features import (
    CHANNELS,
    DTYPES,
    FEATURES,
    DecibelFeature,
    FeatureSpec,
    FrontEnd,
    completed,
    make_features,
    representations,
)
from asc.features.encoding import Encoding

RATE = 16000
NAMES = FEATURES.names()
MODULES = list(pkgutil.iter_modules(representations.__path__))
LEVELS = [name for name in NAMES if issubclass(FEATURES.get(name), DecibelFeature)]


def make_spec(name, **settings):
    """Return a spec of half a second with more frames than columns."""
    known = {"rows": 24, "columns": 20, "hop_length": 128, "features": (name,)}
    return FeatureSpec.for_audio(RATE, 0.5, **known | settings)


def signal(noise, spec):
    return np.stack(
        [noise(spec.samples, RATE, 11 + i) for i in range(spec.channel_count)]
    )


def values_of(frontend, y):
    ((name, stored),) = frontend(y).items()
    return frontend.features[name].encoding.decode(stored)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


# What it says of itself


def test_it_describes_itself(name):
    feature = make_features(make_spec(name))[name]
    assert feature.name == name
    for text in (feature.title, feature.description, feature.quantity):
        assert text and "\n" not in text
    assert isinstance(feature.unit, str)
    drawing = feature.drawing
    assert drawing.title == feature.title
    assert feature.quantity in drawing.value_label
    assert feature.unit in drawing.value_label
    assert drawing.row_label


def test_row_centres_ascend(name):
    feature = make_features(make_spec(name))[name]
    centres = feature.row_centres()
    assert centres.shape == (feature.rows,)
    assert (np.diff(centres) > 0).all()
    if "Hz" in feature.row_label:
        assert 0 <= centres[0] and centres[-1] <= RATE / 2


@pytest.mark.parametrize("rows", [1, 7, 24])
def test_weights_fit_the_bins(name, rows):
    spec = make_spec(name, rows=rows)
    feature = make_features(spec)[name]
    weights = feature.weights()
    assert weights.format == "csr" and weights.dtype == np.float32
    assert weights.shape == (feature.rows, spec.bins.stop - spec.bins.start)
    assert np.isfinite(weights.data).all()
    assert (np.abs(weights).sum(axis=1) > 0).all()  # no row is without data


def test_its_parameters_are_in_a_complete_spec(name):
    spec = completed(make_spec(name))
    feature = make_features(spec)[name]
    assert spec.parameters.get(name, {}) == feature.parameters
    assert feature.parameters.keys() == feature.defaults.keys()
    text = json.dumps(spec.to_dict())
    again = FeatureSpec.from_dict(json.loads(text))
    assert again == spec == completed(again)
    assert hash(again) == hash(spec)
    assert json.dumps(again.to_dict()) == text
    assert ("parameters" in spec.to_dict()) == bool(feature.defaults)


def test_unknown_parameters_are_refused(name):
    spec = make_spec(name, parameters={name: {"unheard_of": 1.0}})
    with pytest.raises(UsageError, match=f"Unknown parameter of {name} 'unheard_of'"):
        make_features(spec)
    with pytest.raises(UsageError, match="unheard_of"):
        completed(spec)


def test_files_are_named_like_their_features():
    """The help of asc-extract lists the files, which is faster."""
    assert sorted(module.name.replace("_", "-") for module in MODULES) == list(NAMES)


@pytest.mark.parametrize("module", sorted(m.name for m in MODULES))
def test_its_module_can_be_imported_first(module):
    """Whichever file is imported first, all features are registered then."""
    code = (
        f"import asc.features.representations.{module}; from asc.features import"
        f" FEATURES; assert FEATURES.names() == {NAMES}, FEATURES.names()"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr


# What is stored


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_have_shape_and_type(name, noise, channels, dtype):
    spec = make_spec(name, channels=channels, dtype=dtype)
    feature = make_features(spec)[name]
    (stored,) = FrontEnd(spec)(signal(noise, spec)).values()
    assert stored.shape == feature.shape
    assert stored.shape[1:] == (spec.columns, spec.channel_count)
    assert stored.dtype == dtype
    assert np.isfinite(stored).all()
    assert len(np.unique(stored)) > 10  # there is something to see
    if dtype == "uint8":
        assert stored.min() >= 1


@pytest.mark.parametrize("columns", [1, 20, 63, 100])
def test_any_number_of_columns(name, noise, columns):
    """Fewer, as many, and more than frames."""
    spec = make_spec(name, columns=columns, dtype="float32")
    assert spec.frames == 63
    (stored,) = FrontEnd(spec)(signal(noise, spec)).values()
    assert stored.shape[1] == columns
    assert np.isfinite(stored).all()


def encoding_of(name, dtype) -> Encoding:
    return make_features(make_spec(name, dtype=dtype))[name].encoding


def test_codes_are_a_round_trip_within_half_a_step(name):
    encoding = encoding_of(name, "uint8")
    assert encoding.step == encoding.scale > 0
    highest = encoding.lowest + 254 * encoding.step
    values = np.linspace(encoding.lowest, highest, 5001).astype(np.float32)
    codes = encoding.encode(values)
    assert codes.dtype == np.uint8
    assert (np.diff(codes.astype(int)) >= 0).all()
    assert set(codes) == set(range(1, 256))
    off = np.abs(encoding.decode(codes) - values)
    assert off.max() <= encoding.step / 2 * 1.001
    for beyond, code in ((encoding.lowest - 9, 1), (highest + 9, 255)):
        assert encoding.encode(np.float32([beyond])) == code


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_floats_are_the_values(name, dtype):
    encoding = encoding_of(name, dtype)
    assert (encoding.scale, encoding.offset) == (1, 0)
    codes = encoding_of(name, "uint8")
    assert (encoding.lowest, encoding.step) == (codes.lowest, codes.step)
    values = np.float32([encoding.lowest, encoding.lowest + 3 * encoding.step])
    stored = encoding.encode(values)
    assert stored.dtype == dtype
    np.testing.assert_allclose(encoding.decode(stored), values, rtol=1e-3, atol=1e-3)


def test_codes_are_the_values_rounded(name, noise):
    spec, exact = (make_spec(name, dtype=dtype) for dtype in ("uint8", "float32"))
    y = signal(noise, spec)
    frontend = FrontEnd(spec)
    encoding = frontend.features[name].encoding
    codes, values = values_of(frontend, y), values_of(FrontEnd(exact), y)
    limited = np.clip(values, encoding.lowest, encoding.lowest + 254 * encoding.step)
    np.testing.assert_allclose(codes, limited, atol=encoding.step / 2 * 1.001, rtol=0)


def test_the_range_holds_what_audio_can_be(name):
    """A cell in a hundred, at most, lies beyond the codes at full scale."""
    spec = make_spec(name, dtype="float32")
    rng = np.random.default_rng(3)
    y = rng.uniform(-1, 1, (1, spec.samples)).astype(np.float32)
    encoding = encoding_of(name, "uint8")
    for loudness in (1, 1e-2, 1e-4):
        values = values_of(FrontEnd(spec), y * np.float32(loudness))
        highest = encoding.lowest + 254 * encoding.step
        assert np.mean((values < encoding.lowest) | (values > highest)) < 0.01


# Levels


def test_silence(name):
    spec = make_spec(name, dtype="float32")
    values = values_of(FrontEnd(spec), np.zeros((1, spec.samples), np.float32))
    assert np.isfinite(values).all()
    assert (values == values[:, :1]).all()  # the same at all times
    feature = make_features(spec)[name]
    if isinstance(feature, DecibelFeature):
        np.testing.assert_allclose(values, feature.lowest, atol=1e-4)


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("bin", [40, 500, 1500])
def test_a_full_scale_sine_has_its_level(name, bin):
    """A Hann window spreads a sine over three bins of 0, -6 and -6 dB."""
    spec = make_spec(name, dtype="float32", n_fft=4096, columns=63)
    feature = make_features(spec)[name]
    time = np.arange(spec.samples) / RATE
    y = np.sin(2 * np.pi * bin * RATE / 4096 * time).astype(np.float32)
    power = np.zeros(2049)
    power[bin - 1 : bin + 2] = 0.25, 1, 0.25
    expected = feature.weights() @ power[spec.bins]
    middle = values_of(FrontEnd(spec), y[None])[:, 31, 0]
    hit = expected > 1e-3
    assert hit.any()
    np.testing.assert_allclose(middle[hit], 10 * np.log10(expected[hit]), atol=0.02)


@pytest.mark.parametrize("name", LEVELS)
def test_ten_db_louder_is_ten_db_more(name, noise):
    spec = make_spec(name, dtype="float32")
    feature = make_features(spec)[name]
    y = signal(noise, spec)
    soft, loud = (values_of(FrontEnd(spec), y * np.float32(k)) for k in (1, 10**0.5))
    seen = soft > feature.lowest + 1
    assert seen.mean() > 0.5
    np.testing.assert_allclose((loud - soft)[seen], 10, atol=2e-3)


# Computing


def test_the_same_audio_gives_the_same_bytes(name, noise):
    spec = make_spec(name)
    y = signal(noise, spec)
    frontend = FrontEnd(spec)
    first = frontend(y)[name]
    for other in (frontend, FrontEnd(spec), pickle.loads(pickle.dumps(frontend))):
        np.testing.assert_array_equal(other(y)[name], first)
    before = y.copy()
    frontend(y)
    np.testing.assert_array_equal(y, before)


def test_it_does_not_change_its_input(name):
    spec = make_spec(name)
    feature = make_features(spec)[name]
    power = np.random.default_rng(0).random((feature.rows, 20), np.float32)
    before = power.copy()
    values = feature.values(power, lambda rows: rows, 1.0)
    assert values.shape == power.shape
    np.testing.assert_array_equal(power, before)


def test_features_do_not_depend_on_each_other(name, noise):
    """Computed with all others, or picked from them, or alone: the same bytes."""
    spec = make_spec(name, features=NAMES)
    y = signal(noise, spec)
    alone = FrontEnd(make_spec(name))(y)
    assert list(alone) == [name]
    together = FrontEnd(spec)(y)
    assert list(together) == list(NAMES)
    np.testing.assert_array_equal(together[name], alone[name])
    picked = FrontEnd(spec, (name,))(y)
    assert list(picked) == [name]
    np.testing.assert_array_equal(picked[name], alone[name])


def test_channels_do_not_mix(name, noise):
    spec = make_spec(name, channels="midside")
    mid, side = signal(noise, spec)
    both = FrontEnd(spec)(np.stack([mid, side]))[name]
    frontend = FrontEnd(make_spec(name))
    for channel, y in enumerate((mid, side)):
        alone = frontend(y[None])[name]
        np.testing.assert_array_equal(both[..., channel], alone[..., 0])
