"""Everything about one result: curves, folds, scenes, recordings, calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from asc import plots
from asc.corpus.leakage import Leakage
from asc.evaluation.calibration import calibration
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.mistakes import ConfusedPair, confused_pairs, recording_results
from asc.evaluation.published import published_results
from asc.reporting.baselines import is_linear, place
from asc.reporting.confusion import compared_pairs, examples_of
from asc.reporting.entries import History, ReportEntry
from asc.reporting.inspection import ModelViews
from asc.reporting.media import Media
from asc.reporting.ranking import ranking

#: What is drawn over the epochs.
_MEASURES = {"accuracy": "Accuracy", "loss": "Loss", "learning_rate": "Learning rate"}
#: Rows of the tables of confused pairs and of recordings.
_MAX_ROWS = 12
#: Values of a group that are shown.
_MAX_VALUES = 40
#: A larger confusion matrix is not readable.
_MAX_SCENES = 60
#: Confused pairs with spectrograms: of all entries, and of one.
_MAX_PAIRS, _MAX_PAIRS_OF_ENTRY = 30, 4
#: If there are more entries, all but the first are collapsed.
_MAX_OPEN = 3


def runs_section(
    entries: Sequence[ReportEntry],
    linear: Sequence[ReportEntry],
    media: Media,
    inspect: Callable[..., ModelViews] | None = None,
) -> dict[str, Any]:
    """Return ``details`` of every entry, and how many of them are ``open``.

    Parameters
    ----------
    entries : sequence of ReportEntry
    linear : sequence of ReportEntry
        Other entries of the linear model, to compare with.
    media : Media
    inspect : callable, optional
        Runs the models of the first entries, as `inspect_models` does.
    """
    baselines = {place(each): each for each in [*linear, *entries] if is_linear(each)}
    most = min(_MAX_PAIRS_OF_ENTRY, max(1, _MAX_PAIRS // len(entries)))
    opened = len(entries) if len(entries) <= _MAX_OPEN else 1
    details = []
    for number, entry in enumerate(entries):
        found: dict[str, Any] = {"entry": entry, "evaluation": entry.evaluation}
        found["curves"] = _curves(entry, baselines.get(place(entry)), media)
        if entry.evaluation is not None:
            full = number < _MAX_OPEN
            found |= _details(entry, entry.evaluation, most, media, full, inspect)
        details.append(found)
    return {"details": details, "open": opened}


def _details(
    entry: ReportEntry,
    evaluation: Evaluation,
    most: int,
    media: Media,
    full: bool,
    inspect: Callable[..., ModelViews] | None,
) -> dict[str, Any]:
    """Return the parts of an evaluated entry; a full one has those of its model."""
    pairs = confused_pairs(evaluation)
    examples = examples_of(evaluation, pairs[:most])
    views = ModelViews()
    if full and inspect is not None:
        questions = [each for example in examples for each in example.questions]
        views = inspect(entry, evaluation, questions, media)
    return {
        "scenes": _scenes(evaluation),
        "groups": _groups(evaluation),
        "confusion": _confusion(entry, evaluation, pairs, media),
        "compared": compared_pairs(entry, evaluation, examples, views.maps, media),
        "recordings": _recordings(evaluation),
        "ranking": ranking(entry, evaluation, media, full=full),
        "calibration": _calibration(entry, evaluation, media),
        "views": views,
    }


def _curves(
    entry: ReportEntry, linear: ReportEntry | None, media: Media
) -> list[dict[str, Any]]:
    """Return the ``figures`` of every training, with split and leakage."""
    if entry.recipe is None:
        return []
    drawn = []
    for fold, history in entry.histories.items():
        session = entry.sessions.get(fold)
        levels = {}
        if session is not None and session.chance is not None:
            levels["chance"] = session.chance
        if linear is not None and linear is not entry and fold in linear.histories:
            fitted = linear.histories[fold][-1]
            levels |= {
                "linear model": v for n, v in fitted.items() if n == "val_accuracy"
            }
        names = {name for record in history for name in record}
        values = {
            name: [record.get(name, math.nan) for record in history] for name in names
        }
        epochs = int(history[-1]["epoch"])
        figures = [
            media.embed(
                plots.curve_figure(
                    values,
                    measure,
                    best_epoch=_best_epoch(history, entry.recipe.monitor),
                    augmented=entry.recipe.augment != "none",
                    levels=levels,
                ),
                "-".join(filter(None, (entry.name, fold, measure))),
                alt=f"{name} over {epochs} epochs {fold}".strip(),
            )
            for measure, name in _MEASURES.items()
            if not names.isdisjoint((measure, f"val_{measure}"))
        ]
        drawn.append(
            {
                "fold": fold,
                "split": fold or entry.recipe.split,
                "epochs": epochs,
                "leakage": (
                    Leakage(None, 0.0)
                    if session is None
                    else session.validation_leakage
                ),
                "figures": figures,
            }
        )
    return drawn


def _best_epoch(history: History, monitor: str) -> int | None:
    """Return the epoch whose weights were kept."""
    better = max if monitor.endswith("accuracy") else min
    known = [
        record for record in history if math.isfinite(record.get(monitor, math.nan))
    ]
    if not known:
        return None
    return int(better(known, key=lambda record: record[monitor])["epoch"])


def _scenes(evaluation: Evaluation) -> dict[str, Any]:
    """Return ``rows``, one a scene, their ``total``, and the ``published`` systems."""
    metrics = evaluation.metrics
    counts = np.array(metrics.confusion)
    # An evaluation set is a store of its own.
    protocol = "evaluation" if metrics.split == "all clips" else "folds"
    published = published_results(evaluation.scenes, protocol)
    names = np.asarray(evaluation.recordings)
    rows = [
        {
            "scene": scene,
            "recall": figures.recall,
            "precision": figures.precision if counts[:, index].any() else None,
            "f1": figures.f1 if counts[:, index].any() or figures.clips else None,
            "correct": int(counts[index, index]),
            "clips": figures.clips,
            "recordings": (
                len(set(names[evaluation.truth == index]))
                if metrics.recordings is not None
                else None
            ),
            "published": [system.recalls[scene] for system in published],
        }
        for index, (scene, figures) in enumerate(metrics.per_scene.items())
    ]
    total = {
        "scene": "all",
        "recall": metrics.accuracy,
        "correct": int(counts.trace()),
        "clips": metrics.clips,
        "recordings": metrics.recordings,
        "published": [system.accuracy for system in published],
    }
    return {"rows": rows, "total": total, "published": published, "protocol": protocol}


def _groups(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return ``name``, ``rows`` and the number of ``more`` values of each group.

    A row has ``value`` (None for all that are seen, or unseen), ``figures`` and
    ``seen`` (None if it is not known).
    """
    tables = []
    for name, group in (evaluation.metrics.per_group or {}).items():
        rows = [
            {"value": value, "figures": figures, "seen": figures.seen}
            for value, figures in list(group.values.items())[:_MAX_VALUES]
        ]
        if group.seen is not None and group.unseen is not None:
            rows.append({"value": None, "figures": group.seen, "seen": True})
            rows.append({"value": None, "figures": group.unseen, "seen": False})
        more = max(0, len(group.values) - _MAX_VALUES)
        tables.append({"name": name, "rows": rows, "more": more})
    return tables


def _confusion(
    entry: ReportEntry,
    evaluation: Evaluation,
    pairs: Sequence[ConfusedPair],
    media: Media,
) -> dict[str, Any]:
    """Return ``figure`` (None for too many scenes), ``pairs`` and ``more`` pairs."""
    scenes, figure = evaluation.scenes, None
    if len(scenes) <= _MAX_SCENES:
        figure = media.embed(
            plots.confusion_figure(evaluation.metrics.confusion, scenes),
            f"{entry.name}-confusion",
            alt="Confusion matrix: clips by true and predicted scene",
            limit=100_000,
        )
    return {
        "figure": figure,
        "pairs": [
            (scenes[pair.truth], scenes[pair.predicted], pair)
            for pair in pairs[:_MAX_ROWS]
        ],
        "more": max(0, len(pairs) - _MAX_ROWS),
    }


def _recordings(evaluation: Evaluation) -> dict[str, Any]:
    """Return the ``worst`` recordings, and numbers of all of them."""
    results = recording_results(evaluation)
    mostly_wrong = [result for result in results if 2 * result.right < result.clips]
    errors = sum(result.wrong for result in results)
    return {
        "worst": [result for result in results[:_MAX_ROWS] if result.wrong],
        "count": len(results),
        "all_correct": sum(not result.wrong for result in results),
        "mostly_wrong": len(mostly_wrong),
        "share_of_errors": (
            sum(result.wrong for result in mostly_wrong) / errors if errors else None
        ),
    }


def _calibration(
    entry: ReportEntry, evaluation: Evaluation, media: Media
) -> dict[str, Any]:
    """Return ``error``, mean ``confidence``, ``verdict``, ``bins`` and ``figure``."""
    found = calibration(evaluation.truth, evaluation.probabilities)
    confidence = float(evaluation.probabilities.max(axis=1).mean())
    difference = round(confidence - evaluation.metrics.accuracy, 3)
    verdict = "overconfident" if difference > 0 else "underconfident"
    return {
        "error": found.error,
        "confidence": confidence,
        "verdict": verdict if difference else "well calibrated on average",
        "bins": list(
            zip(
                zip(found.edges, found.edges[1:]),
                found.clips.tolist(),
                found.confidence.tolist(),
                found.accuracy.tolist(),
            )
        ),
        "figure": media.embed(
            plots.reliability_figure(found.edges, found.confidence, found.accuracy),
            f"{entry.name}-calibration",
            alt="Reliability diagram: accuracy over confidence",
        ),
    }
