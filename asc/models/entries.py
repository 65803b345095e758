"""The registry of models: the built-in ones, and those that users register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asc.registry import Registry, check_name

#: Turns a tensor of shape [batch, rows, columns, 3] and the number of scenes into
#: the probabilities, a tensor of shape [batch, scenes].
Builder = Callable[..., Any]


@dataclass(frozen=True)
class ModelEntry:
    """What the registry knows of one model.

    Attributes
    ----------
    name : str
        Such as ``"simple-cnn"``.
    description : str
        One line for listings.
    pretrained : bool
        Whether it starts from ImageNet weights by default.
    builder : callable or str
        The function that builds it, or where to import it from
        (``"package.module:function"``).
    """

    name: str
    description: str
    pretrained: bool
    builder: Builder | str


MODELS: Registry[ModelEntry] = Registry("model", "asc.models.architectures")


def register_model(
    name: str,
    builder: Builder | str | None = None,
    *,
    description: str = "",
    pretrained: bool = False,
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
        If true, the builder also gets a keyword ``weights``: ``"imagenet"``, the
        path of a file, or None. With None, `x` is normalised as for all models;
        otherwise `x` holds pixel-like values, 0 to 255, and the builder applies the
        preprocessing that its weights were trained with, in a layer named
        ``"imagenet_preprocessing"``.
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
    >>> @asc.register_model("linear", description="one dense layer")
    ... def linear(x, num_scenes):
    ...     x = keras.layers.Flatten()(x)
    ...     return keras.layers.Dense(num_scenes, activation="softmax")(x)
    >>> asc.build_model("linear", input_shape=(16, 16, 1), num_scenes=3).output.shape
    (None, 3)
    """
    check_name(MODELS.kind, name)

    def register(builder: Builder | str) -> Builder | str:
        entry = ModelEntry(name, description, pretrained, builder)
        MODELS.add(name, entry, replace=replace)
        return builder

    return register if builder is None else register(builder)


def model_names() -> tuple[str, ...]:
    """Return the names of all registered models, sorted."""
    return MODELS.names()


def describe(name: str) -> ModelEntry:
    """Return the registry's entry for a model.

    Raises
    ------
    UsageError
        If there is no model of that name; the message offers the nearest one.
    """
    return MODELS.get(name)
