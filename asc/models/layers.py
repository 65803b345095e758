"""What models have in common: checks, first layers, blocks and heads."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from asc.errors import UsageError
from asc.validation import check_whole

#: Share of a dense layer's outputs dropped in training (Srivastava et al. 2014).
DROPOUT = 0.5

#: Momentum of the moving averages of batch normalisation. Keras' 0.99 takes hundreds of
#: batches to adapt, but an epoch of a small corpus has tens: validation would lag, and
#: stop a training that improves.
MOMENTUM = 0.9

#: A row whose variance is below this, in squared units of the store, is constant.
CONSTANT = 1e-6


def check_shapes(input_shape: tuple[int, int, int], num_scenes: int) -> None:
    """Check the shape of the input and the number of scenes, for any model."""
    if len(input_shape) != 3 or min(input_shape) < 1 or input_shape[2] not in (1, 2):
        raise UsageError(
            "input_shape must be (rows, columns, channels), with 1 (mono) or 2 (mid and"
            f" side) channels. Got {tuple(input_shape)}."
        )
    check_whole("num_scenes", num_scenes, 2)


def check_size(x: keras.KerasTensor, name: str, smallest: int) -> None:
    """Check that the input has as many rows and columns as an architecture needs."""
    _, rows, columns, _ = x.shape
    if min(rows, columns) < smallest:
        raise UsageError(
            f"Model {name!r} needs at least {smallest} x {smallest} values per clip."
            f" Got {rows} x {columns}. Use larger features or another model."
        )


def normalise(
    x: keras.KerasTensor, mean: np.ndarray | None, variance: np.ndarray | None
) -> keras.KerasTensor:
    """Subtract the mean of each row and divide by its deviation, if they are given.

    They are constants of the layer, not weights. A constant row is only centred.
    """
    if mean is None and variance is None:
        return x
    if mean is None or variance is None:
        raise UsageError("Normalising needs both mean and variance. Got only one.")
    mean = np.asarray(mean, dtype=np.float32)
    variance = np.asarray(variance, dtype=np.float32)
    for name, values in (("mean", mean), ("variance", variance)):
        if values.shape != x.shape[1:2] or not np.isfinite(values).all():
            raise UsageError(
                f"{name} must have one finite number for each of the {x.shape[1]}"
                f" rows. Got shape {values.shape}."
            )
    if (variance < 0).any():
        raise UsageError(f"variance cannot be negative. Got {variance.min()}.")
    variance = np.where(variance < CONSTANT, np.float32(1), variance)
    return keras.layers.Normalization(
        axis=1, mean=mean, variance=variance, name="normalise"
    )(x)


def rescale_to_pixels(
    x: keras.KerasTensor, value_range: tuple[float, float] | None
) -> keras.KerasTensor:
    """Map the ends of a range to 0 and 255; without a range, return `x`."""
    if value_range is None:
        return x
    low, high = (float(value) for value in value_range)
    if not np.isfinite([low, high]).all() or low >= high:
        raise UsageError(
            "value_range must be two finite numbers, the lower one first. Got"
            f" {low} and {high}."
        )
    scale = 255 / (high - low)
    return keras.layers.Rescaling(scale, offset=-low * scale, name="pixels")(x)


def three_channels(x: keras.KerasTensor) -> keras.KerasTensor:
    """Repeat one channel three times; turn (mid, side) into (mid, side, mid)."""
    parts = [x, x, x] if x.shape[-1] == 1 else [x, x[..., :1]]
    return keras.layers.Concatenate(name="three_channels")(parts)


def conv_block(x: keras.KerasTensor, filters: int, *, pool: bool) -> keras.KerasTensor:
    """Convolve 3 x 3, normalise the batch (Ioffe & Szegedy 2015), ReLU, halve.

    The convolution keeps the bias that batch normalisation makes redundant: the
    documented parameter counts include it.
    """
    x = keras.layers.Conv2D(filters, 3, padding="same")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = keras.layers.ReLU()(x)
    return keras.layers.MaxPooling2D(2)(x) if pool else x


def convolve(
    x: keras.KerasTensor,
    filters: int,
    size: int | tuple[int, int],
    *,
    strides: int | tuple[int, int] = 1,
    relu: bool = True,
) -> keras.KerasTensor:
    """Convolve without a bias and normalise the batch; then ReLU, if not the last."""
    x = keras.layers.Conv2D(
        filters, size, strides=strides, padding="same", use_bias=False
    )(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    return keras.layers.ReLU()(x) if relu else x


def residual_stages(
    x: keras.KerasTensor, stem: int, stages: Sequence[tuple[int, int, int]]
) -> keras.KerasTensor:
    """Average pairs of rows, convolve, and apply residual blocks (He et al. 2016).

    Parameters
    ----------
    x : keras.KerasTensor
    stem : int
        Filters of the first convolution, of 5 x 5 with stride 2.
    stages : sequence of (int, int, int)
        Of each block its filters and the sizes of its two convolutions. Rows and
        columns are halved before each.
    """
    x = keras.layers.AveragePooling2D((2, 1))(x)
    x = convolve(x, stem, 5, strides=2)
    for filters, first, second in stages:
        x = keras.layers.MaxPooling2D(2)(x)
        shortcut = convolve(x, filters, 1, relu=False)
        x = convolve(convolve(x, filters, first), filters, second, relu=False)
        x = keras.layers.ReLU()(keras.layers.Add()([shortcut, x]))
    return x


def pooled_head(
    x: keras.KerasTensor, num_scenes: int, dropout: float
) -> keras.KerasTensor:
    """Classify the mean over rows, as its mean plus maximum over time.

    As in Kong et al. (2020). Dropout (Srivastava et al. 2014) and a dense layer with
    softmax follow.
    """
    x = keras.layers.AveragePooling2D((x.shape[1], 1))(x)
    mean = keras.layers.GlobalAveragePooling2D()(x)
    peak = keras.layers.GlobalMaxPooling2D()(x)
    x = keras.layers.Dropout(dropout)(keras.layers.Add()([mean, peak]))
    return softmax_head(x, num_scenes)


def dense_head(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Classify a vector: dense 512, batch normalisation, dropout, softmax.

    The order is the documented one, with the ReLU in the dense layer: without it the
    two dense layers would be one linear layer.
    """
    x = keras.layers.Dense(512, activation="relu")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = keras.layers.Dropout(DROPOUT)(x)
    return softmax_head(x, num_scenes)


def softmax_head(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Classify a vector: a dense layer with softmax, in float32 in any dtype policy."""
    last = keras.layers.Dense(
        num_scenes, activation="softmax", dtype="float32", name="scenes"
    )
    return last(x)


def make_model(
    name: str, inputs: keras.KerasTensor, outputs: keras.KerasTensor, num_scenes: int
) -> keras.Model:
    """Make the model, with probabilities in float32, and check its output shape."""
    if outputs.shape != (None, num_scenes):
        raise UsageError(
            f"The builder of model {name!r} must return a tensor of shape [batch,"
            f" {num_scenes}]. Got {outputs.shape}."
        )
    if outputs.dtype != "float32":  # in a dtype policy of mixed precision
        outputs = keras.layers.Identity(dtype="float32", name="float32")(outputs)
    return keras.Model(inputs, outputs, name=name.replace("-", "_"))
