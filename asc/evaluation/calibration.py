"""Calibration: confidence against accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc.errors import UsageError


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy, in bins of equal width from 0 to 1.

    Attributes
    ----------
    edges : np.ndarray [shape=(bins + 1,)]
    clips : np.ndarray [shape=(bins,)], int
        Clips whose greatest probability falls into the bin.
    confidence, accuracy : np.ndarray [shape=(bins,)]
        Means over the clips of the bin; NaN where there is none.
    error : float
        Expected calibration error: the mean over all clips of the absolute gap
        between confidence and accuracy of their bin.
    """

    edges: np.ndarray
    clips: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def calibration(
    truth: np.ndarray, probabilities: np.ndarray, *, bins: int = 10
) -> Calibration:
    """Return the calibration of the greatest probability.

    Parameters
    ----------
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    probabilities : np.ndarray [shape=(clips, scenes)]
    bins : int > 0
        A confidence on an edge belongs to the bin below it.

    Raises
    ------
    UsageError
        If there are no clips or no bins.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger. "On calibration of modern neural networks."
    ICML 2017, equations 2 to 5.
    """
    if bins < 1 or not len(truth):
        raise UsageError(
            f"Calibration needs clips and bins. Got {len(truth)} and {bins}."
        )
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == truth
    edges = np.linspace(0, 1, bins + 1)
    member = np.clip(np.searchsorted(edges, confidence) - 1, 0, bins - 1)
    clips = np.bincount(member, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(member, confidence, bins) / clips
        accuracy = np.bincount(member, correct, bins) / clips
    error = np.nansum(clips * np.abs(mean_confidence - accuracy)) / len(truth)
    return Calibration(edges, clips, mean_confidence, accuracy, float(error))
