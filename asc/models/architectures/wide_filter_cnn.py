"""A CNN whose first filters span all row bands (Piczak 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

FILTERS = 100
DENSE = 100


@register_model(
    "wide-filter-cnn",
    description="one convolution over all rows, after Piczak (2017)",
    three_channels=False,
)
def wide_filter_cnn(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build a network with filters of all rows by 50 columns in time.

    Each filter sees the whole spectrum for a while, and its maximum over time is all
    that is kept, as in the network that reached 80.1 % on the official folds of TUT
    Acoustic Scenes 2017. It takes 50 columns or more. For 256 x 256 mono values and 15
    scenes it has 1,302,115 parameters, 200 of them not trainable.

    References
    ----------
    K. J. Piczak, "The details that matter: Frequency resolution of spectrograms in
    acoustic scene classification", DCASE Workshop 2017.
    """
    import keras

    from asc.models.layers import DROPOUT, MOMENTUM, check_size, softmax_head

    check_size(x, "wide-filter-cnn", 50)
    # Rows become channels, so that a filter has all of them: the same numbers as of a
    # filter as high as the input, which TensorFlow's CPU kernels cannot compute.
    rows, columns, channels = x.shape[1:]
    x = keras.layers.Permute((2, 1, 3))(x)
    x = keras.layers.Reshape((1, columns, rows * channels))(x)
    x = keras.layers.Conv2D(FILTERS, (1, 50), use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = keras.layers.LeakyReLU(0.33)(x)
    x = keras.layers.Dropout(DROPOUT)(keras.layers.GlobalMaxPooling2D()(x))
    for _ in range(2):
        x = keras.layers.Dense(DENSE)(x)
        x = keras.layers.LeakyReLU(0.33)(x)
        x = keras.layers.Dropout(DROPOUT)(x)
    return softmax_head(x, num_scenes)
