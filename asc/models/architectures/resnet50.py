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

    Parameters
    ----------
    x : keras.KerasTensor [shape=(batch, rows, columns, 3)]
        Pixels, 0 to 255, or normalised features if `weights` is None; at least
        32 x 32.
    num_scenes : int
        Number of probabilities.
    weights : str, Path or None
        See `asc.models.backbone.pretrained_model`.

    Returns
    -------
    keras.KerasTensor [shape=(batch, scenes)]
        Probabilities. For 15 scenes the model has 24,646,543 parameters, 54,144 of
        them not trainable.

    Raises
    ------
    UsageError
        If the input is too small.
    InputError
        If the weights cannot be had.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image
    Recognition", CVPR 2016.
    """
    from asc.models.backbone import Backbone, pretrained_model

    backbone = Backbone(
        model="resnet50",
        application="ResNet50",
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        smallest=32,
        # ImageNet's mean blue, green and red are subtracted. Keras also swaps the
        # first and the last channel, which here are equal: three times mono, or
        # (mid, side, mid).
        scale=1.0,
        offset=(-103.939, -116.779, -123.68),
    )
    return pretrained_model(x, num_scenes, backbone, weights)
