"""Augmented examples of the first epoch of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from asc import plots
from asc.errors import UsageError
from asc.pipeline.compose_batch import compose
from asc.pipeline.sampling import plan_epoch
from asc.pipeline.statistics import row_statistics
from asc.reporting.entries import ReportEntry
from asc.reporting.gallery import colour_scales
from asc.reporting.media import Media


def augmentation_section(
    entries: Sequence[ReportEntry], media: Media
) -> dict[str, Any]:
    """Return examples of each policy.

    Returns
    -------
    dict
        ``augmented`` (number of trainings), ``examples`` (one for each policy whose
        store is there) and ``unregistered`` (policies with an augmentation of a module
        that was not imported).

        An example is a dict: ``entry``, ``policy``, ``strengths`` of each
        augmentation, ``clips`` of the train part, ``added`` rows, ``scales`` of the
        colours, and ``rows``. Of each combination of augmentations there is one row:
        names of its ``transforms``, ``paths`` of the clips in it, ``figure``, the
        ``label`` vector and ``scenes`` with a share.
    """
    augmented = 0
    examples: dict[str, dict[str, Any]] = {}
    unregistered: set[str] = set()
    for entry in entries:
        if entry.recipe is None or entry.recipe.augment == "none":
            continue
        augmented += 1
        policy = entry.recipe.augment
        if policy in examples:
            continue
        try:
            entry.recipe.augmentation().transforms()
        except UsageError:
            unregistered.add(policy)
        else:
            examples |= {policy: found} if (found := _examples(entry, media)) else {}
    return {
        "augmented": augmented,
        "examples": list(examples.values()),
        "unregistered": sorted(unregistered),
    }


def _examples(entry: ReportEntry, media: Media) -> dict[str, Any] | None:
    session = next(iter(entry.sessions.values()), None)
    if session is None:
        return None
    store, recipe, rows = session.store, session.run.recipe, session.rows["train"]
    settings, data = recipe.augmentation(), store.features(recipe.feature)
    labels, paths, shape = store.labels(), store.paths(), data.shape[1:]
    plan = plan_epoch(
        rows, settings, shape=shape[:2], seed=recipe.seed, epoch=0, labels=labels
    )
    fill = row_statistics(store, recipe.feature, rows).mean.astype(np.float32)
    drawing = store.drawing(recipe.feature)
    unit = store.encoding(recipe.feature).scale
    examples: list[dict[str, Any]] = []
    panels = []
    for names, places in plan.combinations():
        # The most even mixture, for most draws of Beta are near 0 or 1.
        place = int(places[np.abs(plan.mixup_lambda[places] - 0.5).argmin()])
        features = np.empty((1, *shape), np.float32)
        label = np.empty((1, len(store.scenes)), np.float32)
        compose(data, labels, plan, np.array([place]), fill, unit, features, label)
        values = store.decode(recipe.feature, features[0])[..., 0]
        panels.append(plots.Panel(values, drawing, store.spec.seconds))
        sources = (plan.rows, plan.splice_rows, plan.mixup_rows)
        clips = dict.fromkeys(column[place] for column in sources)
        examples.append(
            {
                "transforms": names,
                "paths": [paths[clip] for clip in clips],
                "label": label[0].tolist(),
                "scenes": [
                    (store.scenes[index], float(label[0, index]))
                    for index in np.flatnonzero(label[0])[:4]
                ],
            }
        )
    limits = plots.colour_limits(panels)
    for example, panel in zip(examples, panels, strict=True):
        alt = " and ".join(example["transforms"]) or "original"
        alt += f": {' and '.join(example['paths'])}"
        figure = plots.clip_figure([panel], limits)
        name = "-".join(["augmentation", *example["transforms"]])
        example["figure"] = media.embed(figure, name, alt=alt)
    return {
        "entry": entry,
        "policy": settings.policy,
        "strengths": {
            name: asdict(transform) if is_dataclass(transform) else {}
            for name, transform in settings.transforms().items()
        },
        "clips": len(rows),
        "added": len(plan.rows) - len(rows),
        "rows": examples,
        "scales": colour_scales(limits, media, "augmentation"),
    }
