"""CRNN: convolutions, then a recurrent layer along time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

FILTERS = (16, 32, 64, 128)
UNITS = 64


@register_model(
    "crnn", description="convolutions, then a GRU along time", three_channels=False
)
def crnn(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build four convolutions and a bidirectional GRU whose steps are steps in time.

    The convolutions halve rows and columns; the mean over the rows that are left is a
    sequence along time. The mean of the outputs of the GRU (Cho et al. 2014) over time
    is classified, as in Cakir et al. (2017). `cnn-rnn`, the documented model, reads
    positions in raster order instead.

    It takes 16 x 16 values or more. For mono values and 15 scenes it has 174,303
    parameters at any input size, 480 of them not trainable.

    References
    ----------
    E. Cakir, G. Parascandolo, T. Heittola, H. Huttunen and T. Virtanen, "Convolutional
    recurrent neural networks for polyphonic sound event detection", IEEE/ACM
    Transactions on Audio, Speech, and Language Processing 25, 2017.
    """
    import keras

    from asc.models.layers import DROPOUT, check_size, convolve, softmax_head

    check_size(x, "crnn", 2 ** len(FILTERS))
    for filters in FILTERS:
        x = keras.layers.MaxPooling2D(2)(convolve(x, filters, 3))
    _, rows, columns, filters = x.shape
    x = keras.layers.AveragePooling2D((rows, 1))(x)
    x = keras.layers.Reshape((columns, filters))(x)
    gru = keras.layers.GRU(UNITS, return_sequences=True)
    x = keras.layers.Bidirectional(gru)(x)
    x = keras.layers.Dropout(DROPOUT)(keras.layers.GlobalAveragePooling1D()(x))
    return softmax_head(x, num_scenes)
