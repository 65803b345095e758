"""Layers that the models share: the way in, a convolution block, the way out."""

from __future__ import annotations

import keras
import numpy as np

from asc.errors import UsageError

#: Share of a dense layer's outputs dropped in training (Srivastava et al. 2014).
DROPOUT = 0.5

#: Share that the running averages of batch normalisation keep with every batch. Keras'
#: 0.99 needs hundreds of batches, and a small corpus has some tens in an epoch: its
#: validation would see the lag and stop a training that goes well.
MOMENTUM = 0.9

#: A row whose variance is below this, in squared units of the store, is constant.
CONSTANT = 1e-6


def check_sizes(name: str, input_shape: tuple[int, int, int], scenes: int) -> None:
    """Refuse an input shape or a number of scenes that no model can have."""
    if len(input_shape) != 3 or min(input_shape) < 1 or input_shape[2] not in (1, 2):
        raise UsageError(
            f"Model {name!r} cannot take an input of shape {tuple(input_shape)}; "
            "expected rows, columns, and 1 (mono) or 2 (mid and side) channels."
        )
    if scenes < 2:
        raise UsageError(
            f"Model {name!r} cannot tell {scenes} scenes apart; expected 2 or more."
        )


def require_size(x: keras.KerasTensor, name: str, smallest: int) -> None:
    """Refuse an input with fewer rows or columns than an architecture needs."""
    _, rows, columns, _ = x.shape
    if min(rows, columns) < smallest:
        raise UsageError(
            f"Model {name!r} needs at least {smallest} x {smallest} values per clip, "
            f"but got {rows} x {columns}; use larger features or another model."
        )


def normalised_input(
    input_shape: tuple[int, int, int],
    mean: np.ndarray | None,
    variance: np.ndarray | None,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Start a model that subtracts each row's mean and divides by its deviation.

    The statistics are constants of the layer, not weights. A constant row is only
    centred.

    Parameters
    ----------
    input_shape : tuple of int
        Rows, columns and channels of one clip.
    mean, variance : np.ndarray [shape=(rows,)] or None
        Statistics of the train part in the units of the store; both or neither.

    Returns
    -------
    inputs : keras.KerasTensor [shape=(batch, rows, columns, channels)]
        What a store holds.
    x : keras.KerasTensor [shape=(batch, rows, columns, 3)]
        The same, normalised if there are statistics, in three channels.

    Raises
    ------
    UsageError
        If the statistics do not fit the rows or are not numbers.
    """
    inputs = keras.Input(input_shape, name="features")
    if mean is None and variance is None:
        return inputs, three_channels(inputs)
    if mean is None or variance is None:
        raise UsageError("Normalising needs a mean and a variance, but got only one.")
    mean = np.asarray(mean, dtype=np.float32)
    variance = np.asarray(variance, dtype=np.float32)
    for what, values in (("mean", mean), ("variance", variance)):
        if values.shape != input_shape[:1] or not np.isfinite(values).all():
            raise UsageError(
                f"The {what} has shape {values.shape}; expected one finite number "
                f"for each of the {input_shape[0]} rows."
            )
    if (variance < 0).any():
        raise UsageError(f"A variance cannot be negative, but got {variance.min()}.")
    variance = np.where(variance < CONSTANT, np.float32(1), variance)
    normalise = keras.layers.Normalization(
        axis=1, mean=mean, variance=variance, name="normalise"
    )
    return inputs, three_channels(normalise(inputs))


def pixel_input(
    input_shape: tuple[int, int, int], value_range: tuple[float, float] | None
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Start a model whose layers expect pixels.

    Parameters
    ----------
    input_shape : tuple of int
        Rows, columns and channels of one clip.
    value_range : (float, float) or None
        The values that become 0 and 255; None leaves values as they are.

    Returns
    -------
    inputs : keras.KerasTensor [shape=(batch, rows, columns, channels)]
        What a store holds.
    x : keras.KerasTensor [shape=(batch, rows, columns, 3)]
        The same as pixel-like values, nominally 0 to 255, in three channels.

    Raises
    ------
    UsageError
        If the range is empty.
    """
    inputs = keras.Input(input_shape, name="features")
    if value_range is None:
        return inputs, three_channels(inputs)
    low, high = (float(value) for value in value_range)
    if not np.isfinite([low, high]).all() or low >= high:
        raise UsageError(
            f"The value range {low} to {high} is empty; expected two finite numbers, "
            "the lower one first."
        )
    scale = 255 / (high - low)
    rescale = keras.layers.Rescaling(scale, offset=-low * scale, name="pixels")
    return inputs, three_channels(rescale(inputs))


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


def dense_head(x: keras.KerasTensor, scenes: int) -> keras.KerasTensor:
    """Classify a vector: dense 512, batch normalisation, dropout, softmax.

    The order is the documented one, which lists no separate activation; so the ReLU
    belongs to the dense layer. Without it the two dense layers would collapse
    into a single linear one.
    """
    x = keras.layers.Dense(512, activation="relu")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = keras.layers.Dropout(DROPOUT)(x)
    return probabilities(x, scenes)


def probabilities(x: keras.KerasTensor, scenes: int) -> keras.KerasTensor:
    """End a model: a dense layer with softmax, in float32 whatever the policy."""
    last = keras.layers.Dense(
        scenes, activation="softmax", dtype="float32", name="scenes"
    )
    return last(x)


def finish(
    name: str, inputs: keras.KerasTensor, outputs: keras.KerasTensor, scenes: int
) -> keras.Model:
    """Make the model; refuse a builder's output that is no list of probabilities."""
    if outputs.shape != (None, scenes):
        raise UsageError(
            f"The builder of model {name!r} returned a tensor of shape "
            f"{outputs.shape}; expected [batch, {scenes}]."
        )
    if outputs.dtype != "float32":  # those of a builder that leaves it to the policy
        outputs = keras.layers.Identity(dtype="float32", name="float32")(outputs)
    return keras.Model(inputs, outputs, name=name.replace("-", "_"))
