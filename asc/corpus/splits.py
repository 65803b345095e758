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

Others are made when they are asked for, from scenes and recordings alone:

``recording1of5``... ``recording5of5``, and so for any number
    Cross-validation where a corpus has no official folds. Every clip is tested
    in exactly one of them, with its whole recording.
``development``
    All clips are for training, but for a validation part of whole recordings.
    For a model that is to be tested on another store.

Splits are reproducible: they depend on the clips and on `SPLIT_SEED` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from asc.corpus.adjacency import adjacent_share, positions
from asc.corpus.base import Corpus
from asc.errors import UsageError

#: Seed of every split. Part of what a store's fingerprint covers.
SPLIT_SEED = 2017
#: Shares of validation and test.
SHARES = (0.15, 0.15)
#: Draws per scene when whole recordings are shared out, as in the DCASE 2017
#: baseline, which keeps the draw that comes nearest to the wanted share. With
#: very many recordings a few draws come just as near, so the work is bounded.
_DRAWS, _DRAWN_RECORDINGS = 1000, 1_000_000

PARTS = ("train", "validation", "test")
#: What a recipe calls all folds, one after the other. Not a split.
FOLDS = "folds"
#: Names of splits that are made when they are asked for.
DEVELOPMENT, _RECORDING_FOLD = "development", re.compile(r"recording(\d+)of(\d+)")


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
    adjacent : float or None
        Share of test clips that touch a clip of train in time; None if recordings
        or the clips' positions in them are not known.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    leakage: float | None
    adjacent: float | None = None

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


def overlaps(
    train: np.ndarray,
    test: np.ndarray,
    recordings: np.ndarray | None,
    spans: np.ndarray | None,
) -> tuple[float | None, float | None]:
    """Return leakage and the adjacent share of a split.

    Parameters
    ----------
    train, test : np.ndarray of int
        Rows.
    recordings : np.ndarray of str [shape=(clips,)] or None
        None if the corpus names none.
    spans : np.ndarray [shape=(clips, 2)] or None
        Positions of the clips (`asc.corpus.adjacency`).
    """
    if recordings is None:
        return None, None
    leak = leakage(recordings[train], recordings[test])
    adjacent = None
    if leak == 0:
        adjacent = 0.0  # clips of two recordings never touch
    elif spans is not None:
        adjacent = adjacent_share(train, test, recordings, spans)
    return leak, adjacent


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
        assigned[name] = _with_validation(train, test, scenes, recordings)
    if not corpus.recordings_known:
        return {name: _split(name, parts, None) for name, parts in assigned.items()}
    spans = positions(clip.path for clip in corpus.clips)
    return {
        name: _split(name, parts, recordings, spans) for name, parts in assigned.items()
    }


def split_on_demand(
    name: str, scenes: ArrayLike, recordings: ArrayLike, *, recordings_known: bool
) -> Split | None:
    """Return a split that no store holds, or None if the name means none.

    Parameters
    ----------
    name : str
        ``development``, or such as ``recording2of5``.
    scenes, recordings : array_like of str [shape=(clips,)]
    recordings_known : bool
        If not, each clip counts as a recording of its own.

    Raises
    ------
    UsageError
        If there are fewer recordings than folds, or no such fold.
    """
    scenes, recordings = np.asarray(scenes), np.asarray(recordings)
    fold = _RECORDING_FOLD.fullmatch(name)
    if fold:
        number, count = map(int, fold.groups())
        most = len(np.unique(recordings))
        if not (2 <= count <= most and 1 <= number <= count):
            raise UsageError(
                f"There is no split {name!r}: {most:,} recordings can make 2 to"
                f" {most:,} folds, such as recording1of2 and recording2of2."
            )
        tested = _recording_folds(scenes, recordings, count) == number - 1
    elif name == DEVELOPMENT:
        tested = np.zeros(len(scenes), dtype=bool)
    else:
        return None
    train, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    parts = _with_validation(train, test, scenes, recordings)
    return _split(name, parts, recordings if recordings_known else None)


def _split(
    name: str,
    parts: np.ndarray,
    recordings: np.ndarray | None,
    spans: np.ndarray | None = None,
) -> Split:
    train, validation, test = (
        np.flatnonzero(parts == part).astype(np.int32) for part in range(3)
    )
    leak, adjacent = overlaps(train, test, recordings, spans)
    return Split(name, train, validation, test, leak, adjacent)


def _with_validation(
    train: np.ndarray, test: np.ndarray, scenes: np.ndarray, recordings: np.ndarray
) -> np.ndarray:
    """Return the part of every clip, validation being carved out of train.

    Clips in neither list have part -1.
    """
    parts = np.full(len(scenes), -1)
    parts[train] = 0
    # What the lists themselves leak stays in train, where leakage shows it.
    free = train[~np.isin(recordings[train], recordings[test])]
    parts[free] = _share_out_recordings(
        scenes[free], recordings[free], (SHARES[0], 0.0)
    )
    parts[test] = 2
    return parts


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
    comes nearest to the shares is kept.
    """
    if not len(scenes):
        return np.zeros(0, dtype=int)
    member, main_scene, sizes = _recordings_of(scenes, recordings)
    rng = np.random.default_rng(SPLIT_SEED)
    part_of = np.zeros(len(sizes), dtype=int)
    for scene in range(main_scene.max() + 1):
        group = np.flatnonzero(main_scene == scene)
        if len(group) > 1:
            part_of[group] = _nearest_draw(sizes[group], shares, rng)
    return part_of[member]


def _recording_folds(
    scenes: np.ndarray, recordings: np.ndarray, count: int
) -> np.ndarray:
    """Return the fold (from 0) that tests each clip: whole recordings, balanced.

    Scene by scene, the largest recording that is left goes to the fold that has
    the fewest clips of the scene, and of those to the one with the fewest clips
    at all. So two folds differ by no more of a scene than its largest recording.
    Not scikit-learn's StratifiedGroupKFold, whose folds differ between its
    versions: a run must find its own test part again.
    """
    member, main_scene, sizes = _recordings_of(scenes, recordings)
    rng = np.random.default_rng(SPLIT_SEED)
    fold_of = np.zeros(len(sizes), dtype=int)
    filled = [0] * count
    for scene in range(main_scene.max() + 1):
        group = rng.permutation(np.flatnonzero(main_scene == scene))
        of_scene = [0] * count
        for recording in group[np.argsort(-sizes[group], kind="stable")]:
            fold = min(range(count), key=lambda k: (of_scene[k], filled[k]))
            fold_of[recording] = fold
            of_scene[fold] += sizes[recording]
            filled[fold] += sizes[recording]
    return fold_of[member]


def _recordings_of(
    scenes: np.ndarray, recordings: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the recording of each clip as an index, and their scenes and sizes.

    A recording with several scenes counts for its most frequent one.
    """
    names, member = np.unique(recordings, return_inverse=True)
    labels, label = np.unique(scenes, return_inverse=True)
    counts = np.zeros((len(names), len(labels)), dtype=int)
    np.add.at(counts, (member, label), 1)
    return member, counts.argmax(axis=1), counts.sum(axis=1)


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
    """Return sizes, leakage and adjacent shares of splits, as plain values for JSON."""
    return {
        name: {part: len(split.part(part)) for part in PARTS}
        | {"leakage": split.leakage, "adjacent": split.adjacent}
        for name, split in splits.items()
    }
