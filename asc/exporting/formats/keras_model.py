"""Keras' own file, alone or in a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asc.exporting.format import ExportFormat, register_export

if TYPE_CHECKING:
    import keras


@register_export
class KerasModel(ExportFormat):
    """The model as Keras saves it, without the state of its optimizer."""

    name = "keras"
    description = "Keras 3, on TensorFlow, JAX or PyTorch"
    file = "model.keras"

    def write(self, model: keras.Model, path: Path, calibration: np.ndarray) -> None:
        """Save the model."""
        model.save(path)

    def load(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        """Load it as any untrusted model."""
        from asc.models.safety import load_model

        return load_model(path).predict_on_batch


@register_export
class Bundle(KerasModel):
    """The same with recipe, metrics and model card, in one zip file."""

    name = "bundle"
    description = "one .zip for asc predict and asc evaluate elsewhere"
