"""The registry of models: the built-in ones, and those that users register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asc.registry import Registry

#: The model of the baseline: logistic regression, trained in seconds.
LINEAR = "linear"

#: Turns a tensor of shape [batch, rows, columns, 3] and the number of scenes into
#: the probabilities, a tensor of shape [batch, scenes].
Builder = Callable[..., Any]


@dataclass(frozen=True)
class ModelEntry:
    """A registered model; see `register_model`."""

    name: str
    description: str
    pretrained: bool
    three_channels: bool
    fit_last_layer: Callable[..., None] | None
    builder: Builder | str


MODELS: Registry[ModelEntry] = Registry("model", "asc.models.architectures")


def register_model(
    name: str,
    builder: Builder | str | None = None,
    *,
    description: str = "",
    pretrained: bool = False,
    three_channels: bool = True,
    fit_last_layer: Callable[..., None] | None = None,
    replace: bool = False,
) -> Any:
    """Register a model; also a decorator for its builder.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and single hyphens.
    builder : callable or str, optional
        ``builder(x, num_scenes)`` gets a symbolic tensor of shape
        [batch, rows, columns, 3] and the number of scenes, and returns the
        probabilities, [batch, scenes]. A string ``"package.module:function"`` is
        imported when the model is first built. Left out, a decorator is returned.
    description : str
        One line for listings.
    pretrained : bool
        Start from ImageNet weights by default. The builder also gets a keyword
        ``weights``: ``"imagenet"``, the path of a file, or None. With None, `x` is
        normalised as for all models; otherwise `x` holds pixel-like values, 0 to 255,
        and the builder applies the preprocessing of its weights in a layer named
        ``"imagenet_preprocessing"``.
    three_channels : bool
        Repeat channels so that the builder always gets three, as the documented
        models do. Without it, `x` has the channels of the store, 1 or 2.
    fit_last_layer : callable, optional
        ``fit_last_layer(model, features, labels, weights)`` sets the weights of the
        last layer, from its inputs for the whole train part, the scenes as indices and
        the weights of clips, which may be None. Nothing else is then trained:
        optimizer, augmentation and epochs are not used.
    replace : bool
        Allow a name that is already taken.

    Returns
    -------
    callable or str
        The builder, unchanged.

    Raises
    ------
    UsageError
        For a malformed name, and for one that is taken.

    Examples
    --------
    >>> import asc, keras
    >>> @asc.register_model("one-layer", description="one dense layer")
    ... def one_layer(x, num_scenes):
    ...     x = keras.layers.Flatten()(x)
    ...     return keras.layers.Dense(num_scenes, activation="softmax")(x)
    >>> asc.build_model("one-layer", input_shape=(16, 16, 1), num_scenes=3).output.shape
    (None, 3)
    """

    def register(builder: Builder | str) -> Builder | str:
        entry = ModelEntry(
            name, description, pretrained, three_channels, fit_last_layer, builder
        )
        MODELS.add(name, entry, replace=replace)
        return builder

    return register if builder is None else register(builder)


#: Names of all registered models, sorted; and the entry of a name.
model_names, describe = MODELS.names, MODELS.get
