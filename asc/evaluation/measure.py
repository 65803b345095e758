"""Figures of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc.corpus.leakage import Leakage
from asc.evaluation.calibration import calibration
from asc.evaluation.intervals import both_intervals, recording_interval
from asc.evaluation.metrics import Metrics, SceneMetrics


def measure(
    truth: np.ndarray,
    probabilities: np.ndarray,
    recordings: Sequence[str] | np.ndarray,
    scenes: Sequence[str],
    *,
    named: np.ndarray | bool = True,
    **facts: Any,
) -> Metrics:
    """Return the figures of predictions.

    Parameters
    ----------
    truth, probabilities, recordings, scenes, named
        As `figures` takes them.
    **facts
        The other fields of `Metrics`: split, part, leakage, model and so on.
    """
    found = figures(truth, probabilities, recordings, scenes, named=named)
    return Metrics(**found, **facts)


def figures(
    truth: np.ndarray,
    probabilities: np.ndarray,
    recordings: Sequence[str] | np.ndarray,
    scenes: Sequence[str],
    *,
    named: np.ndarray | bool = True,
) -> dict[str, Any]:
    """Return the fields of `Metrics` that follow from predictions.

    Parameters
    ----------
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    probabilities : np.ndarray [shape=(clips, scenes)]
    recordings : sequence of str [length=clips]
        The unit of the intervals. Of a clip whose recording is not known, something
        that only this clip has: such clips are taken as independent.
    scenes : sequence of str
    named : np.ndarray [shape=(clips,)], bool
        Whether the recording of each clip is known.
    """
    from sklearn import metrics

    predicted = probabilities.argmax(axis=1)
    labels = np.arange(len(scenes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0.0
    )
    occurs = support > 0
    correct = predicted == truth
    interval, conservative = both_intervals(correct, recordings)
    return {
        "accuracy": correct.mean(),
        "class_accuracy": recall[occurs].mean(),
        "macro_f1": f1[occurs].mean(),
        "log_loss": log_loss(truth, probabilities),
        "calibration_error": calibration(truth, probabilities).error,
        "ci95": interval,
        "ci95_cautious": conservative,
        "ci95_class_accuracy": recording_interval(correct, recordings, groups=truth),
        "ci95_clips": recording_interval(correct, range(len(truth))),
        "clips": len(truth),
        **recording_counts(recordings, named),
        "per_scene": {
            scene: SceneMetrics(
                recall=recall[index] if occurs[index] else None,
                precision=precision[index],
                f1=f1[index],
                clips=int(support[index]),
            )
            for index, scene in enumerate(scenes)
        },
        "confusion": metrics.confusion_matrix(truth, predicted, labels=labels),
    }


def leakage_facts(found: Leakage) -> dict[str, Any]:
    """Return leakage as `Metrics` has it: a bound where it is unknown."""
    at_least = found.at_least if found.share is None else None
    return {"leakage": found.share, "leakage_at_least": at_least}


def recording_counts(
    recordings: Sequence[str] | np.ndarray, named: np.ndarray | bool = True
) -> dict[str, Any]:
    """Return ``recordings`` that are known, and the clips ``without_recording``.

    None are known: both are None. All are known: the latter is None.
    """
    known = np.broadcast_to(named, len(recordings))
    if not known.any():
        return {"recordings": None, "without_recording": None}
    unknown = int((~known).sum())
    count = len(set(np.asarray(recordings)[known].tolist()))
    return {"recordings": count, "without_recording": unknown or None}


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean negative log probability of the truth.

    Not scikit-learn's, which refuses truths in which a scene is missing unless
    all labels are listed, and then renormalises.
    """
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())
