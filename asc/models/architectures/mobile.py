"""A network for phones: inverted residuals of depthwise convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

STEM = 16
#: Filters, stride and expansion of each block.
BLOCKS = ((24, 2, 1), (24, 1, 2), (48, 2, 3), (48, 1, 2), (96, 2, 2), (96, 1, 2))


@register_model(
    "mobile",
    description="inverted residuals, within DCASE's limits for small devices",
    three_channels=False,
)
def mobile(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build inverted residual blocks (Sandler et al. 2018) of the CP-Mobile kind.

    A block widens its channels by 1 x 1, convolves each alone by 3 x 3, and narrows
    them again. Pairs of rows are averaged first.

    It takes 32 x 32 values or more. For 256 x 256 mono values and 15 scenes it has
    79,879 parameters, 2,784 of them not trainable, and 29.4 million multiply-adds a
    clip. That is within the limits of the low-complexity task of DCASE: 128 kB of int8
    parameters and 30 million.

    References
    ----------
    F. Schmid, T. Morocutti, S. Masoudian, K. Koutini and G. Widmer, "Distilling the
    knowledge of transformers and CNNs with CP-Mobile", DCASE Workshop 2023.
    """
    import keras

    from asc.models.layers import check_size, convolve, depthwise, pooled_head

    check_size(x, "mobile", 32)
    x = keras.layers.AveragePooling2D((2, 1))(x)
    x = convolve(x, STEM, 3, strides=2)
    for filters, stride, expansion in BLOCKS:
        inner = convolve(x, expansion * x.shape[-1], 1)
        inner = depthwise(inner, 3, strides=stride)
        inner = convolve(inner, filters, 1, relu=False)
        if inner.shape == x.shape:
            inner = keras.layers.Add()([x, inner])
        x = keras.layers.ReLU()(inner)
    return pooled_head(x, num_scenes)
