"""Models: documented sizes, what happens to the input, files, and the registry."""

from __future__ import annotations

import numpy as np
import pytest
from world import run_python

from asc.errors import InputError, UsageError
from asc.models import (
    build_model,
    describe,
    model_names,
    multiply_adds,
    parameter_counts,
    register_model,
)
from asc.models.entries import MODELS

# TensorFlow's tensors do not know NumPy 2's copy argument yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

#: Total, trainable and non-trainable parameters for 256 x 256 and 15 scenes.
DOCUMENTED = {
    "simple-cnn": (33_959_279, 33_957_263, 2_016),
    "complex-cnn": (24_443_087, 24_427_791, 15_296),
    "cnn-rnn": (641_679, 641_679, 0),
    "inception-v3": (22_861_615, 22_826_159, 35_456),
    "resnet50": (24_646_543, 24_592_399, 54_144),
    "linear": (7_695, 7_695, 0),
    "simple-cnn-gap": (535_919, 533_903, 2_016),
    "cp-resnet": (390_087, 388_023, 2_064),
    "mobile": (77_471, 76_431, 1_040),
    "wide-filter-cnn": (1_302_115, 1_301_915, 200),
    "crnn": (174_303, 173_823, 480),
}
PRETRAINED = ("inception-v3", "resnet50")


@pytest.fixture(scope="module")
def full():
    """All models at the documented size, each built once, with statistics."""
    mean, variance = np.linspace(60, 180, 256), np.linspace(100, 900, 256)
    return {
        name: build_model(name, weights="none", mean=mean, variance=variance)
        for name in DOCUMENTED
    }


@pytest.fixture
def clean_registry():
    with MODELS.restored():
        yield


def codes(*shape, seed=0):
    """Random values as a uint8 store gives them."""
    return np.random.default_rng(seed).integers(1, 256, shape).astype(np.float32)


def part(model, layer):
    """The model up to a layer."""
    import keras

    return keras.Model(model.input, model.get_layer(layer).output)


def run(model, x):
    return np.asarray(model(x, training=False))


# Sizes and costs


def test_mobile_is_within_the_limits_of_dcase(full):
    """128 kB of int8 parameters and 30 million multiply-adds."""
    assert parameter_counts(full["mobile"])[0] <= 128_000
    assert multiply_adds(full["mobile"]) <= 30_000_000


@pytest.mark.parametrize("name", DOCUMENTED)
def test_parameter_counts_are_the_documented_ones(full, name):
    assert parameter_counts(full[name]) == DOCUMENTED[name]
    assert full[name].count_params() == DOCUMENTED[name][0]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_batch_gives_what_its_clips_give_alone(full, name):
    """At the documented size, where TensorFlow chooses other kernels than for tiny."""
    batch = codes(2, 256, 256, 1)
    alone = [run(full[name], batch[row : row + 1])[0] for row in range(2)]
    np.testing.assert_allclose(run(full[name], batch), alone, rtol=1e-3, atol=1e-5)


def test_a_wide_filter_sees_all_rows_and_50_columns():
    model = build_model("wide-filter-cnn", input_shape=(52, 60, 2), num_scenes=3)
    (convolution,) = (each for each in model.layers if each.name.startswith("conv"))
    x = codes(1, 52, 60, 2)
    filters = convolution.get_weights()[0].reshape(50, 52, 2, -1)
    expected = [
        np.einsum("rtc,trcf->f", x[0, :, start : start + 50], filters)
        for start in range(60 - 50 + 1)
    ]
    given = run(part(model, convolution.name), x)[0, 0]
    np.testing.assert_allclose(given, expected, rtol=1e-3, atol=0.1)


def test_multiply_adds_of_the_simple_cnn_by_hand(full):
    expected, side, channels = 0, 256, 3
    for filters in (16, 32, 64, 128, 256):
        expected += side * side * 3 * 3 * channels * filters
        side, channels = side // 2, filters
    expected += 16 * 16 * 256 * 512 + 512 * 15
    assert multiply_adds(full["simple-cnn"]) == expected


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("simple-cnn", 0.36),
        ("complex-cnn", 1.54),
        ("cnn-rnn", 2.73),
        ("simple-cnn-gap", 0.33),
        ("cp-resnet", 0.165),
        ("mobile", 0.0265),
        ("wide-filter-cnn", 0.265),
        ("crnn", 0.236),
    ],
)
def test_multiply_adds_at_the_documented_size(full, name, billions):
    assert multiply_adds(full[name]) / 1e9 == pytest.approx(billions, rel=0.015)


def test_multiply_adds_of_resnet50_are_those_of_its_paper():
    # He et al. 2016, table 1: 3.8e9 for 224 x 224, with a larger classifier.
    model = build_model("resnet50", input_shape=(224, 224, 1), weights="none")
    assert multiply_adds(model) / 1e9 == pytest.approx(3.8, rel=0.03)


def test_multiply_adds_of_other_layers():
    import keras
    from keras import layers

    def cost(shape, layer):
        return multiply_adds(keras.Sequential([keras.Input(shape), layer]))

    assert cost((10, 10, 4), layers.Conv2D(8, 3, strides=2)) == 4 * 4 * 9 * 4 * 8
    assert cost((10, 10, 4), layers.Conv2D(8, 3, groups=2)) == 64 * 9 * 2 * 8
    assert cost((10, 10, 4), layers.DepthwiseConv2D(3)) == 64 * 9 * 4
    assert cost((10, 10, 4), layers.SeparableConv2D(8, 3)) == 64 * (9 * 4 + 4 * 8)
    assert cost((5, 5, 4), layers.Conv2DTranspose(8, 3, strides=2)) == 25 * 9 * 4 * 8
    assert cost((7, 4), layers.Dense(3)) == 7 * 4 * 3
    assert cost((7, 4), layers.LSTM(5)) == 7 * 4 * 5 * (4 + 5)
    states = layers.LSTM(5, return_sequences=True, return_state=True)
    x = keras.Input((7, 4))
    assert multiply_adds(keras.Model(x, states(x))) == 7 * 4 * 5 * (4 + 5)
    assert cost((7, 4), layers.Flatten()) == 0


# The way in


def test_rows_are_normalised_inside_the_model():
    mean, variance = np.linspace(50, 150, 16), np.linspace(4, 400, 16)
    model = build_model(
        "simple-cnn", input_shape=(16, 20, 1), mean=mean, variance=variance
    )
    x = codes(2, 16, 20, 1)
    expected = (x - mean[:, None, None]) / np.sqrt(variance)[:, None, None]
    given = run(part(model, "three_channels"), x)
    np.testing.assert_allclose(given, np.repeat(expected, 3, axis=-1), atol=1e-4)
    assert not model.get_layer("normalise").weights


def test_mid_and_side_become_mid_side_mid():
    model = build_model("simple-cnn", input_shape=(16, 16, 2))
    x = codes(2, 16, 16, 2)
    given = run(part(model, "three_channels"), x)
    np.testing.assert_array_equal(given, x[..., [0, 1, 0]])


def test_a_constant_row_is_only_centred():
    mean, variance = np.full(16, 3.0), np.full(16, 4.0)
    variance[5] = 0
    model = build_model(
        "simple-cnn", input_shape=(16, 16, 1), mean=mean, variance=variance
    )
    given = run(part(model, "normalise"), np.full((1, 16, 16, 1), 5, np.float32))
    np.testing.assert_allclose(given[0, 5], 2)
    np.testing.assert_allclose(given[0, 4], 1)


@pytest.mark.parametrize(
    ("statistics", "sentence"),
    [
        ({"mean": np.zeros(16)}, "only one"),
        ({"mean": np.zeros(9), "variance": np.ones(16)}, "16 rows"),
        ({"mean": np.zeros(16), "variance": np.full(16, np.nan)}, "finite"),
        ({"mean": np.zeros(16), "variance": np.full(16, -1.0)}, "negative"),
    ],
)
def test_statistics_that_do_not_fit(statistics, sentence):
    with pytest.raises(UsageError, match=sentence):
        build_model("simple-cnn", input_shape=(16, 16, 1), **statistics)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("simple-cnn", (15, 64, 1)),
        ("complex-cnn", (256, 255, 1)),
        ("cnn-rnn", (7, 7, 1)),
        ("inception-v3", (64, 64, 1)),
        ("resnet50", (31, 64, 1)),
    ],
)
def test_a_model_says_what_it_needs_at_least(name, shape):
    with pytest.raises(UsageError, match="needs at least"):
        build_model(name, input_shape=shape, weights="none")


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 3), (0, 64, 1)])
def test_impossible_input_shapes(shape):
    with pytest.raises(UsageError, match="mid and side"):
        build_model("simple-cnn", input_shape=shape)


def test_one_scene_is_no_choice():
    with pytest.raises(UsageError, match="num_scenes"):
        build_model("simple-cnn", input_shape=(16, 16, 1), num_scenes=1)


# Weights


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_weights_from_a_file(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    first = build_model("simple-cnn", input_shape=(16, 16, 1))
    first.save(path) if suffix == ".keras" else first.save_weights(path)
    second = build_model("simple-cnn", input_shape=(16, 16, 1), weights=str(path))
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))
    with pytest.raises(InputError, match="do not fit") as caught:
        build_model("simple-cnn", input_shape=(16, 16, 1), num_scenes=4, weights=path)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_weights_from_a_missing_or_damaged_file(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    with pytest.raises(InputError, match="no weights file"):
        build_model("simple-cnn", input_shape=(16, 16, 1), weights=path)
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match="Expected a file saved by Keras") as caught:
        build_model("simple-cnn", input_shape=(16, 16, 1), weights=path)
    assert "\n" not in str(caught.value)


def test_words_that_are_no_weights():
    with pytest.raises(UsageError, match="has no ImageNet weights"):
        build_model("simple-cnn", weights="imagenet")
    with pytest.raises(UsageError, match="'none', 'imagenet'"):
        build_model("resnet50", weights="imagnet")
    with pytest.raises(UsageError, match="Expected 'none', or a file"):
        build_model("simple-cnn", weights="backbone.h5")


@pytest.mark.parametrize(
    ("name", "weights"), [("inception-v3", None), ("resnet50", "imagenet")]
)
def test_without_a_network_there_are_two_ways_on(monkeypatch, tmp_path, name, weights):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(InputError) as caught:
        build_model(name, input_shape=(75, 75, 1), weights=weights)
    sentence = str(caught.value)
    assert caught.value.exit_code == 3
    assert "--weights none" in sentence
    assert "--weights FILE" in sentence
    assert "~/.keras/models" in sentence
    # The file that is named must be the one that Keras asked for.
    file = sentence.split("Put ")[1].split(" ")[0]
    assert f"/{file}:" in sentence


@pytest.mark.parametrize("name", PRETRAINED)
def test_weights_of_the_backbone_and_its_own_preprocessing(tmp_path, name):
    import keras

    module, application = {
        "inception-v3": (keras.applications.inception_v3, "InceptionV3"),
        "resnet50": (keras.applications.resnet50, "ResNet50"),
    }[name]
    shape = (75, 75, 3)
    network = getattr(module, application)(
        include_top=False, weights=None, input_shape=shape
    )
    network.save(tmp_path / "notop.h5")
    model = build_model(
        name,
        input_shape=(75, 75, 2),
        weights=tmp_path / "notop.h5",
        mean=np.zeros(75),
        variance=np.ones(75),
        value_range=(-80.0, 20.0),
    )
    loaded = model.get_layer(network.name).get_weights()
    assert all(map(np.array_equal, network.get_weights(), loaded))
    decibels = np.linspace(-80, 20, 75 * 75 * 2, dtype=np.float32)
    decibels = decibels.reshape(1, 75, 75, 2)
    pixels = ((decibels + 80) * 2.55)[..., [0, 1, 0]]
    expected = module.preprocess_input(pixels.copy())
    given = run(part(model, "imagenet_preprocessing"), decibels)
    np.testing.assert_allclose(given, expected, atol=1e-3)
    assert "normalise" not in [layer.name for layer in model.layers]


def test_a_saved_pretrained_model_starts_another_with_the_same_way_in(tmp_path):
    from asc.models.weights import takes_pixels

    path = tmp_path / "model.keras"
    settings = {
        "input_shape": (32, 32, 1),
        "mean": np.ones(32),
        "variance": np.ones(32),
    }
    scratch = build_model("resnet50", weights="none", **settings)
    scratch.save(path)
    again = build_model("resnet50", weights=path, **settings)
    assert not takes_pixels(again)
    x = codes(1, 32, 32, 1)
    np.testing.assert_allclose(run(again, x), run(scratch, x), rtol=1e-6)
    scratch.save_weights(tmp_path / "model.weights.h5")
    tuned = build_model("resnet50", weights=tmp_path / "model.weights.h5", **settings)
    assert takes_pixels(tuned)
    tuned.save(path)
    again = build_model("resnet50", weights=path, **settings)
    assert takes_pixels(again)
    np.testing.assert_allclose(run(again, x), run(tuned, x), rtol=1e-6)


def test_an_empty_value_range(tmp_path):
    path = tmp_path / "any.h5"
    path.touch()
    with pytest.raises(UsageError, match="lower one first"):
        build_model("resnet50", weights=path, value_range=(3, 3))


# The registry


def test_names():
    assert set(DOCUMENTED) <= set(model_names())
    assert [n for n in model_names() if describe(n).pretrained] == list(PRETRAINED)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'resnet50'"):
        build_model("ResNet-50")
    with pytest.raises(UsageError, match="Did you mean 'simple-cnn'"):
        describe("simple_cnn")


@pytest.mark.usefixtures("clean_registry")
def test_own_models():
    import keras

    @register_model("one-layer", description="one dense layer")
    def linear(x, scenes):
        x = keras.layers.Flatten()(x)
        return keras.layers.Dense(scenes, activation="softmax")(x)

    assert "one-layer" in model_names()
    model = build_model("one-layer", input_shape=(8, 9, 1), num_scenes=4)
    assert model.output.shape == (None, 4)
    assert parameter_counts(model) == (868, 868, 0)
    with pytest.raises(UsageError, match="already is"):
        register_model("one-layer", linear)
    register_model("one-layer", lambda x, scenes: x, replace=True)
    with pytest.raises(UsageError, match=r"shape \[batch, 4\]"):
        build_model("one-layer", input_shape=(8, 9, 1), num_scenes=4)


@pytest.mark.parametrize("name", ["", "Linear", "a_b", "a--b", "-a"])
def test_names_that_models_cannot_have(name):
    with pytest.raises(UsageError, match="Invalid name of a model"):
        register_model(name, "somewhere:else")


def test_importing_the_package_does_not_import_tensorflow():
    program = (
        "import sys, asc.models; asc.models.describe('resnet50'); "
        "sys.exit(any(m in sys.modules for m in ('keras', 'tensorflow', 'numpy')))"
    )
    assert run_python(program).returncode == 0
