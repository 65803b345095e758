"""How well probabilities rank clips: each scene against all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

#: Points of a mean curve.
_POINTS = 101


@dataclass(frozen=True)
class RankingCurves:
    """ROC and precision-recall curves of one scene, or the means of several.

    Attributes
    ----------
    false_positive_rate, true_positive_rate : np.ndarray [shape=(n,)]
        The ROC curve, from (0, 0) to (1, 1).
    recall, precision : np.ndarray [shape=(m,)]
        The precision-recall curve, by falling recall.
    roc_auc : float
        Area under the ROC curve; 0.5 by chance.
    average_precision : float
        Area under the precision-recall curve, a step function.
    prevalence : float
        Share of clips of the scene: the average precision by chance.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    roc_auc: float
    average_precision: float
    prevalence: float


def one_vs_rest(
    truth: np.ndarray, probabilities: np.ndarray
) -> list[RankingCurves | None]:
    """Return the curves of each scene against all others.

    Parameters
    ----------
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    probabilities : np.ndarray [shape=(clips, scenes)]

    Returns
    -------
    list of RankingCurves or None
        None for a scene that no clip has, or all.

    References
    ----------
    Fawcett. "An introduction to ROC analysis." Pattern Recognition Letters 27, 2006.
    Davis, Goadrich. "The relationship between precision-recall and ROC curves." ICML
    2006.
    """
    from sklearn import metrics

    found: list[RankingCurves | None] = []
    for scene, scores in enumerate(probabilities.T):
        own = truth == scene
        if not 0 < own.sum() < len(own):
            found.append(None)
            continue
        false, true, _ = metrics.roc_curve(own, scores)
        precision, recall, _ = metrics.precision_recall_curve(
            own, scores, drop_intermediate=True
        )
        found.append(
            RankingCurves(
                false,
                true,
                recall,
                precision,
                float(metrics.auc(false, true)),
                float(metrics.average_precision_score(own, scores)),
                float(own.mean()),
            )
        )
    return found


def macro_average(curves: Sequence[RankingCurves | None]) -> RankingCurves | None:
    """Return the means over scenes, each of the same weight; None without any.

    The mean ROC curve is the mean of the true positive rates at a false positive rate
    (vertical averaging), the other one the mean of the precisions at which a recall is
    first reached.
    """
    known = [each for each in curves if each is not None]
    if not known:
        return None
    grid = np.linspace(0, 1, _POINTS)
    true = [
        np.interp(grid, each.false_positive_rate, each.true_positive_rate)
        for each in known
    ]
    precision = []
    for each in known:
        rising = each.recall[::-1]
        first = np.searchsorted(rising, grid - 1e-9)
        precision.append(each.precision[::-1][first])
    return RankingCurves(
        np.append(0, grid),
        np.append(0, np.mean(true, axis=0)),
        grid[::-1],
        np.mean(precision, axis=0)[::-1],
        mean(each.roc_auc for each in known),
        mean(each.average_precision for each in known),
        mean(each.prevalence for each in known),
    )
