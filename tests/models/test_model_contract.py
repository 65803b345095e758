"""What holds for every registered model."""

from __future__ import annotations

import numpy as np
import pytest

from asc.errors import UsageError
from asc.models import build_model, describe, model_names
from asc.models.entries import MODELS, register_model

# TensorFlow's tensors do not know NumPy 2's copy argument yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

NAMES = model_names()
NUM_SCENES = 3


def build_smallest(name, **settings):
    """Build a model for the smallest input of a few that it takes, mid and side."""
    for size in (16, 32, 64, 75, 96, 128, 256):
        try:
            return build_model(
                name,
                input_shape=(size, size, 2),
                num_scenes=NUM_SCENES,
                weights="none",
                mean=np.linspace(60, 180, size),
                variance=np.linspace(100, 900, size),
                **settings,
            )
        except UsageError as error:
            assert "needs at least" in str(error)
    pytest.fail(f"{name} takes no input up to 256 x 256")


@pytest.fixture(scope="module")
def models():
    """Each model, built once with the same seed."""
    import keras

    import asc.pipeline.tensorflow  # noqa: F401

    made = {}
    for name in NAMES:
        keras.utils.set_random_seed(3)
        made[name] = build_smallest(name)
    return made


def codes(model, clips=2):
    """Random values as a uint8 store gives them."""
    shape = (clips, *model.input.shape[1:])
    return np.random.default_rng(0).integers(1, 256, shape).astype(np.float32)


def flat(model):
    """All layers, also those of models inside of the model."""
    return model._flatten_layers(include_self=False)


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    def test_the_entry_describes_it(self, name):
        entry = describe(name)
        assert entry.name == name
        assert entry.description and entry.description.isprintable()

    def test_the_output_is_a_distribution(self, models, name):
        given = np.asarray(models[name](codes(models[name]), training=False))
        assert given.shape == (2, NUM_SCENES)
        assert given.dtype == np.float32
        np.testing.assert_allclose(given.sum(axis=1), 1, rtol=1e-5)

    def test_it_is_a_plain_keras_model(self, models, name):
        import keras

        kinds = {type(layer) for layer in flat(models[name])}
        assert keras.layers.Lambda not in kinds
        assert all(kind.__module__.startswith("keras.") for kind in kinds)
        assert models[name].name == name.replace("-", "_")

    def test_moving_averages_follow_within_an_epoch_of_a_small_corpus(
        self, models, name
    ):
        """ESC-10 has 26 batches; with Keras' momentum they keep 77 % of the start."""
        import keras

        kind = keras.layers.BatchNormalization
        left = [x.momentum**26 for x in flat(models[name]) if isinstance(x, kind)]
        assert max(left, default=0) < 0.1

    def test_every_trainable_weight_gets_a_gradient(self, models, name):
        import tensorflow as tf

        model = models[name]
        with tf.GradientTape() as tape:
            loss = -tf.math.log(model(codes(model), training=True)[0, 0])
        gradients = tape.gradient(loss, model.trainable_weights)
        assert gradients
        assert all(gradient is not None for gradient in gradients)

    def test_a_saved_model_predicts_the_same(self, models, name, tmp_path):
        import keras

        model = models[name]
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        (tmp_path / "model.keras").unlink()
        first, second = (
            np.asarray(x(codes(model), training=False)) for x in (model, loaded)
        )
        np.testing.assert_allclose(first, second, rtol=1e-5)

    def test_too_small_an_input_is_refused_in_a_sentence(self, name):
        with pytest.raises(UsageError, match=r"needs at least .* Got 1 x 1"):
            build_model(name, input_shape=(1, 1, 1), weights="none")

    def test_an_example_of_the_name_is_offered(self, name):
        with pytest.raises(UsageError, match=f"Did you mean {name!r}"):
            build_model(name.replace("-", "_") + "x")


@pytest.mark.parametrize("name", ["simple-cnn", "cnn-rnn"])
def test_the_seed_determines_the_initial_weights(models, name):
    import keras

    def weights(model):  # those that calls with training=True do not change
        return [np.asarray(value) for value in model.trainable_weights]

    for seed, same in ((3, True), (4, False)):
        keras.utils.set_random_seed(seed)
        pairs = zip(weights(build_smallest(name)), weights(models[name]), strict=True)
        assert all(np.array_equal(*pair) for pair in pairs) == same


@pytest.mark.parametrize("name", ["simple-cnn", "cnn-rnn"])
def test_probabilities_are_float32_in_mixed_precision(name):
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_smallest(name)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"
    given = np.asarray(model(codes(model), training=False))
    np.testing.assert_allclose(given.sum(axis=1), 1, rtol=1e-5)


def test_a_built_in_name_is_taken_before_anything_was_listed():
    """Not only after the built-in models have been imported."""
    with MODELS.restored(), pytest.raises(UsageError, match="already is a model"):
        register_model("resnet50", lambda x, num_scenes: x)
