"""The front end against librosa and against slow arithmetic in double precision."""

from __future__ import annotations

import dataclasses
import functools
import math
import pickle

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from asc.errors import UsageError
from asc.features import FeatureSpec, FrontEnd, make_features, power_spectrogram
from asc.features.representations.mel import mel_filters
from asc.features.spec import CHOICES
from asc.features.spectrum import area_matrix, make_window


@pytest.fixture(params=[44100, 48000])
def long_hop(request):
    """A spec with the hop of ten-second clips."""
    return FeatureSpec.for_audio(request.param, 1.5, hop_length=1024)


def lowest(name, spec):
    return make_features(spec)[name].lowest


def scaling(name, spec):
    encoding = make_features(spec)[name].encoding
    return encoding.scale, encoding.offset


def decibels(power):
    return 10 * np.log10(np.maximum(power, 1e-30))


# Parity with librosa, before crop, resize and quantisation.


@pytest.mark.parametrize("seed", [1, 2])
def test_stft_equals_librosa(long_hop, noise, seed):
    """Mean within 1e-3 dB, 99.9 % of cells within 0.01 dB, 20 Hz to 20 kHz."""
    y = noise(long_hop.samples, long_hop.sample_rate, seed)
    bins = np.arange(2049) * long_hop.sample_rate / 4096
    inside = (bins >= 20) & (bins <= 20000)
    theirs = np.abs(librosa.stft(y, n_fft=4096, hop_length=1024)) ** 2
    ours = power_spectrogram(y, long_hop)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    off = np.abs(decibels(ours) - decibels(theirs))[inside]
    assert off.mean() < 1e-3
    assert np.mean(off < 0.01) >= 0.999


@pytest.mark.parametrize("seed", [1, 2])
def test_mel_equals_librosa(long_hop, noise, seed):
    """Every cell within 1e-3 dB."""
    y = noise(long_hop.samples, long_hop.sample_rate, seed)
    theirs = librosa.feature.melspectrogram(
        y=y,
        sr=long_hop.sample_rate,
        n_fft=4096,
        hop_length=1024,
        n_mels=256,
        fmin=20,
        fmax=20000,
    )
    ours = mel_filters(long_hop) @ power_spectrogram(y, long_hop)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(decibels(ours), decibels(theirs), rtol=0, atol=1e-3)


@pytest.mark.parametrize("window", CHOICES["window"])
@pytest.mark.parametrize("n_fft", [256, 1000, 4096])
def test_windows_are_those_of_scipy(window, n_fft):
    """Bit for bit: stores that were made with them can be resumed."""
    spec = FeatureSpec(48000, 1.0, n_fft=n_fft, window=window)
    theirs = scipy.signal.get_window(window, n_fft).astype(np.float32)
    np.testing.assert_array_equal(make_window(spec), theirs)


@pytest.mark.parametrize(
    ("rate", "settings"),
    [
        (44100, {}),
        (48000, {"mel_htk": True, "rows": 128}),
        (16000, {"fmin": 0.0, "fmax": 8000.0, "n_fft": 2048, "rows": 40}),
    ],
)
def test_filters_are_those_of_librosa(rate, settings):
    """Bit for bit, as the windows."""
    spec = FeatureSpec.for_audio(rate, 1.0, **settings)
    theirs = librosa.filters.mel(
        sr=rate,
        n_fft=spec.n_fft,
        n_mels=spec.rows,
        fmin=spec.fmin,
        fmax=spec.fmax,
        htk=spec.mel_htk,
    )
    np.testing.assert_array_equal(mel_filters(spec), theirs)


@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("window", ["hann", "blackman"])
def test_variants_equal_librosa(noise, pad_mode, center, window):
    spec = FeatureSpec.for_audio(
        16000, 0.5, n_fft=1024, pad_mode=pad_mode, center=center, window=window, rows=32
    )
    y = noise(spec.samples, 16000, 3)
    theirs = librosa.stft(
        y,
        n_fft=1024,
        hop_length=spec.hop_length,
        pad_mode=pad_mode,
        center=center,
        window=window,
    )
    np.testing.assert_allclose(
        power_spectrogram(y, spec), np.abs(theirs) ** 2, rtol=1e-4, atol=1e-5
    )


def test_mean_of_the_signal_is_kept():
    """Differencing removes the DC bin; it must come back."""
    spec = FeatureSpec.for_audio(44100, 0.5, center=False)
    power = power_spectrogram(np.full(spec.samples, 0.25, np.float32), spec)
    np.testing.assert_allclose(power[0], (0.25 * 2048) ** 2, rtol=1e-5)


# The stored arrays, by slow arithmetic that shares nothing with the front end but
# the definition: loops over frames and overlaps, double precision throughout.


def slow_power(y, spec):
    n = np.arange(spec.n_fft)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / spec.n_fft)
    half = np.zeros(spec.n_fft // 2)
    padded = np.concatenate([half, y.astype(float), half])
    columns = []
    for start in range(0, len(padded) - spec.n_fft + 1, spec.hop_length):
        spectrum = np.fft.fft(padded[start : start + spec.n_fft] * window)
        columns.append(np.abs(spectrum[: spec.n_fft // 2 + 1]) ** 2)
    return np.array(columns).T


def slow_resize(x, size):
    """Average along the first axis, overlap by overlap."""
    ratio = len(x) / size
    means = []
    for i in range(size):
        total = 0
        for j in range(math.floor(i * ratio), min(len(x), math.ceil((i + 1) * ratio))):
            overlap = min(j + 1, (i + 1) * ratio) - max(j, i * ratio)
            total = total + max(0, overlap) * x[j]
        means.append(total / ratio)
    return np.array(means)


def slow_levels(y, spec):
    """Return dB of each feature before quantisation."""
    power = slow_power(y, spec)
    power = slow_resize(power.T, spec.columns).T
    bins = [k * spec.sample_rate / spec.n_fft for k in range(len(power))]
    inside = [k for k, hertz in enumerate(bins) if spec.fmin <= hertz <= spec.fmax]
    filters = librosa.filters.mel(
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        n_mels=spec.rows,
        fmin=spec.fmin,
        fmax=spec.fmax,
        dtype=np.float64,
    )
    features = {"stft": slow_resize(power[inside], spec.rows), "mel": filters @ power}
    full_scale = (spec.n_fft / 4) ** 2
    return {
        name: np.maximum(10 * np.log10(feature / full_scale), lowest(name, spec))
        for name, feature in features.items()
    }


@pytest.fixture(scope="module")
def clip(noise):
    """A second of sound at 44,100 Hz and its levels."""
    spec = FeatureSpec.for_audio(44100, 1.0, dtype="float32")
    y = noise(spec.samples, 44100, 5)
    return y, slow_levels(y, spec)


def stored(y, **settings):
    spec = FeatureSpec.for_audio(44100, 1.0, **settings)
    return spec, FrontEnd(spec)(y[None])


@pytest.mark.parametrize("step", [0.5, 0.3])
def test_codes_equal_slow_arithmetic(clip, step):
    """Within a step everywhere, and equal but for values that lie on an edge."""
    y, levels = clip
    spec, features = stored(y, step=step)
    for name, codes in features.items():
        assert codes.dtype == np.uint8
        assert codes.shape == (256, 256, 1)
        exact = (levels[name] - lowest(name, spec)) / step + 1
        expected = np.clip(np.round(exact), 1, 255)
        off = np.abs(codes[..., 0] - expected)
        assert off.max() <= 1
        assert np.mean(off == 0) > 0.998
        scale, offset = scaling(name, spec)
        seen = (codes[..., 0] > 1) & (codes[..., 0] < 255)
        error = np.abs(offset + scale * codes[..., 0] - levels[name])[seen]
        assert seen.mean() > 0.75
        assert error.max() <= step / 2 + 2e-3


@pytest.mark.parametrize(("dtype", "within"), [("float32", 2e-3), ("float16", 0.066)])
def test_floats_equal_slow_arithmetic(clip, dtype, within):
    """Levels in dB. From 128 on, neighbouring float16 numbers are 0.125 apart."""
    y, levels = clip
    _, features = stored(y, dtype=dtype)
    for name, values in features.items():
        assert values.dtype == dtype
        np.testing.assert_allclose(
            values[..., 0].astype(float), levels[name], rtol=0, atol=within
        )


def test_other_sizes_equal_slow_arithmetic(noise):
    """More columns than frames, fewer rows, odd lengths, an upper limit."""
    spec = FeatureSpec.for_audio(
        22050,
        0.7,
        rows=40,
        columns=101,
        n_fft=2048,
        hop_length=300,
        fmax=7000.0,
        dtype="float32",
    )
    y = noise(spec.samples, 22050, 6)
    features, levels = FrontEnd(spec)(y[None]), slow_levels(y, spec)
    for name in ("mel", "stft"):
        np.testing.assert_allclose(
            features[name][..., 0], levels[name], rtol=0, atol=2e-3
        )


def test_one_feature_alone_is_the_same(clip):
    y, _ = clip
    _, both = stored(y)
    for name in ("mel", "stft"):
        _, alone = stored(y, features=(name,))
        assert list(alone) == [name]
        np.testing.assert_array_equal(alone[name], both[name])


def test_channels_do_not_mix(clip, noise):
    """Each channel of mid/side is what it would be alone."""
    mid, _ = clip
    side = noise(len(mid), 44100, 8) * np.float32(0.1)
    spec = FeatureSpec.for_audio(44100, 1.0, channels="midside")
    features = FrontEnd(spec)(np.stack([mid, side]))
    for channel, y in enumerate((mid, side)):
        _, alone = stored(y)
        for name in alone:
            assert features[name].shape == (256, 256, 2)
            np.testing.assert_array_equal(
                features[name][..., channel], alone[name][..., 0]
            )


def test_pickled_front_end_computes_the_same(clip):
    y, _ = clip
    frontend = FrontEnd(FeatureSpec.for_audio(44100, 1.0))
    data = pickle.dumps(frontend)
    assert len(data) < 200_000
    again = pickle.loads(data)(y[None])
    for name, codes in frontend(y[None]).items():
        np.testing.assert_array_equal(again[name], codes)


@pytest.mark.parametrize("shape", [(44100,), (2, 44100), (1, 44099), (1, 44101)])
def test_wrong_shape_is_refused(shape):
    with pytest.raises(UsageError, match=r"expected \(1, 44100\)"):
        FrontEnd(FeatureSpec.for_audio(44100, 1.0))(np.zeros(shape, np.float32))


# Levels.


def test_full_scale_sine_is_0_db(noise):
    """At the centre of a bin, in frames that the signal fills."""
    spec = FeatureSpec.for_audio(48000, 1.0, hop_length=1024)
    bin_hz = 48000 / 4096
    time = np.arange(spec.samples) / 48000
    y = np.sin(2 * np.pi * 100 * bin_hz * time).astype(np.float32)
    level = decibels(power_spectrogram(y, spec) / 1024**2)[:, 3:-3]
    np.testing.assert_allclose(level[100], 0, atol=1e-3)
    np.testing.assert_allclose(level[[99, 101]], 20 * np.log10(0.5), atol=1e-3)


@pytest.mark.parametrize("level", [-20.0, -60.0])
def test_sine_in_a_stored_row(level):
    """A row is the mean over its bins; a Hann-windowed sine has 1.5 in three."""
    spec = FeatureSpec.for_audio(44100, 1.0, dtype="float32", rows=64)
    bins = np.flatnonzero((np.arange(2049) * 44100 / 4096 <= 20000)[2:]) + 2
    per_row = len(bins) / 64
    row = 20
    center = round(bins[0] + (row + 0.5) * per_row)
    y = np.sin(2 * np.pi * center * np.arange(44100) / 4096) * 10 ** (level / 20)
    features = FrontEnd(spec)(y.astype(np.float32)[None])
    expected = level + 10 * math.log10(1.5 / per_row)
    middle = slice(64, -64)
    np.testing.assert_allclose(features["stft"][row, middle, 0], expected, atol=0.01)
    assert features["stft"][..., 64, 0].argmax() == row
    weights = mel_filters(spec)[:, center - 1 : center + 2] @ [0.25, 1, 0.25]
    band = weights.argmax()
    np.testing.assert_allclose(
        features["mel"][band, middle, 0],
        level + 10 * np.log10(weights[band]),
        atol=0.01,
    )


def test_ten_db_louder_is_ten_db_more(clip):
    """Level is never relative to the clip's own maximum."""
    y, _ = clip
    _, soft = stored(y, dtype="float32")
    _, loud = stored(y * np.float32(10**0.5), dtype="float32")
    for name, values in soft.items():
        seen = values > -120
        np.testing.assert_allclose((loud[name] - values)[seen], 10, atol=2e-3)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_digital_silence_is_the_floor(dtype):
    """The floor is code 1: code 0 never stands for data."""
    spec, features = stored(np.zeros(44100, np.float32), dtype=dtype)
    for name, values in features.items():
        scale, offset = scaling(name, spec)
        assert (values == values.flat[0]).all()
        assert offset + scale * values.flat[0] == pytest.approx(
            lowest(name, spec), abs=1
        )
        if dtype == "uint8":
            assert (values == 1).all()


@given(st.integers(0, 2**32 - 1), st.floats(-200, 140))
def test_code_0_never_occurs(seed, gain):
    """Whatever the signal and its level: silence, clipped, beyond full scale."""
    frontend = small_frontend()
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((1, frontend.spec.samples)) * 10 ** (gain / 20)
    y[:, rng.integers(frontend.spec.samples) :] = 0
    for codes in frontend(y.astype(np.float32)).values():
        assert codes.min() >= 1


@functools.cache
def small_frontend():
    return FrontEnd(FeatureSpec.for_audio(8000, 0.1, rows=16, columns=16))


def test_values_have_not_drifted():
    """Numbers written down once; if they change, raise `FRONT_END_REVISION`."""
    n = np.arange(44100)
    y = 0.2 * np.sin(2 * np.pi * 440 * n / 44100) + 0.01 * np.sin(1e-4 * n * n)
    y += 0.001 * ((n * 7919) % 1009 / 504.5 - 1)
    _, codes = stored(y.astype(np.float32), hop_length=128)
    cells = (slice(10, 256, 60), slice(20, 256, 110), 0)
    assert codes["mel"][cells].tolist() == MEL_CODES
    assert codes["stft"][cells].tolist() == STFT_CODES
    _, levels = stored(y.astype(np.float32), dtype="float32", hop_length=128)
    np.testing.assert_allclose(levels["mel"][cells][:, 1], MEL_LEVELS, atol=2e-3)
    np.testing.assert_allclose(levels["stft"][cells][:, 1], STFT_LEVELS, atol=2e-3)


MEL_CODES = [[72, 71, 70], [70, 70, 70], [118, 35, 35], [110, 44, 44], [49, 49, 49]]
STFT_CODES = [
    [51, 51, 51],
    [156, 47, 47],
    [47, 114, 47],
    [50, 119, 155],
    [59, 59, 59],
]
MEL_LEVELS = [-110.103, -110.660, -128.065, -123.346, -121.151]
STFT_LEVELS = [-114.816, -117.133, -83.447, -81.179, -110.790]


# Mel filters.


@pytest.mark.parametrize(
    "rate", [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000]
)
def test_no_mel_band_is_empty(rate):
    """At the usual rates, with as many bands as image rows."""
    filters = mel_filters(FeatureSpec.for_audio(rate, 1.0))
    assert filters.shape[0] == 256
    assert (filters.sum(axis=1) > 0).all()


def test_empty_mel_bands_are_refused():
    spec = FeatureSpec.for_audio(44100, 1.0, n_fft=1024)
    with pytest.raises(UsageError, match=r"of 256 Mel bands are empty.*longer FFT"):
        FrontEnd(spec)
    FrontEnd(dataclasses.replace(spec, features=("stft",)))


def test_range_without_a_bin_is_refused():
    with pytest.raises(UsageError, match="No FFT bin lies between 20 and 21 Hz"):
        FrontEnd(FeatureSpec.for_audio(44100, 1.0, fmax=21.0))


@pytest.mark.parametrize("feature", ["mel", "stft"])
def test_row_centres_name_the_row_of_a_sine(feature):
    spec = FeatureSpec.for_audio(44100, 1.0, rows=64)
    frequencies = make_features(spec)[feature].row_centres()
    assert frequencies.shape == (64,)
    assert (np.diff(frequencies) > 0).all()
    for row in (20, 40, 60):
        y = 0.1 * np.sin(2 * np.pi * frequencies[row] * np.arange(44100) / 44100)
        codes = FrontEnd(spec)(y.astype(np.float32)[None])[feature]
        assert codes[:, 128, 0].argmax() == row


# Area averaging.

sizes = st.integers(1, 60)


@given(sizes, sizes)
def test_area_matrix_is_an_average(inputs, outputs):
    """Rows sum to 1, so a constant stays; columns sum alike, so power stays."""
    matrix = area_matrix(inputs, outputs)
    assert matrix.shape == (outputs, inputs)
    assert matrix.dtype == np.float32
    dense = matrix.toarray().astype(float)
    assert (dense >= 0).all()
    np.testing.assert_allclose(dense.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(dense.sum(axis=0), outputs / inputs, rtol=1e-5)


@given(sizes, st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_area_matrix_of_whole_ratios(size, ratio, seed):
    """Down it is the mean of neighbours, up it repeats."""
    x = np.random.default_rng(seed).random(size * ratio).astype(np.float32)
    means = x.reshape(size, ratio).mean(axis=1)
    np.testing.assert_allclose(
        area_matrix(size * ratio, size) @ x, means, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        area_matrix(size, size * ratio) @ means, np.repeat(means, ratio), rtol=1e-5
    )


@given(sizes, sizes, st.integers(0, 2**32 - 1))
def test_area_matrix_equals_overlaps(inputs, outputs, seed):
    x = np.random.default_rng(seed).random(inputs).astype(np.float32)
    np.testing.assert_allclose(
        area_matrix(inputs, outputs) @ x,
        slow_resize(x.astype(float), outputs),
        rtol=1e-5,
        atol=1e-6,
    )
