"""PyTorch, through Keras on PyTorch in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import InputError
from asc.exporting import keras_on_torch
from asc.exporting.format import RUNNERS, ExportFormat, register_export
from asc.registry import imported_modules
from asc.text import printable

if TYPE_CHECKING:
    import keras


@register_export
class Torch(ExportFormat):
    """An exported program, for `torch.export.load`; it needs no Keras."""

    name = "torch"
    description = "PyTorch, a program for torch.export.load"
    file = "model.pt2"
    modules = ("torch",)
    extra = "torch"
    runner = RUNNERS / "torch.py"
    requirements = ("torch",)

    def write(self, model: keras.Model, path: Path, calibration: np.ndarray) -> None:
        """Convert the model: Keras has one backend a process."""
        with tempfile.TemporaryDirectory(prefix="asc-") as folder:
            file = Path(folder, "model.keras")
            model.save(file)
            root = Path(keras_on_torch.__file__).parents[2]
            search = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
            done = subprocess.run(
                # Without -P, a file in the current folder could replace a library.
                [sys.executable, "-P", "-m", keras_on_torch.__name__]
                + [str(file), str(path), *imported_modules()],
                env=os.environ
                | {"KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(search)},
                capture_output=True,
                text=True,
            )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
            raise InputError(
                f"Keras on PyTorch cannot convert the model: {printable(lines[-1])}"
            )
