"""Names for models: the built-in ones, and those that users register."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asc.errors import UsageError
from asc.text import unknown_name

#: Turns a tensor of shape [batch, rows, columns, 3] and the number of scenes into
#: the probabilities, a tensor of shape [batch, scenes].
Builder = Callable[..., Any]


@dataclass(frozen=True)
class ModelEntry:
    """What the registry knows of one model.

    Attributes
    ----------
    name : str
        The name to build it by, such as ``"simple-cnn"``.
    description : str
        One line for people.
    pretrained : bool
        Whether it starts from ImageNet weights unless told otherwise.
    builder : callable or str
        The function that builds it, or where to import that from
        (``"package.module:function"``).
    """

    name: str
    description: str
    pretrained: bool
    builder: Builder | str


_entries: dict[str, ModelEntry] = {}


def register_model(
    name: str,
    builder: Builder | str | None = None,
    *,
    description: str = "",
    pretrained: bool = False,
    replace: bool = False,
) -> Any:
    """Make a model known under a name; also a decorator for its builder.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and single hyphens.
    builder : callable or str, optional
        ``builder(x, scenes)`` gets a symbolic tensor of shape
        [batch, rows, columns, 3] and the number of scenes, and returns the
        probabilities, [batch, scenes]. A string ``"package.module:function"`` is
        imported when the model is first built. Left out, a decorator is returned.
    description : str
        One line for people.
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
    >>> @register_model("linear", description="one dense layer")
    ... def linear(x, scenes):
    ...     x = keras.layers.Flatten()(x)
    ...     return keras.layers.Dense(scenes, activation="softmax")(x)
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(
            f"A model cannot be named {name!r}; "
            "use lower-case letters, digits and single hyphens."
        )
    if name in _entries and not replace:
        raise UsageError(
            f"There already is a model {name!r}; take another name, or pass "
            "replace=True to put this one in its place."
        )

    def register(builder: Builder | str) -> Builder | str:
        _entries[name] = ModelEntry(name, description, pretrained, builder)
        return builder

    return register if builder is None else register(builder)


def model_names() -> tuple[str, ...]:
    """Return the names of all registered models, in order of registration."""
    return tuple(_entries)


def describe(name: str) -> ModelEntry:
    """Return the registry's entry for a model.

    Raises
    ------
    UsageError
        If there is no model of that name; the message offers the nearest one.
    """
    if name not in _entries:
        raise UsageError(unknown_name("model", name, model_names()))
    return _entries[name]


for _name, _pretrained, _description in (
    ("simple-cnn", False, "5 convolutions, 1 dense layer"),
    ("complex-cnn", False, "8 convolutions, 2 wide dense layers"),
    ("cnn-rnn", False, "3 convolutions, then an LSTM over what they give"),
    ("inception-v3", True, "Keras' InceptionV3, fine-tuned whole"),
    ("resnet50", True, "Keras' ResNet50, fine-tuned whole"),
):
    _module = _name.replace("-", "_")
    register_model(
        _name,
        f"asc.models.{_module}:{_module}",
        description=_description,
        pretrained=_pretrained,
    )
