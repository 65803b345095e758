"""What the data looks like: a clip of every scene, and augmented examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asc.errors import AscError
from asc.features import fit, read_audio
from asc.pipeline.compose_batch import compose
from asc.pipeline.sampling import EpochPlan, plan_epoch
from asc.pipeline.statistics import row_statistics
from asc.reporting.facts import Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.pictures import colour_limits, scale, spectrogram, waveform
from asc.reporting.wording import percent
from asc.store import FeatureStore
from asc.text import counted

_TRANSFORMS = {"mixup": "Mixup", "specaugment": "SpecAugment"}
_NAMES = {"stft": "STFT", "mel": "Mel"}
#: From so many scenes on pictures are smaller, and of more there are none.
_COARSE, _MOST_SCENES = 20, 60


def gallery(store: FeatureStore, audio: Path | None) -> list[Child]:
    """Return waveform, STFT and Mel of the first clip of every scene.

    Parameters
    ----------
    store : FeatureStore
    audio : Path, optional
        Folder of the corpus; without it there are no waveforms.
    """
    finished = store.finished_rows()
    labels, first = np.unique(store.labels()[finished], return_index=True)
    rows = {int(label): int(finished[place]) for label, place in zip(labels, first)}
    shown = dict(list(rows.items())[:_MOST_SCENES])
    features = [name for name in _NAMES if name in store.spec.features]
    levels = {
        (label, name): store.to_decibels(name, store.features(name)[row][..., 0])
        for label, row in shown.items()
        for name in features
    }
    if not levels:
        return [tag("p", "The store holds no data that could be drawn.")]
    limits = {
        name: colour_limits([levels[label, name] for label in shown])
        for name in features
    }
    paths = store.paths()
    cards, waves = [], 0
    for label, row in shown.items():
        wave = _wave(store, audio, paths[row])
        waves += wave is not None
        cards.append(
            tag(
                "figure",
                tag(
                    "figcaption",
                    tag("strong", store.scenes[label]),
                    tag("small", paths[row]),
                ),
                wave,
                [
                    spectrogram(
                        levels[label, name],
                        name,
                        store.spec,
                        limits[name],
                        title=f"{_NAMES[name]} of {paths[row]}",
                        name=_NAMES[name],
                        coarse=len(shown) > _COARSE,
                    )
                    for name in features
                ],
            )
        )
    order = " and ".join(_NAMES[name] for name in features)
    told = f"The first clip of every scene: {order}, frequency in Hz over seconds."
    if waves:
        told = told.replace(": ", ": waveform (to its own peak), ", 1)
    if len(rows) > len(shown):
        told += f" The first {len(shown)} of {len(rows)} scenes are shown."
    notes = []
    if audio is None:
        notes.append(
            "There are no waveforms: a store has none. With --audio CORPUS they are"
            " drawn from the audio."
        )
    elif waves < len(shown):
        missing = counted(len(shown) - waves, "clip", "clips")
        notes.append(f"The audio of {missing} could not be read: no waveform of these.")
    return [
        tag("p", told),
        [tag("p", note, class_="note") for note in notes],
        tag("div", cards, class_="gallery"),
        [
            [tag("span", _NAMES[name], class_="scale-name"), scale(limits[name])]
            for name in features
        ],
    ]


def _wave(store: FeatureStore, audio: Path | None, path: str) -> Element | None:
    """Return the waveform of a clip, None if its audio cannot be had."""
    if audio is None:
        return None
    root = audio.resolve()
    file = (root / path).resolve()
    # The path is a stranger's text.
    if not file.is_relative_to(root):
        return None
    try:
        return waveform(fit(read_audio(file), store.spec)[0], f"Waveform of {path}")
    except AscError:
        return None


def augmentation(subject: Subject) -> list[Child]:
    """Return what the training saw in its first epoch: one row of every kind."""
    store, recipe = subject.store, subject.recipe
    rows = subject.train_rows(next(iter(subject.histories), None))
    if store is None or recipe is None or rows is None:
        return [
            tag(
                "p",
                "Augmented examples need the store that the run was trained on.",
                class_="note",
            )
        ]
    settings = recipe.augmentation()
    if settings.policy == "none":
        return [tag("p", "Nothing was augmented in this training.")]
    data, shape = store.features(recipe.feature), store.spec.shape
    plan = plan_epoch(rows, settings, shape=shape[:2], seed=recipe.seed, epoch=0)
    fill = row_statistics(store, recipe.feature, rows).mean.astype(np.float32)
    labels, paths = store.labels(), store.paths()
    examples = []
    for kind, place in _one_of_each(plan):
        features = np.empty((1, *shape), np.float32)
        vector = np.empty((1, len(store.scenes)), np.float32)
        one = plan[place : place + 1]
        compose(data, labels, one, fill, features, vector)
        level = store.to_decibels(recipe.feature, features[0, ..., 0])
        names = [paths[one.rows[0]]]
        if one.mixup_lambda[0] < 1:
            names.append(paths[one.mixup_rows[0]])
        examples.append((kind, names, level, vector[0]))
    limits = colour_limits([level for _, _, level, _ in examples])
    figures = []
    for kind, names, level, vector in examples:
        figures.append(
            tag(
                "figure",
                tag(
                    "figcaption", tag("strong", kind), tag("small", " and ".join(names))
                ),
                spectrogram(
                    level, recipe.feature, store.spec, limits, title=f"{kind} example"
                ),
                _vector(vector, store.scenes),
            )
        )
    added = len(plan.rows) - len(rows)
    more = f" and {added:,} added rows" if added else ""
    return [
        tag(
            "p",
            f"Policy {settings.policy}: an epoch shows"
            f" {counted(len(rows), 'clip', 'clips')}{more}. These are from the first"
            f" epoch of {subject.name}. Mixup draws its share from Beta"
            f" ({settings.mixup_alpha:g}, {settings.mixup_alpha:g}); SpecAugment fills"
            f" {settings.freq_masks} bands of up to {settings.freq_width} rows and"
            f" {settings.time_masks} of up to {settings.time_width} columns with the"
            " mean of the train part.",
        ),
        tag("div", figures, class_="gallery narrow"),
        scale(limits),
    ]


def _one_of_each(plan: EpochPlan) -> list[tuple[str, int]]:
    """Return the name and a place of every kind of row that an epoch has."""
    found = []
    for chosen, places in plan.combinations():
        weights = plan.mixup_lambda[places]
        # The most even mixture: most draws of Beta are near 0 or 1.
        place = places[np.abs(weights - 0.5).argmin()]
        name = " and ".join(_TRANSFORMS.get(one, one) for one in chosen)
        found.append((name or "As it is", int(place)))
    return found


def _vector(vector: np.ndarray, scenes: tuple[str, ...]) -> Element:
    """Return a label vector: its scenes that are not 0, and all of it as numbers."""
    named = [
        tag(
            "div",
            tag("span", scenes[index]),
            tag("b", percent(float(vector[index]), 0)),
            tag("i", style=f"width:{100 * vector[index]:.1f}%"),
        )
        for index in np.flatnonzero(vector)[:4]
    ]
    numbers = " ".join(f"{value:.2g}" for value in vector[:60])
    return tag("div", named, tag("code", f"[{numbers}]"), class_="vector")
