"""Models for tests, as small as can be, in a module as a user writes one."""

from __future__ import annotations

from asc.models import register_model


@register_model("dense")
def dense(x, num_scenes):
    from keras import layers

    return layers.Dense(num_scenes, activation="softmax")(layers.Flatten()(x))


@register_model("pooled")
def pooled(x, num_scenes):
    """For stores of full size: dense, behind means over squares."""
    from keras import layers

    return dense(layers.AveragePooling2D(32)(x), num_scenes)


@register_model("normalised")
def normalised(x, num_scenes):
    """With moving averages."""
    from keras import layers

    return dense(layers.BatchNormalization()(x), num_scenes)


@register_model("stateful")
def stateful(x, num_scenes):
    """With all that must survive an interruption."""
    from keras import layers

    x = layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    x = layers.BatchNormalization()(x)  # moving averages
    x = layers.Dropout(0.3)(x)  # a random generator
    return dense(x, num_scenes)


@register_model("broken")
def broken(x, num_scenes):
    raise ValueError("no layers\nat all")
