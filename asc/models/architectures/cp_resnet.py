"""A residual network with a limited receptive field and global pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

#: Filters of each stage, and the size of its second convolution. Convolutions of
#: 1 x 1 late in the network keep the receptive field small.
STAGES = ((24, 3), (48, 3), (96, 3), (192, 1))


@register_model(
    "cp-resnet",
    description="residual network of limited receptive field",
    three_channels=False,
)
def cp_resnet(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build a residual network of the CP-ResNet kind (Koutini et al. 2019).

    Deep networks for images see the whole spectrogram from every position, and then
    overfit. Here the last position sees 180 rows and 90 columns at most, and the mean
    and the maximum over all positions are classified.

    Pairs of rows are averaged first. It takes 32 x 32 values or more. For 256 x 256
    mono values and 15 scenes it has 400,647 parameters, 2,160 of them not trainable.

    References
    ----------
    K. Koutini, H. Eghbal-zadeh, M. Dorfer and G. Widmer, "The receptive field as a
    regularizer in deep convolutional neural networks for acoustic scene
    classification", EUSIPCO 2019.
    """
    import keras

    from asc.models.layers import check_size, convolve, pooled_head

    check_size(x, "cp-resnet", 32)
    x = keras.layers.AveragePooling2D((2, 1))(x)
    x = convolve(x, STAGES[0][0], 5, strides=2)
    for place, (filters, size) in enumerate(STAGES):
        if place:
            x = keras.layers.MaxPooling2D(2)(x)
        same = x.shape[-1] == filters
        shortcut = x if same else convolve(x, filters, 1, relu=False)
        x = convolve(convolve(x, filters, 3), filters, size, relu=False)
        x = keras.layers.ReLU()(keras.layers.Add()([shortcut, x]))
    return pooled_head(x, num_scenes)
