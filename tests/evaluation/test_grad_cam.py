"""Grad-CAM of models whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from asc.evaluation.grad_cam import GradCam
from asc.pipeline.tensorflow import keras


def known_model(trainable: bool = True) -> keras.Model:
    """Scene 0 is the mean of what is above 0, scene 1 that of what is below."""
    convolution = keras.layers.Conv2D(2, 1, activation="relu", trainable=trainable)
    last = keras.layers.Dense(2, activation="softmax")
    pooled = keras.layers.GlobalAveragePooling2D()
    model = keras.Sequential([keras.Input((8, 12, 1)), convolution, pooled, last])
    convolution.set_weights([np.array([[[[1.0, -1.0]]]]), np.zeros(2)])
    last.set_weights([np.eye(2), np.zeros(2)])
    return model


@pytest.mark.parametrize("trainable", [True, False])
def test_maps_are_what_raises_the_score(trainable):
    clips = np.random.default_rng(0).normal(size=(6, 8, 12, 1)).astype(np.float32)
    scenes = np.array([0, 1, 0, 0, 1, 1])
    explained = GradCam(known_model(trainable))
    assert explained.shape == (8, 12)
    maps = explained.maps(clips, scenes)
    for clip, scene, found in zip(clips[..., 0], scenes, maps, strict=True):
        expected = np.maximum(clip if scene == 0 else -clip, 0)
        np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-5)


def test_nothing_raises_the_score():
    clip = -np.ones((1, 8, 12, 1), np.float32)
    assert not GradCam(known_model()).maps(clip, np.array([0])).any()


def test_a_model_inside_a_model_has_maps():
    inner = keras.Sequential([keras.Input((8, 12, 1)), keras.layers.Conv2D(3, 1)])
    x = inputs = keras.Input((8, 12, 1))
    x = keras.layers.GlobalAveragePooling2D()(inner(x))
    x = keras.layers.Dense(2, activation="softmax", dtype="float32")(x)
    outputs = keras.layers.Identity(dtype="float32")(x)  # of mixed precision
    explained = GradCam(keras.Model(inputs, outputs))
    clip = np.random.default_rng(0).normal(size=(1, 8, 12, 1))
    assert explained.maps(clip, np.array([1])).shape == (1, 8, 12)


@pytest.mark.parametrize(
    "head",
    [
        [keras.layers.GlobalAveragePooling2D(), keras.layers.Activation("softmax")],
        [keras.layers.Dense(2, activation="softmax")]
        + [keras.layers.GlobalAveragePooling2D()],  # scenes of every cell, averaged
    ],
    ids=["no dense layer", "a dense layer on the way"],
)
def test_the_probability_is_explained_without_a_softmax_at_the_end(head):
    convolution = keras.layers.Conv2D(2, 1, activation="relu")
    model = keras.Sequential([keras.Input((8, 12, 1)), convolution, *head])
    convolution.set_weights([np.array([[[[1.0, -1.0]]]]), np.zeros(2)])
    if isinstance(head[0], keras.layers.Dense):
        head[0].set_weights([np.eye(2), np.zeros(2)])
    clip = np.random.default_rng(0).normal(size=(1, 8, 12, 1)).astype(np.float32)
    explained = GradCam(model).maps(clip, np.array([0]))
    above = clip[..., 0] > 0
    assert explained[above].min() > explained[~above].max()


def test_a_recurrent_model_has_maps():
    layers = [
        keras.layers.Conv2D(3, 1),
        keras.layers.Reshape((96, 3)),
        keras.layers.GRU(2),
        keras.layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 12, 1)), *layers])
    maps = GradCam(model).maps(np.ones((1, 8, 12, 1)), np.array([0]))
    assert np.isfinite(maps).all()


def test_filters_of_all_rows_leave_a_map_of_time():
    layers = [
        keras.layers.Conv2D(3, (8, 2)),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 12, 1)), *layers])
    assert GradCam(model).shape == (1, 11)


@pytest.mark.parametrize("size", [None, 3])
def test_what_has_no_maps(size):
    """No convolution, or one whose cells are no places."""
    layers = [] if size is None else [keras.layers.Conv2D(2, size, strides=4)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    assert GradCam(keras.Sequential([keras.Input((8, 12, 1)), *layers])).shape is None
