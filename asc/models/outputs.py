"""Checks of a loaded model, which may be another one than was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc.errors import InputError

if TYPE_CHECKING:
    import keras


def check_shapes(
    model: keras.Model, input_shape: tuple[int, ...] | None, num_scenes: int
) -> None:
    """Raise InputError unless a model takes the features of a run and knows its scenes.

    Parameters
    ----------
    model : keras.Model
    input_shape : tuple of int or None
        Rows, columns and channels of one clip; None if they are not known.
    num_scenes : int
    """
    for name, expected in (("input", input_shape), ("output", (num_scenes,))):
        received = getattr(model, f"{name}_shape", None)
        if expected is not None and received != (None, *expected):
            raise InputError(
                f"its {name} does not fit the run. Got shape {str(received)[:100]},"
                f" expected {(None, *expected)}."
            )


def are_probabilities(values: np.ndarray) -> np.ndarray:
    """Return for each row whether all its values are probabilities.

    Parameters
    ----------
    values : np.ndarray [shape=(clips, scenes)]

    Returns
    -------
    np.ndarray [shape=(clips,)], bool
        False where a value is NaN, or outside [0, 1] by more than rounding.
    """
    tolerance = 1e-3  # of half precision
    inside = (values >= -tolerance) & (values <= 1 + tolerance)  # False for NaN
    return np.all(inside, axis=1)
