"""From a model's name to a model, with normalisation as its first layer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from asc.models.entries import describe

if TYPE_CHECKING:
    from pathlib import Path

    import keras
    import numpy as np


def build_model(
    name: str,
    *,
    input_shape: tuple[int, int, int] = (256, 256, 1),
    num_scenes: int = 15,
    weights: str | Path | None = None,
    keep_last_layer: bool = True,
    mean: np.ndarray | None = None,
    variance: np.ndarray | None = None,
    value_range: tuple[float, float] | None = None,
) -> keras.Model:
    """Build a model that takes what a store holds and gives scene probabilities.

    Initial values are drawn from Keras' global generator: call
    ``keras.utils.set_random_seed(seed)`` before this function to repeat them.

    Parameters
    ----------
    name : str
        One of `model_names`.
    input_shape : tuple of int
        Rows (frequency), columns (time) and channels of one clip. For most models, one
        channel is repeated three times; two are mid and side and become (mid, side,
        mid).
    num_scenes : int >= 2
        Number of probabilities.
    weights : str or Path, optional
        ``"none"`` for random initial values; ``"imagenet"`` for the weights that
        Keras offers for the pretrained models, downloaded once; or a file: a
        ``.keras`` model or the ``.weights.h5`` weights of one, of the same
        architecture, or, for a pretrained model, an ``.h5`` file of Keras'
        ImageNet weights without the top. The default is ``"imagenet"`` for the
        pretrained models and ``"none"`` for the others.
    keep_last_layer : bool
        Without it, the last layer is new, whatever a ``.keras`` file has: for other
        scenes.
    mean, variance : np.ndarray [shape=(rows,)], optional
        Statistics of the train part, per row, in the units of the store. Without
        them the values are not normalised.
    value_range : (float, float), optional
        Lowest and highest value that the store can hold, mapped to 0 and 255 for
        weights that expect pixels. None means that it holds codes up to 255.

    Returns
    -------
    keras.Model [shape=(batch, rows, columns, channels) -> (batch, scenes)]
        Not compiled, with probabilities in float32. A pretrained model that starts
        from ImageNet weights, or from any file other than a ``.keras`` model built
        without them, maps its input to pixels and applies Keras' own preprocessing;
        every other model uses `mean` and `variance`. Statistics are not taken from
        a file: they belong to the store and its split.

    Raises
    ------
    UsageError
        For an unknown name, impossible sizes or statistics, and weights that the
        model cannot have.
    InputError
        If a weights file is missing, unreadable or of another shape, or ImageNet
        weights cannot be downloaded.

    Examples
    --------
    >>> model = asc.build_model("simple-cnn", input_shape=(16, 16, 1), num_scenes=3)
    >>> model.input.shape, model.output.shape
    ((None, 16, 16, 1), (None, 3))
    """
    entry = describe(name)
    # Importing Keras takes seconds, so it is imported only to build a model.
    from asc.pipeline.tensorflow import keras  # first: it silences TensorFlow

    builder = entry.builder
    if isinstance(builder, str):
        module, _, function = builder.partition(":")
        builder = getattr(import_module(module), function)
    from asc.models import layers
    from asc.models import weights as initial

    source = initial.resolve_weights(weights, model=name, pretrained=entry.pretrained)
    saved = initial.read_model(source)
    layers.check_shapes(input_shape, num_scenes)
    x = inputs = keras.Input(input_shape, name="features")
    pixels = entry.pretrained and source is not None
    if pixels and (saved is None or initial.takes_pixels(saved)):
        x = layers.rescale_to_pixels(x, value_range)
    else:
        pixels, x = False, layers.normalise(x, mean, variance)
    options = {"weights": source if pixels else None} if entry.pretrained else {}
    if entry.three_channels:
        x = layers.three_channels(x)
    outputs = builder(x, num_scenes, **options)
    model = layers.make_model(name, inputs, outputs, num_scenes)
    initial.load_initial_weights(model, source, saved, keep_last_layer)
    return model
