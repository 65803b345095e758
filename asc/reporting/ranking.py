"""ROC and precision-recall of a result, one scene against the others."""

from __future__ import annotations

from typing import Any

from asc import plots
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.ranking import RankingCurves, macro_average, one_vs_rest
from asc.reporting.entries import ReportEntry
from asc.reporting.media import Media

#: More scenes are left to the mean.
_MAX_SCENES = 60


def ranking(
    entry: ReportEntry, evaluation: Evaluation, media: Media, *, full: bool
) -> dict[str, Any]:
    """Return curves and their areas.

    Parameters
    ----------
    entry : ReportEntry
    evaluation : Evaluation
    media : Media
    full : bool
        With the curves of each scene, not their mean alone.

    Returns
    -------
    dict
        ``mean`` (None if no scene has curves) and ``scenes``, each a dict of ``scene``,
        ``roc_auc``, ``average_precision`` and ``figure``; ``undefined``, the scenes
        that no clip has, or all.
    """
    curves = one_vs_rest(evaluation.truth, evaluation.probabilities)
    named = list(zip(evaluation.scenes, curves, strict=True))
    macro = macro_average(curves)

    def drawn(name: str, found: RankingCurves) -> dict[str, Any]:
        figure = plots.ranking_figure(
            (found.false_positive_rate, found.true_positive_rate),
            (found.recall, found.precision),
            roc_auc=found.roc_auc,
            average_precision=found.average_precision,
            prevalence=found.prevalence,
        )
        alt = f"ROC and precision-recall curves, {name}"
        return {
            "scene": name,
            "roc_auc": found.roc_auc,
            "average_precision": found.average_precision,
            "figure": media.embed(figure, f"{entry.name}-ranking-{name}", alt=alt),
        }

    shown = named if full and len(named) <= _MAX_SCENES else []
    return {
        "mean": None if macro is None else drawn("mean over scenes", macro),
        "scenes": [drawn(name, found) for name, found in shown if found is not None],
        "undefined": [name for name, found in named if found is None],
    }
