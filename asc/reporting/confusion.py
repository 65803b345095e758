"""Confused pairs of scenes as spectrograms to compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc import plots
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.mistakes import ConfusedPair
from asc.reporting.entries import ReportEntry
from asc.reporting.gallery import colour_scales


def compared_pairs(
    entry: ReportEntry, evaluation: Evaluation, pairs: Sequence[ConfusedPair]
) -> dict[str, Any]:
    """Return spectrograms of confused pairs.

    Returns
    -------
    dict
        ``pairs`` (empty without the store) and ``scales`` of their colours. A pair is
        a dict: the most confident ``wrong`` clip, a ``right`` one of the predicted
        scene (each ``scene``, ``path`` and ``figure``; the last two are None if there
        is no such clip), and the ``probability`` of the wrong prediction.
    """
    store, feature, rows = entry.store, entry.metrics.feature, entry.rows()
    if store is None or rows is None or feature not in store.spec.features:
        return {"pairs": [], "scales": []}
    compared = _compared(evaluation, pairs)
    clips = sorted({clip for pair in compared for clip in pair if clip is not None})
    panels = {clip: plots.row_panels(store, rows[clip], feature)[0] for clip in clips}
    limits = plots.colour_limits(list(panels.values()))

    def example(clip: int | None, scene: int) -> dict[str, Any]:
        name = evaluation.scenes[scene]
        if clip is None:
            return {"scene": name, "path": None, "figure": None}
        path = evaluation.paths[clip]
        figure = plots.clip_figure([panels[clip]], limits)
        embedded = plots.embed(figure, alt=f"Spectrogram of {path}")
        return {"scene": name, "path": path, "figure": embedded}

    drawn = [
        {
            "wrong": example(wrong, pair.truth),
            "right": example(right, pair.predicted),
            "probability": float(evaluation.probabilities[wrong, pair.predicted]),
        }
        for pair, (wrong, right) in zip(pairs, compared, strict=True)
    ]
    return {"pairs": drawn, "scales": colour_scales(limits)}


def _compared(
    evaluation: Evaluation, pairs: Sequence[ConfusedPair]
) -> list[tuple[int, int | None]]:
    """Return, for every pair, its most confident wrong clip and a correct one.

    That is the most confident correct clip of the predicted scene, another one for
    each pair if there are enough.
    """
    predicted = evaluation.predicted
    compared: list[tuple[int, int | None]] = []
    used: set[int | None] = set()
    for pair in pairs:
        scene = pair.predicted
        right = np.flatnonzero((evaluation.truth == scene) & (predicted == scene))
        confidence = evaluation.probabilities[right, scene]
        ranked = right[np.argsort(-confidence, kind="stable")].tolist()
        clip = min(ranked, key=lambda clip: clip in used, default=None)
        used |= {clip}
        compared.append((pair.most_confident, clip))
    return compared
