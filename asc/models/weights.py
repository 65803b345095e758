"""Initial weights of a model: random, from ImageNet, or from a file."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras

from asc.errors import InputError, MissingInputError, UsageError
from asc.models.safety import check_weights_file, first_line, load_model

#: Name of the layer that marks a model as one that maps its input to pixels.
PREPROCESSING = "imagenet_preprocessing"


def resolve_weights(
    weights: str | Path | None, *, model: str, pretrained: bool
) -> Path | str | None:
    """Return None (random), ``"imagenet"``, or the path of a file that exists.

    Parameters
    ----------
    weights : str, Path or None
        ``"none"``, ``"imagenet"``, a file, or None for the model's default.
    model : str
        Name in the registry.
    pretrained : bool
        Whether there are ImageNet weights for it.

    Raises
    ------
    UsageError
        For ImageNet weights that do not exist, and an unknown name.
    MissingInputError
        If there is no such file.
    """
    if weights is None:
        return "imagenet" if pretrained else None
    if weights == "none":
        return None
    if weights == "imagenet":
        if pretrained:
            return "imagenet"
        raise UsageError(
            f"Model {model!r} has no ImageNet weights. Use --weights none, or --weights"
            " FILE with a model of the same architecture."
        )
    path = Path(weights)
    kinds = (
        (".keras", ".weights.h5", ".h5") if pretrained else (".keras", ".weights.h5")
    )
    if not path.name.endswith(kinds):
        names = "'none', 'imagenet'" if pretrained else "'none'"
        raise UsageError(
            f"Unknown weights for model {model!r}. Got {str(weights)!r}. Expected"
            f" {names}, or a file whose name ends in {' or '.join(kinds)}."
        )
    if not path.is_file():
        raise MissingInputError(f"There is no weights file {path}. Check the path.")
    return path


def is_backbone_file(path: Path) -> bool:
    """Return True for the name of a file of Keras' ImageNet weights without the top."""
    return path.suffix == ".h5" and not path.name.endswith(".weights.h5")


def read_model(source: Path | str | None) -> keras.Model | None:
    """Read the model if `source` is the path of one; otherwise return None."""
    if not isinstance(source, Path) or source.suffix != ".keras":
        return None
    return load_model(source)


def takes_pixels(model: keras.Model) -> bool:
    """Return True for a model that maps its input to pixels for ImageNet weights."""
    return any(layer.name == PREPROCESSING for layer in model.layers)


def load_initial_weights(
    model: keras.Model,
    source: Path | str | None,
    saved: keras.Model | None,
    keep_last_layer: bool = True,
) -> None:
    """Load `source`, read as `saved`, into a finished model; nothing if not a file."""
    name = model.name.replace("_", "-")
    if saved is not None:
        given, own = (_weights(each, keep_last_layer) for each in (saved, model))
        received = [tuple(variable.shape) for variable in given]
        expected = [tuple(variable.shape) for variable in own]
        if received != expected:
            raise InputError(
                f"The weights in {source} do not fit model {name!r}. Got"
                f" {saved.count_params():,} parameters of {saved.name!r}. Expected the"
                f" same architecture with {model.count_params():,}."
            )
        for variable, value in zip(own, given, strict=True):
            variable.assign(value)
    elif isinstance(source, Path) and not is_backbone_file(source):
        load_weights(model, source, f"the layers of model {name!r} at this size")


def _weights(model: keras.Model, last_layer: bool) -> list[keras.Variable]:
    """Return the weights of a model, with those of its last layer or without them."""
    weights: list[keras.Variable] = model.weights
    if last_layer:
        return weights
    layers = (layer for layer in reversed(model.layers) if layer.weights)
    last = {id(variable) for variable in next(layers).weights}
    return [variable for variable in weights if id(variable) not in last]


def load_weights(model: keras.Model, path: Path, expected: str) -> None:
    """Load a file of weights, layer by layer, into a model or a part of one.

    Keras requires a fitting value for everything in `model`, and ignores the rest.
    """
    check_weights_file(path)
    try:
        with warnings.catch_warnings():
            # Keras warns of this where it skips layers.
            warnings.filterwarnings("error", "Skipping nested container")
            model.load_weights(path)
    except (ValueError, TypeError, KeyError, UserWarning) as error:
        raise InputError(
            f"The weights in {path} do not fit. Expected {expected}."
        ) from error
    except Exception as error:  # noqa: BLE001 - damage ends in any of them
        raise InputError(
            f"The weights in {path} cannot be read ({first_line(error)}). Expected a"
            " file saved by Keras."
        ) from error
