"""Confused pairs of scenes as spectrograms to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asc import plots
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.mistakes import ConfusedPair
from asc.reporting.entries import ReportEntry
from asc.reporting.gallery import colour_scales
from asc.reporting.inspection import Question
from asc.reporting.media import Media


def compared_pairs(
    entry: ReportEntry,
    evaluation: Evaluation,
    examples: Sequence[ComparedPair],
    maps: Mapping[Question, np.ndarray],
    media: Media,
) -> dict[str, Any]:
    """Return spectrograms of confused pairs.

    Parameters
    ----------
    entry : ReportEntry
    evaluation : Evaluation
    examples : sequence of ComparedPair
    maps : mapping of (clip, scene) to np.ndarray
        Grad-CAM of wrong clips, for the predicted and the true scene.
    media : Media

    Returns
    -------
    dict
        ``pairs`` (empty without the store), ``explained`` (whether they have maps) and
        ``scales`` of their colours. A pair is a dict: the most confident ``wrong``
        clip, a ``right`` one of the predicted scene (each ``scene``, ``path``,
        ``figure`` and ``player``; the last three are None if there is no such clip),
        the ``probability`` of the wrong prediction, and the ``maps`` of the wrong clip
        (``scene`` and ``figure``).
    """
    store, feature, rows = entry.store, entry.metrics.feature, entry.rows()
    if store is None or rows is None or feature not in store.spec.features:
        return {"pairs": [], "scales": []}
    clips = {clip for each in examples for clip in (each.wrong, each.right)}
    panels = {
        clip: plots.row_panels(store, rows[clip], feature)[0]
        for clip in clips
        if clip is not None
    }
    limits = plots.colour_limits(list(panels.values()))
    prefix = f"{entry.name}-confused"

    def figure(clip: int, name: str, alt: str, **options: Any) -> plots.Embedded:
        drawn = plots.clip_figure([panels[clip]], limits, **options)
        return media.embed(drawn, f"{prefix}-{name}", alt=alt)

    def example(clip: int | None, scene: int) -> dict[str, Any]:
        name = evaluation.scenes[scene]
        if clip is None:
            return {"scene": name, "path": None, "figure": None, "player": None}
        path = evaluation.paths[clip]
        return {
            "scene": name,
            "path": path,
            "figure": figure(clip, name, f"Spectrogram of {path}"),
            "player": media.player(store, media.samples(store, path)),
        }

    def explained(pair: ComparedPair, scene: int) -> dict[str, Any]:
        name, clip = evaluation.scenes[scene], pair.wrong
        alt = f"Grad-CAM of {evaluation.paths[clip]} for {name}"
        heat = maps[clip, scene]
        return {
            "scene": name,
            "figure": figure(clip, f"grad-cam-{name}", alt, heat=heat),
            "raised": bool(heat.any()),
        }

    drawn = [
        {
            "wrong": example(pair.wrong, pair.truth),
            "right": example(pair.right, pair.predicted),
            "probability": float(evaluation.probabilities[pair.wrong, pair.predicted]),
            "maps": [
                explained(pair, scene)
                for scene in (pair.predicted, pair.truth)
                if (pair.wrong, scene) in maps
            ],
        }
        for pair in examples
    ]
    return {
        "pairs": drawn,
        "explained": any(pair["maps"] for pair in drawn),
        "scales": colour_scales(limits, media, prefix),
    }


@dataclass(frozen=True)
class ComparedPair:
    """Two clips of an evaluation: one confused, and a correct one of that scene.

    ``truth`` and ``predicted`` are scenes of ``wrong``. ``right`` is the most confident
    correct clip of the predicted scene, another one for each pair if there are enough,
    None if there is none.
    """

    truth: int
    predicted: int
    wrong: int
    right: int | None

    @property
    def questions(self) -> list[Question]:
        """What Grad-CAM is to explain: why not the true scene, why the other."""
        return [(self.wrong, self.predicted), (self.wrong, self.truth)]


def examples_of(
    evaluation: Evaluation, pairs: Sequence[ConfusedPair]
) -> list[ComparedPair]:
    """Return the clips to compare for each pair of scenes."""
    found: list[ComparedPair] = []
    used: set[int | None] = set()
    predicted = evaluation.predicted
    for pair in pairs:
        scene = pair.predicted
        right = np.flatnonzero((evaluation.truth == scene) & (predicted == scene))
        confidence = evaluation.probabilities[right, scene]
        ranked = right[np.argsort(-confidence, kind="stable")].tolist()
        clip = min(ranked, key=lambda clip: clip in used, default=None)
        used |= {clip}
        found.append(ComparedPair(pair.truth, scene, pair.most_confident, clip))
    return found
