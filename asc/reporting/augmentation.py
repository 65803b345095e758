"""Augmented examples: what the training saw in its first epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np

from asc import plots
from asc.pipeline.compose_batch import compose
from asc.pipeline.sampling import plan_epoch
from asc.pipeline.statistics import row_statistics
from asc.reporting.entries import ReportEntry
from asc.reporting.gallery import colour_scales


@dataclass(frozen=True)
class AugmentedRow:
    """One row of an epoch.

    Attributes
    ----------
    transforms : tuple of str
        Names of the augmentations that are applied to it.
    paths : tuple of str
        The clip, or the two that were mixed.
    figure : Embedded
    label : tuple of float
        The label vector that the model was trained with.
    scenes : tuple of (str, float)
        Its largest elements with their scenes.
    """

    transforms: tuple[str, ...]
    paths: tuple[str, ...]
    figure: plots.Embedded
    label: tuple[float, ...]
    scenes: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Examples:
    """Rows of the first epoch of an entry.

    Attributes
    ----------
    entry : ReportEntry
    policy : str
    strengths : dict of str to dict
        Name of each augmentation to its strengths.
    clips, added : int
        Clips of the train part, and rows that augmentation adds to them.
    rows : tuple of AugmentedRow
    scales : list of Embedded
        What the colours stand for.
    """

    entry: ReportEntry
    policy: str
    strengths: dict[str, dict[str, Any]]
    clips: int
    added: int
    rows: tuple[AugmentedRow, ...]
    scales: list[plots.Embedded]


def augmentation_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return examples of each policy.

    Returns
    -------
    dict
        ``augmented`` (how many trainings were) and ``examples`` (list of Examples;
        none where the store is missing).
    """
    augmented = [
        entry
        for entry in entries
        if entry.recipe is not None and entry.recipe.augment != "none"
    ]
    examples: dict[str, Examples] = {}
    for entry in augmented:
        if entry.recipe is not None and entry.recipe.augment not in examples:
            found = _examples(entry)
            if found is not None:
                examples[entry.recipe.augment] = found
    return {"augmented": len(augmented), "examples": list(examples.values())}


def _examples(entry: ReportEntry) -> Examples | None:
    store, recipe = entry.store, entry.recipe
    rows = entry.train_rows(next(iter(entry.histories), None))
    if store is None or recipe is None or rows is None:
        return None
    settings, data = recipe.augmentation(), store.features(recipe.feature)
    labels, paths, shape = store.labels(), store.paths(), data.shape[1:]
    plan = plan_epoch(rows, settings, shape=shape[:2], seed=recipe.seed, epoch=0)
    fill = row_statistics(store, recipe.feature, rows).mean.astype(np.float32)
    drawn = []
    for names, places in plan.combinations():
        # The most even mixture: most draws of Beta are near 0 or 1.
        place = int(places[np.abs(plan.mixup_lambda[places] - 0.5).argmin()])
        features = np.empty((1, *shape), np.float32)
        label = np.empty((1, len(store.scenes)), np.float32)
        one = plan[place : place + 1]
        compose(data, labels, one, fill, features, label)
        clips = dict.fromkeys((one.rows[0], one.mixup_rows[0]))
        panel = plots.feature_panel(
            store.decode(recipe.feature, features[0])[..., 0],
            store.drawing(recipe.feature),
            store.spec.seconds,
        )
        drawn.append((names, tuple(paths[clip] for clip in clips), panel, label[0]))
    limits = plots.colour_limits([panel for _, _, panel, _ in drawn])
    return Examples(
        entry,
        settings.policy,
        {
            name: asdict(transform) if is_dataclass(transform) else {}
            for name, transform in settings.transforms().items()
        },
        len(rows),
        len(plan.rows) - len(rows),
        tuple(
            AugmentedRow(
                names,
                clips,
                plots.embed(
                    plots.clip_figure([panel], limits),
                    alt=f"{' and '.join(names) or 'original'}: {' and '.join(clips)}",
                ),
                tuple(label.tolist()),
                tuple(
                    (store.scenes[index], float(label[index]))
                    for index in np.flatnonzero(label)[:4]
                ),
            )
            for names, clips, panel, label in drawn
        ),
        colour_scales(limits),
    )
