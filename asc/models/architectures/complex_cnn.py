"""The complex CNN: eight convolutions down to a single position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

FILTERS = (32, 64, 128, 256, 512, 512, 1024, 1024)
DENSE = (2048, 2048)


@register_model("complex-cnn", description="8 convolutions, 2 wide dense layers")
def complex_cnn(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build eight convolution blocks and two dense blocks.

    A convolution block is a 3 x 3 convolution, batch normalisation (Ioffe & Szegedy
    2015), ReLU and 2 x 2 max-pooling; a dense block is a dense layer, batch
    normalisation, ReLU and dropout (Srivastava et al. 2014).

    It takes 256 x 256 values or more, which are halved eight times. For 256 x 256 and
    15 scenes it has 24,443,087 parameters, 15,296 of them not trainable.
    """
    import keras

    from asc.models.layers import (
        DROPOUT,
        MOMENTUM,
        check_size,
        conv_block,
        softmax_head,
    )

    check_size(x, "complex-cnn", 2 ** len(FILTERS))
    for filters in FILTERS:
        x = conv_block(x, filters, pool=True)
    x = keras.layers.Flatten()(x)
    for units in DENSE:
        x = keras.layers.Dense(units)(x)
        x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.Dropout(DROPOUT)(x)
    return softmax_head(x, num_scenes)
