"""How a feature is drawn: plain values that plots and reports go by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Drawing:
    """How a feature is drawn.

    Attributes
    ----------
    title : str
        Name of the feature.
    value_label : str
        What the values are, with their unit: the label of the colour scale.
    row_label : str
        What the rows are, with their unit: the label of the axis.
    row_centres : np.ndarray [shape=(rows,)], optional
        What each row stands for, ascending, such as its frequency (in Hz). Without
        them the rows are numbered.
    """

    title: str
    value_label: str
    row_label: str = "Row"
    row_centres: np.ndarray | None = field(default=None, repr=False)
