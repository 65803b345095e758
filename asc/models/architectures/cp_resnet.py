"""A residual network with a limited receptive field and pooling over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

STEM = 24
#: Filters of each stage, and the sizes of its two convolutions. One of 1 x 1 late in
#: the network keeps the receptive field small.
STAGES = ((48, 3, 3), (96, 3, 3), (192, 3, 1))

#: Share of the inputs of the last layer that are dropped in training.
DROPOUT = 0.3


@register_model(
    "cp-resnet",
    description="residual network of limited receptive field",
    three_channels=False,
)
def cp_resnet(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build a residual network of the CP-ResNet kind (Koutini et al. 2019).

    Deep networks for images see the whole spectrogram from every position, and then
    overfit. Here the last position sees 198 rows and 99 columns. The mean over the
    rows, and then its mean plus maximum over time, are classified.

    Pairs of rows are averaged first. It takes 32 x 32 values or more. For 256 x 256
    mono values and 15 scenes it has 390,087 parameters, 2,064 of them not trainable,
    and 165 million multiply-adds a clip.

    References
    ----------
    K. Koutini, H. Eghbal-zadeh, M. Dorfer and G. Widmer, "The receptive field as a
    regularizer in deep convolutional neural networks for acoustic scene
    classification", EUSIPCO 2019.
    """
    from asc.models.layers import check_size, pooled_head, residual_stages

    check_size(x, "cp-resnet", 32)
    return pooled_head(residual_stages(x, STEM, STAGES), num_scenes, DROPOUT)
