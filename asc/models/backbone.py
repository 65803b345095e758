"""A Keras application, fine-tuned, and its head: shared by the pretrained models."""

from __future__ import annotations

from pathlib import Path

import keras

from asc.errors import InputError
from asc.models.layers import MOMENTUM, check_size, dense_head
from asc.models.weights import PREPROCESSING, is_backbone_file, load_weights


def pretrained_model(
    x: keras.KerasTensor,
    num_scenes: int,
    *,
    model: str,
    application: str,
    smallest: int,
    scale: float,
    offset: tuple[float, float, float],
    weights: str | Path | None,
) -> keras.KerasTensor:
    """Build a network of Keras, global average pooling, and the dense head.

    Parameters
    ----------
    x : keras.KerasTensor [shape=(batch, rows, columns, 3)]
        Pixels, 0 to 255; normalised features if `weights` is None.
    num_scenes : int
    model, application : str
        Name in the registry, and in ``keras.applications``. All layers are trainable.
    smallest : int
        Smallest number of rows, and of columns, that it takes.
    scale, offset : float, tuple of float
        Its preprocessing: what pixels are multiplied by, and what is then added to
        each of the three channels.
    weights : str, Path or None
        ``"imagenet"``: downloaded by Keras, or found in its cache. A file of Keras'
        weights without the top: loaded. Another file: the caller loads it into the
        finished model. None: random initial values.

    Raises
    ------
    UsageError
        If the input is too small.
    InputError
        If the weights cannot be downloaded, or the file does not fit the network.
    """
    check_size(x, model, smallest)
    if weights is not None:
        x = keras.layers.Rescaling(scale, offset=list(offset), name=PREPROCESSING)(x)
    make, shape = getattr(keras.applications, application), x.shape[1:]
    if weights == "imagenet":
        try:
            network = make(include_top=False, weights="imagenet", input_shape=shape)
        except Exception as error:  # which Keras raises when a download fails
            file = f"{model.replace('-', '_')}_weights_tf_dim_ordering_tf_kernels_notop"
            raise InputError(
                f"The ImageNet weights of {model!r} cannot be downloaded ({error}). Put"
                f" {file}.h5 into ~/.keras/models, name that file with --weights FILE,"
                " or start from random values with --weights none."
            ) from error
    else:
        network = make(include_top=False, weights=None, input_shape=shape)
        if isinstance(weights, Path) and is_backbone_file(weights):
            load_weights(network, weights, f"the layers of Keras' {application}")
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    x = keras.layers.GlobalAveragePooling2D()(network(x))
    return dense_head(x, num_scenes)
