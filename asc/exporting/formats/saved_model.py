"""TensorFlow's SavedModel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asc.exporting.format import ExportFormat, register_export

if TYPE_CHECKING:
    import keras


@register_export
class SavedModel(ExportFormat):
    """A folder for TensorFlow Serving and `tf.saved_model.load`."""

    name = "savedmodel"
    description = "TensorFlow's SavedModel, a folder with the function serve()"
    file = "model.savedmodel"

    def write(self, model: keras.Model, path: Path, calibration: np.ndarray) -> None:
        """Export the model."""
        model.export(path, format="tf_saved_model", verbose=False)

    def load(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function of the folder."""
        from asc.pipeline.tensorflow import tf

        loaded = tf.saved_model.load(path)

        def serve(features: np.ndarray) -> np.ndarray:
            return np.asarray(loaded.serve(features))  # keeps the variables alive

        return serve
