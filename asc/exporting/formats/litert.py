"""LiteRT (TensorFlow Lite): phones, single-board computers, microcontrollers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError
from asc.exporting.format import RUNNERS, ExportFormat, register_export

if TYPE_CHECKING:
    import keras


@register_export
class LiteRt(ExportFormat):
    """One clip at a time, in 32-bit floats, of LiteRT's own operations."""

    name = "litert"
    description = "LiteRT (TensorFlow Lite), 32-bit floats, for phones and computers"
    file = "model.tflite"
    modules = ("ai_edge_litert",)
    extra = "litert"
    runner = RUNNERS / "litert.py"
    requirements = ("ai-edge-litert",)

    def write(self, model: keras.Model, path: Path, calibration: np.ndarray) -> None:
        """Convert the model, for batches of one clip."""
        from asc.pipeline.tensorflow import keras

        # Only with a known size can the converter unroll what loops over a batch.
        shape = (1, *model.input_shape[1:])
        model.export(
            path,
            format="litert",
            verbose=False,
            input_signature=[keras.InputSpec("float32", shape, name="features")],
            **self._options(calibration),
        )

    def _options(self, calibration: np.ndarray) -> dict[str, Any]:
        from asc.pipeline.tensorflow import tf

        return {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}


@register_export
class LiteRtInt8(LiteRt):
    """Weights and activations in 8 bits; input and output stay 32-bit floats."""

    name = "litert-int8"
    description = "LiteRT with 8-bit weights and activations, calibrated on train"
    calibrated = True
    parameter_bytes = 1
    max_difference = 1.0
    min_agreement = 0.9

    def write(self, model: keras.Model, path: Path, calibration: np.ndarray) -> None:
        """Quantise and convert the model."""
        from asc.pipeline.tensorflow import keras

        recurrent = (keras.layers.RNN, keras.layers.Bidirectional)
        for layer in model._flatten_layers():
            if isinstance(layer, recurrent):  # the converter would crash
                raise UsageError(
                    f"Format {self.name} cannot quantise recurrent layers. Got layer"
                    f" {layer.name!r}. Use litert."
                )
        super().write(model, path, calibration)

    def _options(self, calibration: np.ndarray) -> dict[str, Any]:
        from asc.pipeline.tensorflow import tf

        def clips() -> Iterator[list[np.ndarray]]:
            for clip in calibration:
                yield [clip[np.newaxis]]

        operations = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": clips,
            "target_spec": {"supported_ops": operations},
        }
