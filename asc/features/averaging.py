"""Area averaging: resizing an axis without losing or inventing power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import scipy.sparse


def area_matrix(inputs: int, outputs: int) -> scipy.sparse.csr_matrix:
    """Return the matrix that resizes an axis by area averaging.

    Output ``i`` is the mean of the input over the interval
    ``[i, i + 1) * inputs / outputs``, where each input counts by the part of it
    that lies inside.

    Parameters
    ----------
    inputs, outputs : int > 0

    Returns
    -------
    scipy.sparse.csr_matrix [shape=(outputs, inputs)], float32
        Every row sums to 1.
    """
    import scipy.sparse  # which takes longer than the rest of this package

    edges = np.arange(outputs + 1) * (inputs / outputs)
    lower = np.maximum(edges[:-1, None], np.arange(inputs))
    upper = np.minimum(edges[1:, None], np.arange(1, inputs + 1))
    share = np.maximum(upper - lower, 0) * (outputs / inputs)
    return scipy.sparse.csr_matrix(np.where(share > 1e-9, share, 0).astype(np.float32))


class ColumnAverage:
    """Reduces the frames of a clip to its columns; nothing to do if they are as many.

    Parameters
    ----------
    frames, columns : int > 0
    """

    def __init__(self, frames: int, columns: int) -> None:
        self._matrix = area_matrix(frames, columns) if frames != columns else None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return rows [shape=(rows, frames)] as [shape=(rows, columns)]."""
        if self._matrix is None:
            return rows
        return (self._matrix @ np.ascontiguousarray(rows.T)).T
