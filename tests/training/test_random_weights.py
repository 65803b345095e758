"""Initial weights depend on the seed alone."""

from __future__ import annotations

import random

import numpy as np

from asc.pipeline.tensorflow import keras
from asc.training import machine


def weights(*, draws_of_another_thread: int) -> list[np.ndarray]:
    with machine.random_weights(5):
        first = keras.layers.Dense(3)
        for _ in range(draws_of_another_thread):
            random.random()
        layers = first, keras.layers.Dropout(0.5), keras.layers.Dense(2)
        return keras.Sequential([keras.Input((4,)), *layers]).get_weights()


def test_global_random_numbers_have_no_say():
    alone, disturbed = weights(draws_of_another_thread=0), weights(
        draws_of_another_thread=7
    )
    for one, other in zip(alone, disturbed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_are_those_of_keras_own_seed():
    keras.utils.set_random_seed(5)
    layers = keras.layers.Dense(3), keras.layers.Dropout(0.5), keras.layers.Dense(2)
    expected = keras.Sequential([keras.Input((4,)), *layers]).get_weights()
    for one, other in zip(weights(draws_of_another_thread=0), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_keras_draws_from_the_global_numbers_again_afterwards():
    with machine.random_weights(5):
        pass
    random.seed(8)
    first = keras.layers.Dense(3).kernel_initializer.seed
    random.seed(8)
    assert keras.layers.Dense(3).kernel_initializer.seed == first
