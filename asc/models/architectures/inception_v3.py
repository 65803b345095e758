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

    Parameters
    ----------
    x : keras.KerasTensor [shape=(batch, rows, columns, 3)]
        Pixels, 0 to 255, or normalised features if `weights` is None; at least
        75 x 75.
    num_scenes : int
        Number of probabilities.
    weights : str, Path or None
        See `asc.models.backbone.pretrained_model`.

    Returns
    -------
    keras.KerasTensor [shape=(batch, scenes)]
        Probabilities. For 15 scenes the model has 22,861,615 parameters, 35,456 of
        them not trainable.

    Raises
    ------
    UsageError
        If the input is too small.
    InputError
        If the weights cannot be had.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the
    Inception Architecture for Computer Vision", CVPR 2016.
    """
    from asc.models.backbone import Backbone, pretrained_model

    backbone = Backbone(
        model="inception-v3",
        application="InceptionV3",
        weights_file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        smallest=75,
        # Pixels are mapped to -1 to 1.
        scale=1 / 127.5,
        offset=(-1.0, -1.0, -1.0),
    )
    return pretrained_model(x, num_scenes, backbone, weights)
