"""ONNX, for ONNX Runtime and others."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asc.exporting.format import RUNNERS, ExportFormat, register_export

if TYPE_CHECKING:
    import keras


@register_export
class Onnx(ExportFormat):
    """Any number of clips at a time, in 32-bit floats."""

    name = "onnx"
    description = "ONNX, for ONNX Runtime and others"
    file = "model.onnx"
    modules = ("onnx", "onnxruntime", "tf2onnx")
    extra = "onnx"
    runner = RUNNERS / "onnx.py"
    requirements = ("onnxruntime",)

    def write(self, model: keras.Model, path: Path, calibration: np.ndarray) -> None:
        """Convert the model."""
        from asc.pipeline.tensorflow import keras

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        # Without it, only a model that was called before can be exported.
        signature = keras.InputSpec("float32", model.input_shape, name="features")
        with warnings.catch_warnings():
            # Keras patches tf2onnx for NumPy 2.
            warnings.filterwarnings("ignore", "In the future `np.object`")
            model.export(
                path, format="onnx", verbose=False, input_signature=[signature]
            )
