"""What a model costs: multiply-adds per clip, and parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def multiply_adds(model: keras.Model) -> int:
    """Count the multiplications with an addition that one clip takes.

    Convolutions (also depthwise, separable and transposed), dense layers and recurrent
    layers are counted, in models inside the model too. Biases, activations, pooling
    and normalisation are small in comparison and are not.

    Parameters
    ----------
    model : keras.Model
        A built model with a known input size.

    Returns
    -------
    int
        Of one forward pass; a training step takes about three times as many.
    """
    import keras

    return sum(
        multiply_adds(layer) if isinstance(layer, keras.Model) else _of_layer(layer)
        for layer in model.layers
    )


def _of_layer(layer: keras.layers.Layer) -> int:
    """Count one layer: how often each number of its kernels is used."""
    from keras import layers

    separable = (layers.SeparableConv1D, layers.SeparableConv2D)
    depthwise = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
    transposed = tuple(getattr(layers, f"Conv{n}DTranspose") for n in (1, 2, 3))
    dense = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense)
    recurrent = (layers.LSTM, layers.GRU, layers.SimpleRNN)
    if isinstance(layer, separable):
        kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
        cells, channels = layer.output, layer.pointwise_kernel.shape[-1]
    elif isinstance(layer, depthwise):
        kernels = [layer.kernel]
        cells, channels = layer.output, math.prod(layer.kernel.shape[-2:])
    elif isinstance(layer, dense):
        kernels = [layer.kernel]
        cells, channels = layer.output, layer.kernel.shape[-1]
    elif isinstance(layer, transposed):
        kernels = [layer.kernel]
        cells, channels = layer.input, layer.kernel.shape[-1]
    elif isinstance(layer, recurrent):
        kernels = [layer.cell.kernel, layer.cell.recurrent_kernel]
        cells, channels = layer.input, layer.input.shape[-1]
    else:
        return 0
    times = math.prod(cells.shape[1:]) // channels
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
        As in Keras' summary, without the statistics of the input normalisation, which
        are constants.
    """
    trainable = sum(math.prod(value.shape) for value in model.trainable_weights)
    fixed = sum(math.prod(value.shape) for value in model.non_trainable_weights)
    return trainable + fixed, trainable, fixed
