"""Train, validation and test parts, and how much they leak.

Three kinds of split are made for every corpus:

``random``
    70/15/15 %, stratified by scene, clip by clip. It is the protocol of many
    course projects and it leaks: clips of one recording land on both sides.
    The shares are those of scenes with more than one clip.
``recording``
    The same shares, whole recordings only.
``fold1``, ``fold2``...
    The official test lists, as they are. Validation is carved out of the
    fold's training list, whole recordings, balanced by scene, and never a
    recording that the fold tests on.

Splits are reproducible: they depend on the clips and on `SPLIT_SEED` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from asc.corpus.base import Corpus

#: Seed of every split. Part of what a store's fingerprint covers.
SPLIT_SEED = 2017
#: Shares of validation and test.
SHARES = (0.15, 0.15)
#: Draws per scene when whole recordings are shared out, as in the DCASE 2017
#: baseline, which keeps the draw that comes nearest to the wanted share. With
#: very many recordings a few draws come just as near, so the work is bounded.
_DRAWS, _DRAWN_RECORDINGS = 1000, 1_000_000

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts.

    Attributes
    ----------
    name : str
    train, validation, test : np.ndarray of int32, ascending
    leakage : float or None
        Share of test clips whose recording is also in train; None if the
        corpus names no recordings.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    leakage: float | None

    def part(self, name: str) -> np.ndarray:
        """Return the rows of a part."""
        return {part: getattr(self, part) for part in PARTS}[name]


def leakage(train: ArrayLike, test: ArrayLike) -> float:
    """Return the share of test clips whose recording is also in train.

    Parameters
    ----------
    train, test : array_like of str
        The recording of each clip.

    Returns
    -------
    float in [0, 1]
        0.0 if there are no test clips.
    """
    known = np.isin(test, np.unique(train))
    return float(known.mean()) if known.size else 0.0


def make_splits(corpus: Corpus) -> dict[str, Split]:
    """Return all splits of a corpus by name.

    A scene with a single clip or a single recording goes to train: the other
    parts then lack it.
    """
    scenes = np.array([clip.scene for clip in corpus.clips])
    recordings = np.array([clip.recording for clip in corpus.clips])

    assigned = {
        "random": _share_out_clips(scenes),
        "recording": _share_out_recordings(scenes, recordings, SHARES),
    }
    row_of = {clip.path: row for row, clip in enumerate(corpus.clips)}
    for name, fold in corpus.folds.items():
        train = np.array([row_of[path] for path in fold.train], dtype=int)
        test = np.array([row_of[path] for path in fold.test], dtype=int)
        parts = np.full(len(scenes), -1)
        parts[train] = 0
        # What the lists themselves leak stays in train, where leakage shows it.
        free = train[~np.isin(recordings[train], recordings[test])]
        parts[free] = _share_out_recordings(
            scenes[free], recordings[free], (SHARES[0], 0.0)
        )
        parts[test] = 2
        assigned[name] = parts
    return {
        name: _split(name, parts, recordings if corpus.recordings_known else None)
        for name, parts in assigned.items()
    }


def _split(name: str, parts: np.ndarray, recordings: np.ndarray | None) -> Split:
    train, validation, test = (
        np.flatnonzero(parts == part).astype(np.int32) for part in range(3)
    )
    leak = None
    if recordings is not None:
        leak = leakage(recordings[train], recordings[test])
    return Split(name, train, validation, test, leak)


def _share_out_clips(scenes: np.ndarray) -> np.ndarray:
    """Return the part (0, 1, 2) of every clip, stratified by scene.

    Validation and test get their share of every scene, rounded by largest
    remainder: their totals are exact, and no scene is off by a whole clip. A
    scene with a single clip is in train and does not count.
    """
    rng = np.random.default_rng(SPLIT_SEED)
    _, label, sizes = np.unique(scenes, return_inverse=True, return_counts=True)
    sizes[sizes == 1] = 0
    rounded_up = np.zeros(len(sizes), dtype=bool)
    parts = np.zeros(len(scenes), dtype=int)
    # Clips in random order, scene by scene, and where each scene begins.
    shuffled = np.lexsort((rng.random(len(scenes)), label))
    begin = np.searchsorted(label[shuffled], np.arange(len(sizes)))
    for part, share in ((2, SHARES[1]), (1, SHARES[0])):
        wanted = share * sizes
        counts = np.floor(wanted).astype(int)
        missing = round(share * sizes.sum()) - counts.sum()
        # Scenes that test has rounded up wait until the others were: of two clips,
        # one must stay in train. Nothing is rounded up where nothing is missing.
        waiting = rounded_up | (counts == wanted)
        order = np.lexsort((rng.random(len(sizes)), counts - wanted, waiting))
        rounded_up[order[:missing]] = True
        counts[order[:missing]] += 1
        for start, count in zip(begin, counts, strict=True):
            parts[shuffled[start : start + count]] = part
        begin = begin + counts
    return parts


def _share_out_recordings(
    scenes: np.ndarray,
    recordings: np.ndarray,
    shares: tuple[float, float],
) -> np.ndarray:
    """Return the part of every clip so that no recording is in two parts.

    Scene by scene, the recordings are shuffled many times; of each draw the
    first ones go to test and the next ones to validation, and the draw that
    comes nearest to the shares is kept. A recording with several scenes counts
    for its most frequent one.
    """
    if not len(scenes):
        return np.zeros(0, dtype=int)
    names, member = np.unique(recordings, return_inverse=True)
    labels, label = np.unique(scenes, return_inverse=True)
    counts = np.zeros((len(names), len(labels)), dtype=int)
    np.add.at(counts, (member, label), 1)
    main_scene, sizes = counts.argmax(axis=1), counts.sum(axis=1)

    rng = np.random.default_rng(SPLIT_SEED)
    part_of = np.zeros(len(names), dtype=int)
    for scene in range(len(labels)):
        group = np.flatnonzero(main_scene == scene)
        if len(group) > 1:
            part_of[group] = _nearest_draw(sizes[group], shares, rng)
    return part_of[member]


def _nearest_draw(
    sizes: np.ndarray, shares: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Return the part of each recording of one scene (at least one in train)."""
    wanted_validation, wanted_test = (share * sizes.sum() for share in shares)
    count = max(1, min(_DRAWS, _DRAWN_RECORDINGS // len(sizes)))
    draws = rng.permuted(np.tile(np.arange(len(sizes)), (count, 1)), axis=1)
    # filled[d, k]: clips in the first k recordings of draw d, at most all but one
    filled = np.cumsum(sizes[draws], axis=1)[:, :-1]
    filled = np.pad(filled, ((0, 0), (1, 0)))
    index = np.arange(filled.shape[1])

    def cut(
        start: np.ndarray, wanted: float, last: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return, per draw, where the next part ends and how far it is off."""
        begun = np.take_along_axis(filled, start[:, None], axis=1)
        off = np.abs(filled - begun - wanted)
        if wanted > 0:  # a part that is wanted gets at least one, if there is one
            first = np.minimum(start + 1, index[-1])
            off = np.where((index < first[:, None]) | (index > last), np.inf, off)
        else:
            off = np.where(index == start[:, None], off, np.inf)
        end = off.argmin(axis=1)
        return end, np.take_along_axis(off, end[:, None], axis=1)[:, 0]

    last = len(sizes) - 1
    # Of three recordings or more, test leaves one to validation.
    test_end, test_off = cut(np.zeros(count, dtype=int), wanted_test, max(1, last - 1))
    validation_end, validation_off = cut(test_end, wanted_validation, last)
    best = (test_off + validation_off).argmin()
    parts = np.zeros(len(sizes), dtype=int)
    parts[draws[best, : test_end[best]]] = 2
    parts[draws[best, test_end[best] : validation_end[best]]] = 1
    return parts


def describe(splits: Mapping[str, Split]) -> dict[str, dict]:
    """Return sizes and leakage of splits, as plain values for JSON."""
    return {
        name: {part: len(split.part(part)) for part in PARTS}
        | {"leakage": split.leakage}
        for name, split in splits.items()
    }
