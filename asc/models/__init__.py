"""Models: a registry of networks, and what a network costs.

Importing this package imports neither Keras nor TensorFlow; building a model does.
"""

from __future__ import annotations

from asc.models.build import build_model
from asc.models.cost import multiply_adds, parameter_counts
from asc.models.entries import (
    ModelEntry,
    describe,
    model_names,
    register_model,
)

__all__ = [
    "ModelEntry",
    "build_model",
    "describe",
    "model_names",
    "multiply_adds",
    "parameter_counts",
    "register_model",
]
