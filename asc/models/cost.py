"""What a model costs: multiply-adds per clip, and parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def multiply_adds(model: keras.Model) -> int:
    """Count the multiplications with an addition that one clip takes.

    Convolutions (also depthwise, separable and transposed), dense layers and recurrent
    layers are counted, in models inside the model too; biases, activations,
    pooling and normalisation, which are small beside them, are not.

    Parameters
    ----------
    model : keras.Model
        A built model with a known input size.

    Returns
    -------
    int
        Multiply-adds of one forward pass for one clip; a training step takes about
        three times as many.
    """
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        else:
            total += _of_layer(layer)
    return total


def _of_layer(layer: keras.layers.Layer) -> int:
    """Count one layer: how often each number of its kernels is used."""
    from keras import layers

    separable = (layers.SeparableConv1D, layers.SeparableConv2D)
    depthwise = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
    transposed = (
        layers.Conv1DTranspose,
        layers.Conv2DTranspose,
        layers.Conv3DTranspose,
    )
    convolution = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
    if isinstance(layer, separable):
        channels = layer.pointwise_kernel.shape[-1]
        kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
        times = math.prod(layer.output.shape[1:]) // channels
    elif isinstance(layer, depthwise):
        kernels = [layer.kernel]
        channels = math.prod(layer.kernel.shape[-2:])
        times = math.prod(layer.output.shape[1:]) // channels
    elif isinstance(layer, transposed):
        kernels = [layer.kernel]
        times = math.prod(layer.input.shape[1:]) // layer.kernel.shape[-1]
    elif isinstance(layer, convolution):
        kernels = [layer.kernel]
        times = math.prod(layer.output.shape[1:]) // layer.filters
    elif isinstance(layer, layers.Dense):
        kernels = [layer.kernel]
        times = math.prod(layer.output.shape[1:-1])
    elif isinstance(layer, (layers.LSTM, layers.GRU, layers.SimpleRNN)):
        kernels = [layer.cell.kernel, layer.cell.recurrent_kernel]
        times = layer.input.shape[1]
    else:
        return 0
    return times * sum(math.prod(kernel.shape) for kernel in kernels)


def parameter_counts(model: keras.Model) -> tuple[int, int, int]:
    """Count the numbers in a model's weights.

    Parameters
    ----------
    model : keras.Model
        A built model.

    Returns
    -------
    total, trainable, non_trainable : int
        As in Keras' summary. Statistics for normalising the input are constants, not
        weights, and are not counted.
    """
    trainable = sum(math.prod(value.shape) for value in model.trainable_weights)
    fixed = sum(math.prod(value.shape) for value in model.non_trainable_weights)
    return trainable + fixed, trainable, fixed
