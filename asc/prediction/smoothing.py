"""Smoothing a timeline: the median of neighbours, or the best path (Viterbi)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc.errors import UsageError
from asc.validation import check_choice, check_number, check_whole

#: Ways of smoothing.
SMOOTHINGS = ("none", "median", "viterbi")
#: Lower probabilities cost as much as this one.
_LEAST = 1e-10


@dataclass(frozen=True)
class Smoothing:
    """How the windows of a file are smoothed.

    Attributes
    ----------
    kind : {'none', 'median', 'viterbi'}
        ``median`` changes the probabilities (`median_filter`), ``viterbi`` the scene
        that is chosen for each window (`best_path`).
    windows : odd int > 0
        Windows of a median.
    switch_cost : float >= 0
        What a change of scene costs the path.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    kind: str = "none"
    windows: int = 5
    switch_cost: float = 3.0

    def __post_init__(self) -> None:
        check_choice("smoothing", self.kind, SMOOTHINGS)
        if not check_whole("smooth_windows", self.windows, 1) % 2:
            raise UsageError(
                f"smooth_windows must be odd, so that a window is in the middle. Got"
                f" {self.windows}."
            )
        check_number("switch_cost", self.switch_cost, 0)

    def __call__(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities and the scenes of windows, smoothed.

        Parameters
        ----------
        windows : np.ndarray [shape=(windows, scenes)]

        Returns
        -------
        windows : np.ndarray [shape=(windows, scenes)]
        labels : np.ndarray [shape=(windows,)], int
        """
        if self.kind == "viterbi":
            return windows, best_path(windows, self.switch_cost)
        if self.kind == "median":
            windows = median_filter(windows, self.windows)
        return windows, windows.argmax(axis=1)


def median_filter(windows: np.ndarray, count: int) -> np.ndarray:
    """Return the median of each scene over `count` windows around each one.

    At both ends it is over those that are there. The medians of a window are divided
    by their sum; if all of them are 0, the window stays as it is.

    Parameters
    ----------
    windows : np.ndarray [shape=(windows, scenes)], float32
    count : odd int > 0
    """
    half = count // 2
    if not half or not len(windows):
        return windows
    padded = np.pad(windows, ((half, half), (0, 0)), constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, count, axis=0)
    smoothed = np.nanmedian(around, axis=-1)
    total = smoothed.sum(axis=1, keepdims=True)
    return np.where(total > 0, smoothed / np.where(total > 0, total, 1), windows)


def best_path(windows: np.ndarray, switch_cost: float) -> np.ndarray:
    """Return the scene of each window on the path that costs least.

    A path costs the negative natural logarithm of the probability of its scene in each
    window, and `switch_cost` for each change of scene. That is the most probable path
    of a Markov chain in which staying is ``exp(switch_cost)`` times as probable as each
    change. With 0 it has the most probable scene of every window.

    Parameters
    ----------
    windows : np.ndarray [shape=(windows, scenes)]
    switch_cost : float >= 0

    Returns
    -------
    np.ndarray [shape=(windows,)], int

    References
    ----------
    Viterbi. "Error bounds for convolutional codes and an asymptotically optimum
    decoding algorithm." IEEE Transactions on Information Theory 13(2), 1967.
    """
    costs = -np.log(np.maximum(windows.astype(np.float64), _LEAST))
    count, scenes = costs.shape
    before = np.empty((count, scenes), np.int32)
    total = np.zeros(scenes)
    for number, cost in enumerate(costs):
        cheapest = int(total.argmin())
        switched = total[cheapest] + switch_cost
        before[number] = np.where(total <= switched, np.arange(scenes), cheapest)
        total = np.minimum(total, switched) + cost
    path = np.empty(count, np.intp)
    scene = int(total.argmin()) if count else 0
    for number in range(count - 1, -1, -1):
        path[number] = scene
        scene = before[number, scene]
    return path
