"""Figures about predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc.evaluation.intervals import both_intervals, recording_interval


def scores(
    truth: np.ndarray,
    probabilities: np.ndarray,
    recordings: Sequence[str] | np.ndarray,
    scenes: Sequence[str],
) -> dict[str, Any]:
    """Return the figures of an evaluation, as plain values for JSON.

    Parameters
    ----------
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    probabilities : np.ndarray [shape=(clips, scenes)]
    recordings : sequence of str [length=clips]
        The unit that is resampled for the interval.
    scenes : sequence of str

    Returns
    -------
    dict
        ``accuracy`` (share of clips, the DCASE 2017 metric), ``class_accuracy``
        (mean of the recalls of scenes that occur), ``macro_f1``, ``log_loss``,
        ``per_scene``, ``confusion`` (rows are the truth), ``clips``,
        ``recordings``; ``ci95`` and ``ci95_class_accuracy`` (bootstrap over
        recordings), ``ci95_cautious`` (to go by where these are few, see
        `asc.evaluation.intervals`) and, never to be shown without the first,
        ``ci95_clips`` (as if all clips were independent).
    """
    from sklearn import metrics

    predicted = probabilities.argmax(axis=1)
    labels = np.arange(len(scenes))
    confusion = metrics.confusion_matrix(truth, predicted, labels=labels)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0.0
    )
    occurs = support > 0
    correct = predicted == truth
    interval, cautious = both_intervals(correct, recordings)
    return {
        "accuracy": float(correct.mean()),
        "class_accuracy": float(recall[occurs].mean()),
        "macro_f1": float(f1[occurs].mean()),
        "log_loss": _log_loss(truth, probabilities),
        "ci95": list(interval),
        "ci95_cautious": list(cautious),
        "ci95_class_accuracy": list(
            recording_interval(correct, recordings, groups=truth)
        ),
        "ci95_clips": list(recording_interval(correct, range(len(truth)))),
        "clips": len(truth),
        "recordings": len(set(recordings)),
        "per_scene": {
            scene: {
                "recall": float(recall[index]) if occurs[index] else None,
                "precision": float(precision[index]),
                "f1": float(f1[index]),
                "clips": int(support[index]),
            }
            for index, scene in enumerate(scenes)
        },
        "confusion": confusion.tolist(),
    }


def _log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean negative log probability of the truth.

    Not scikit-learn's, which refuses truths in which a scene is missing unless
    all labels are listed, and then renormalises.
    """
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())
