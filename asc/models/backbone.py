"""A Keras application, fine-tuned, and its head: shared by the pretrained models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

from asc.errors import InputError
from asc.models.layers import MOMENTUM, check_size, dense_head
from asc.models.weights import PREPROCESSING, is_backbone_file, load_weights


@dataclass(frozen=True)
class Backbone:
    """A network of ``keras.applications`` without its classifier.

    Attributes
    ----------
    model : str
        Name in the registry.
    application : str
        Name in ``keras.applications``.
    weights_file : str
        The file that Keras downloads for it.
    smallest : int
        Smallest number of rows, and of columns, that it takes.
    scale : float
        Its preprocessing multiplies pixels by this ...
    offset : tuple of float
        ... and then adds this to each of the three channels.
    """

    model: str
    application: str
    weights_file: str
    smallest: int
    scale: float
    offset: tuple[float, float, float]


def pretrained_model(
    x: keras.KerasTensor,
    num_scenes: int,
    backbone: Backbone,
    weights: str | Path | None,
) -> keras.KerasTensor:
    """Build the backbone, global average pooling, and the dense head.

    Parameters
    ----------
    x : keras.KerasTensor [shape=(batch, rows, columns, 3)]
        Pixels, 0 to 255, which get the backbone's preprocessing; normalised
        features, used as they are, if `weights` is None.
    num_scenes : int
        Number of probabilities.
    backbone : Backbone
        The Keras application. All its layers are trainable.
    weights : str, Path or None
        ``"imagenet"``: downloaded by Keras, or found in its cache. A file of Keras'
        weights without the top: loaded. Another file: the caller loads it into the
        finished model. None: random initial values.

    Returns
    -------
    keras.KerasTensor [shape=(batch, scenes)]
        Probabilities.

    Raises
    ------
    UsageError
        If the input is too small.
    InputError
        If the weights cannot be downloaded, or the file does not fit the network.
    """
    check_size(x, backbone.model, backbone.smallest)
    if weights is not None:
        preprocess = keras.layers.Rescaling(
            backbone.scale, offset=list(backbone.offset), name=PREPROCESSING
        )
        x = preprocess(x)
    network = _network(backbone, x.shape[1:], weights)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    x = network(x)
    return dense_head(keras.layers.GlobalAveragePooling2D()(x), num_scenes)


def _network(
    backbone: Backbone, shape: tuple[int, int, int], weights: str | Path | None
) -> keras.Model:
    """Make the application and give it its weights."""
    application = getattr(keras.applications, backbone.application)
    if weights == "imagenet":
        try:
            return application(include_top=False, weights="imagenet", input_shape=shape)
        except Exception as error:  # which Keras raises when a download fails
            raise InputError(
                f"The ImageNet weights of {backbone.model!r} cannot be downloaded"
                f" ({error}). Put {backbone.weights_file} into ~/.keras/models, name"
                " that file with --weights FILE, or start from random values with"
                " --weights none."
            ) from error
    network = application(include_top=False, weights=None, input_shape=shape)
    if isinstance(weights, Path) and is_backbone_file(weights):
        load_weights(network, weights, f"the layers of Keras' {backbone.application}")
    return network
