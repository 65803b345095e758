"""Grad-CAM: which parts of a clip raise the score of a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.evaluation.embeddings import classifier

if TYPE_CHECKING:
    import keras

#: Rows and columns of a map, at least: one of fewer says nothing about where. A model
#: whose filters see all rows has maps of one row.
_LEAST = 6
#: Clips at a time.
_BATCH = 4


class GradCam:
    """Maps of what a model looks at.

    The activations of its last convolution that still has rows and columns are added
    up, each channel with the mean gradient of a scene's score as weight; negative sums
    are cut off. The score is the input of the softmax of a dense layer, or the
    logarithm of the probability where the model does not end in one.

    Parameters
    ----------
    model : keras.Model

    Attributes
    ----------
    shape : tuple of int or None
        Rows and columns of a map. None if the model has no convolution, or none with
        6 cells or more along a side; then there are no maps.

    References
    ----------
    Selvaraju et al. "Grad-CAM: Visual explanations from deep networks via
    gradient-based localization." ICCV 2017.
    """

    def __init__(self, model: keras.Model) -> None:
        from asc.pipeline.tensorflow import keras, tf

        activations, last = _last_map(model), classifier(model)
        self.shape: tuple[int, int] | None = None
        # Without a dense softmax at the end, the logarithm of its output is explained.
        softmax = (
            isinstance(last, keras.layers.Dense)
            and last.activation is keras.activations.softmax
            and last.output.shape == model.outputs[0].shape  # not one on the way
        )
        self._kernel = last.kernel if softmax else None
        if activations is None:
            return
        self._body = keras.Model(model.inputs, activations)
        try:
            head = keras.Model(activations, last.input if softmax else model.outputs)
        except ValueError:  # there is a way around these activations
            return
        self.shape = activations.shape[1:3]
        recurrent = (keras.layers.RNN, keras.layers.Bidirectional)
        if any(isinstance(layer, recurrent) for layer in head.layers):
            head = tf.function(head)  # which is slow step by step
        self._head = head

    def maps(self, features: np.ndarray, scenes: np.ndarray) -> np.ndarray:
        """Return a map of each clip, for the score of one scene.

        Parameters
        ----------
        features : np.ndarray [shape=(clips, rows, columns, channels)]
            As the store holds them.
        scenes : np.ndarray [shape=(clips,)], int
            Index of the scene whose score is explained.

        Returns
        -------
        np.ndarray [shape=(clips, map rows, map columns)], float32
            Relative to the largest value of each map: 1 is what raises the score most.
            All 0 if nothing raises it.
        """
        starts = range(0, len(features), _BATCH)
        parts = [
            self._maps(features[first : first + _BATCH], scenes[first : first + _BATCH])
            for first in starts
        ]
        return np.concatenate(parts)

    def _maps(self, features: np.ndarray, scenes: np.ndarray) -> np.ndarray:
        from asc.pipeline.tensorflow import keras, tf

        activations = self._body(tf.constant(features, tf.float32), training=False)
        with tf.GradientTape() as tape:
            tape.watch(activations)
            output = tf.cast(self._head(activations, training=False), tf.float32)
            if self._kernel is None:
                scores = tf.math.log(output + keras.config.epsilon())
            else:
                scores = tf.matmul(output, self._kernel)
            chosen = tf.reduce_sum(tf.gather(scores, scenes, batch_dims=1))
        gradients = tf.cast(tape.gradient(chosen, activations), tf.float32)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        sums = tf.reduce_sum(weights * tf.cast(activations, tf.float32), axis=-1)
        found = np.maximum(sums, 0)
        largest = found.max(axis=(1, 2), keepdims=True)
        return found / np.where(largest > 0, largest, 1)


def _last_map(model: keras.Model) -> keras.KerasTensor | None:
    """Return the last activations after a convolution with rows and columns enough.

    They are looked for as inputs of layers: the output of a model inside a model is not
    a tensor of the outer one.
    """
    from keras import Model

    areas, lines, convolved = None, None, False
    for layer in model.layers:
        inputs = None if isinstance(layer, Model) else getattr(layer, "input", None)
        shape = getattr(inputs, "shape", ())
        if convolved and len(shape) == 4:
            sides = [side or 0 for side in shape[1:3]]
            areas = inputs if min(sides) >= _LEAST else areas
            lines = inputs if max(sides) >= _LEAST else lines
        convolved = convolved or _convolves(layer)
    return lines if areas is None else areas


def _convolves(layer: keras.layers.Layer) -> bool:
    from keras import layers

    kinds = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
    return isinstance(layer, kinds) or any(
        _convolves(inner) for inner in getattr(layer, "layers", ())
    )
