"""CNN + RNN: convolutions whose positions an LSTM reads one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

FILTERS = (64, 128, 256)


@register_model("cnn-rnn", description="3 convolutions, then an LSTM over their output")
def cnn_rnn(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build three convolutions, an LSTM and a dense layer.

    The convolutions are 3 x 3 with ReLU, each followed by 2 x 2 max-pooling; 256 x 256
    values become 32 x 32 positions of 256 numbers. As documented, they are reshaped to
    a sequence of 1024 steps in raster order: the LSTM (Hochreiter & Schmidhuber 1997)
    reads the first row band from start to end of the clip, then the next band, and so
    on. Its steps are therefore not steps in time.

    It takes 8 x 8 values or more. For 15 scenes it has 641,679 parameters at any input
    size, all trainable.
    """
    import keras

    from asc.models.layers import DROPOUT, check_size, softmax_head

    check_size(x, "cnn-rnn", 2 ** len(FILTERS))
    for filters in FILTERS:
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    _, rows, columns, filters = x.shape
    x = keras.layers.Reshape((rows * columns, filters))(x)
    x = keras.layers.LSTM(128)(x)
    x = keras.layers.Dense(512, activation="relu")(x)
    x = keras.layers.Dropout(DROPOUT)(x)
    return softmax_head(x, num_scenes)
