"""Figures of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asc.corpus.groups import count_values
from asc.corpus.leakage import Leakage
from asc.evaluation.calibration import calibration
from asc.evaluation.groups import SEEN, UNKNOWN, UNSEEN, GroupMetrics, ValueMetrics
from asc.evaluation.intervals import both_intervals, recording_interval
from asc.evaluation.metrics import Metrics, SceneMetrics


@dataclass(frozen=True)
class GroupColumn:
    """What is known of evaluated clips in one group.

    Attributes
    ----------
    values : sequence of str [length=clips]
        Such as the device of each clip; empty if it is not known.
    seen : np.ndarray of int8 [shape=(clips,)]
        Whether the model was trained on clips of that value: `SEEN`, `UNSEEN` or
        `UNKNOWN`.
    """

    values: Sequence[str]
    seen: np.ndarray


def measure(
    truth: np.ndarray,
    probabilities: np.ndarray,
    recordings: Sequence[str] | np.ndarray,
    scenes: Sequence[str],
    *,
    named: np.ndarray | bool = True,
    groups: Mapping[str, GroupColumn] | None = None,
    **facts: Any,
) -> Metrics:
    """Return the figures of predictions.

    Parameters
    ----------
    truth, probabilities, recordings, scenes, named, groups
        As `figures` takes them.
    **facts
        The other fields of `Metrics`: split, part, leakage, model and so on.
    """
    found = figures(
        truth, probabilities, recordings, scenes, named=named, groups=groups
    )
    return Metrics(**found, **facts)


def figures(
    truth: np.ndarray,
    probabilities: np.ndarray,
    recordings: Sequence[str] | np.ndarray,
    scenes: Sequence[str],
    *,
    named: np.ndarray | bool = True,
    groups: Mapping[str, GroupColumn] | None = None,
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
    groups : mapping of str to GroupColumn, optional
        By the name of the group.
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
        "per_group": measure_groups(correct, recordings, named, groups or {}),
    }


def measure_groups(
    correct: np.ndarray,
    recordings: Sequence[str] | np.ndarray,
    named: np.ndarray | bool,
    groups: Mapping[str, GroupColumn],
) -> dict[str, GroupMetrics] | None:
    """Return the figures of each group that a clip has a value of; None if none has.

    Parameters
    ----------
    correct : np.ndarray [shape=(clips,)], bool
    recordings, named
        As in `measure`.
    groups : mapping of str to GroupColumn
    """
    names = np.asarray(recordings)
    known = np.broadcast_to(named, len(names))

    def figures(clips: np.ndarray, seen: bool | None = None) -> ValueMetrics:
        interval, conservative = both_intervals(correct[clips], names[clips])
        return ValueMetrics(
            accuracy=correct[clips].mean(),
            ci95=interval,
            ci95_cautious=conservative,
            clips=int(clips.sum()),
            **recording_counts(names[clips], known[clips]),
            seen=seen,
        )

    found = {}
    for name, column in groups.items():
        values = np.asarray(column.values, dtype=str)
        of_value = {value: values == value for value in count_values(column.values)}
        if of_value:
            parts = {"seen": column.seen == SEEN, "unseen": column.seen == UNSEEN}
            found[name] = GroupMetrics(
                values={
                    value: figures(clips, _alike(column.seen[clips]))
                    for value, clips in of_value.items()
                },
                **{
                    part: figures(clips) for part, clips in parts.items() if clips.any()
                },
            )
    return found or None


def _alike(seen: np.ndarray) -> bool | None:
    """Return what all clips of a value have in common."""
    states = set(seen.tolist())
    return {SEEN: True, UNSEEN: False}.get(states.pop()) if len(states) == 1 else None


def seen_in(values: Sequence[str], trained: Sequence[str]) -> np.ndarray:
    """Return whether clips of these values were trained on, as `GroupColumn` has it.

    Parameters
    ----------
    values : sequence of str
    trained : sequence of str
        Those of the train part; empty where one is not known, which may be any.
    """
    seen = np.isin(values, np.unique(trained))
    other = UNKNOWN if "" in trained else UNSEEN
    state = np.where(seen, SEEN, other)
    return np.where(np.asarray(values) == "", UNKNOWN, state).astype(np.int8)


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
