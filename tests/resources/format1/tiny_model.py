"""The model of the run in this folder: the smallest that learns something."""

from __future__ import annotations

from typing import Any

from asc.models import register_model


@register_model("tiny", description="one convolution", replace=True)
def tiny(x: Any, scenes: int) -> Any:
    from asc.pipeline.tensorflow import keras

    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.layers.Dense(scenes, activation="softmax", dtype="float32")(x)
