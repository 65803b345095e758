"""A residual network within the limits of small devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    import keras

STEM = 16
#: Filters of each stage, and the sizes of its two convolutions.
STAGES = ((24, 3, 1), (48, 3, 1), (96, 3, 1))

#: Share of the inputs of the last layer that are dropped in training.
DROPOUT = 0.2


@register_model(
    "mobile",
    description="small residual network, within DCASE's limits for devices",
    three_channels=False,
)
def mobile(x: keras.KerasTensor, num_scenes: int) -> keras.KerasTensor:
    """Build `cp-resnet` with a tenth of its arithmetic.

    It takes 32 x 32 values or more. For 256 x 256 mono values and 15 scenes it has
    77,471 parameters, 1,040 of them not trainable, and 26.5 million multiply-adds a
    clip. That is within the limits of the low-complexity task of DCASE: 128 kB of int8
    parameters and 30 million.

    Depthwise convolutions are the usual choice for small devices. They save
    multiply-adds but little time on processors, and with a fifth more multiply-adds
    such a network was less accurate here.
    """
    from asc.models.layers import check_size, pooled_head, residual_stages

    check_size(x, "mobile", 32)
    return pooled_head(residual_stages(x, STEM, STAGES), num_scenes, DROPOUT)
