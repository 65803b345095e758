"""The simple CNN: the smallest network of the documented system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

FILTERS = (16, 32, 64, 128, 256)


@register_model("simple-cnn", description="5 convolutions, 1 dense layer")
def simple_cnn(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build five convolution blocks and a dense layer.

    Each block is a 3 x 3 convolution, batch normalisation (Ioffe & Szegedy 2015) and
    ReLU; 2 x 2 max-pooling follows all but the last. It takes 16 x 16 values or more.
    For 256 x 256 and 15 scenes it has 33,959,279 parameters, 2,016 of them not
    trainable.
    """
    import keras

    from asc.models.layers import check_size, conv_block, dense_head

    check_size(x, "simple-cnn", 2 ** (len(FILTERS) - 1))
    for filters in FILTERS:
        x = conv_block(x, filters, pool=filters != FILTERS[-1])
    return dense_head(keras.layers.Flatten()(x), num_scenes)
