"""ResNet50 of Keras (He et al. 2016), all layers fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    from pathlib import Path

    import keras


@register_model(
    "resnet50", description="Keras' ResNet50, all layers fine-tuned", pretrained=True
)
def resnet50(
    x: keras.KerasTensor, num_scenes: int, *, weights: str | Path | None
) -> keras.KerasTensor:
    """Build Keras' ResNet50 with the pooled head of `asc.models.backbone`.

    It takes 32 x 32 values or more. For 15 scenes it has 24,646,543 parameters,
    54,144 of them not trainable.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image
    Recognition", CVPR 2016.
    """
    from asc.models.backbone import pretrained_model

    return pretrained_model(
        x,
        num_scenes,
        model="resnet50",
        application="ResNet50",
        smallest=32,
        # ImageNet's mean blue, green and red are subtracted. Keras also swaps the
        # first and the last channel, which here are equal: three times mono, or
        # (mid, side, mid).
        scale=1.0,
        offset=(-103.939, -116.779, -123.68),
        weights=weights,
    )
