"""InceptionV3 of Keras (Szegedy et al. 2016), all layers fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.models.entries import register_model

if TYPE_CHECKING:
    from pathlib import Path

    import keras


@register_model(
    "inception-v3",
    description="Keras' InceptionV3, all layers fine-tuned",
    pretrained=True,
)
def inception_v3(
    x: keras.KerasTensor, num_scenes: int, *, weights: str | Path | None
) -> keras.KerasTensor:
    """Build Keras' InceptionV3 with the pooled head of `asc.models.backbone`.

    It takes 75 x 75 values or more. For 15 scenes it has 22,861,615 parameters,
    35,456 of them not trainable.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the
    Inception Architecture for Computer Vision", CVPR 2016.
    """
    from asc.models.backbone import pretrained_model

    return pretrained_model(
        x,
        num_scenes,
        model="inception-v3",
        application="InceptionV3",
        smallest=75,
        # Pixels are mapped to -1 to 1.
        scale=1 / 127.5,
        offset=(-1.0, -1.0, -1.0),
        weights=weights,
    )
