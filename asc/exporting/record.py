"""What is written beside an exported model: its input, and where it is from."""

from __future__ import annotations

import io
import ntpath
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from asc import environment
from asc.errors import UsageError
from asc.exporting.format import RUNNERS, ExportFormat
from asc.features import DecibelFeature, Feature, registered
from asc.features.representations.pcen import Pcen
from asc.features.spectrum import area_matrix, make_window
from asc.files import read_json
from asc.training.run import Run

if TYPE_CHECKING:
    import keras

#: What the runner computes values with, and the classes that it knows.
_METHODS = {"decibel": DecibelFeature, "pcen": Pcen}
#: Fields of recipe.json whose texts are not paths, whatever they look like.
_NO_PATHS = ("scenes", "spec")
#: Libraries that made the model.
_LIBRARIES = ("keras", "tensorflow", "numpy")


def model_record(
    run: Run, model: keras.Model, export_format: ExportFormat, license: str
) -> dict[str, Any]:
    """Return the content of ``asc-model.json``.

    Parameters
    ----------
    run : Run
    model : keras.Model
    export_format : ExportFormat
    license : str
        Of the weights; empty if it is not known.
    """
    feature = registered(run.spec).get(run.recipe.feature)
    recipe = public_recipe(run)
    return {
        "format": "asc-model",
        "version": 1,
        "export": export_format.name,
        "file": export_format.file,
        "scenes": list(run.scenes),
        "input": {
            "shape": [None, *model.input_shape[1:]],
            "axes": ["clip", "row", "column", "channel"],
            "dtype": "float32",
            "holds": "the feature as the store holds it, before normalisation",
        },
        "output": {"shape": [None, len(run.scenes)], "holds": "probabilities"},
        "feature": run.recipe.feature,
        "spec": run.spec.to_dict(),
        "encoding": None if feature is None else vars(feature.encoding),
        "values": None if feature is None else _values(feature),
        "normalisation": _normalisation(model),
        "provenance": {
            "asc": environment.version(),
            "libraries": environment.versions(_LIBRARIES),
            "recipe": recipe["recipe"],
            "store": recipe["store"],
        },
        "license": license or None,
    }


def _values(feature: Feature) -> dict[str, Any] | None:
    """Return how the runner computes the values; None if it does not know them."""
    for method, known in _METHODS.items():
        same = type(feature).values is known.values
        if same and type(feature).encoding is Feature.encoding:
            return {"method": method, "parameters": dict(feature.parameters)}
    return None


def _normalisation(model: keras.Model) -> list[dict[str, Any]]:
    """Return the layers that normalise the input; they are part of the model."""
    import keras

    found = []
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            found.append(
                {
                    "layer": layer.name,
                    "method": "(value - mean) / sqrt(variance), per row",
                    "mean": np.ravel(layer.mean).tolist(),
                    "variance": np.ravel(layer.variance).tolist(),
                }
            )
    return found


def public_recipe(run: Run) -> dict[str, Any]:
    """Return recipe.json without the folders of whoever trained it."""
    record = read_json(run.folder / "recipe.json", root=run.folder)
    found: dict[str, Any] = _without_folders(record)
    return found


def _without_folders(value: Any) -> Any:
    """Return JSON with the last part of each absolute path in it."""
    if isinstance(value, dict):
        return {
            name: inner if name in _NO_PATHS else _without_folders(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    if not isinstance(value, str):
        return value
    path = value.removeprefix("file ")  # in the sources of a recipe
    if not (os.path.isabs(path) or ntpath.isabs(path) or path.startswith(("~", "."))):
        return value
    return value[: -len(path)] + (ntpath.basename(os.path.basename(path)) or "unnamed")


def frontend_arrays(run: Run) -> dict[str, np.ndarray]:
    """Return the arrays of the runner's front end.

    Raises
    ------
    UsageError
        If the runner cannot compute the feature.
    """
    spec, name = run.spec, run.recipe.feature
    feature = registered(spec).get(name)
    if feature is None or _values(feature) is None:
        raise UsageError(
            f"The runner cannot compute the feature {name}. Got one with values of its"
            f" own, expected one of levels in dB or pcen. Leave out --with-runner."
        )
    weights = np.zeros((feature.rows, 1 + spec.n_fft // 2), np.float32)
    weights[:, spec.bins] = feature.weights().toarray()
    columns = area_matrix(spec.frames, spec.columns).toarray()
    return {"window": make_window(spec), "weights": weights, "columns": columns}


def runner_files(run: Run, export_format: ExportFormat) -> dict[str, bytes]:
    """Return the files of the program that classifies audio with an exported model.

    Raises
    ------
    UsageError
        If the format has none, or if it cannot compute the feature.
    """
    if export_format.runner is None:
        raise UsageError(
            f"Format {export_format.name} has no runner: it needs TensorFlow or Keras."
            " Use litert or onnx, or asc predict."
        )
    arrays = io.BytesIO()
    np.savez_compressed(arrays, allow_pickle=False, **frontend_arrays(run))
    requirements = ("numpy", "scipy", "soundfile", *export_format.requirements)
    return {
        "classify.py": (RUNNERS / "classify.py").read_bytes(),
        "frontend.py": (RUNNERS / "frontend.py").read_bytes(),
        "frontend.npz": arrays.getvalue(),
        "runtime.py": export_format.runner.read_bytes(),
        "requirements.txt": "".join(f"{one}\n" for one in requirements).encode(),
    }
