"""Train, validation and test parts, and how much they leak.

Three kinds of split are stored with a corpus:

``random``
    70/15/15 %, stratified by scene, clip by clip. It is the protocol of many
    course projects and it leaks: clips of one recording land on both sides.
    The shares are those of scenes with more than one clip.
``recording``
    The same shares, whole recordings only. Clips whose recording is not known are in
    none of its parts, and there is no such split if no recording is known.
``given``
    The split that the corpus gives by folders or a column, as it is. Where it has no
    validation part, one is taken from train, as for folds.
``fold1``, ``fold2``...
    The official test lists, as they are. Validation is taken from the fold's
    training list: whole recordings, balanced by scene, and never a recording
    that the fold tests on.

Others are made on demand, from scenes, recordings and groups alone:

``recording1of5``... ``recording5of5``, and so for any number
    Cross-validation for a corpus without official folds. Every clip is tested
    in exactly one of them, with its whole recording. Clips whose recording is not
    known are in none.
``random1of5``... ``random5of5``
    The same clip by clip, for a corpus whose recordings are not known.
``development``
    All clips are for training, except a validation part of whole recordings.
    For a model that will be tested on another store.
``unseen-device:b``, and so for any group and value
    Test on the clips of that value, train and validate on those of others. No
    recording is on both sides: clips of other values from a tested recording are in
    no part. If that would take more than 30 % of them (devices that recorded at the
    same places), fewer recordings are tested, and the other clips of the value are in
    no part. Nor are clips whose value is not known.

Splits are reproducible: they depend on the clips and on `SPLIT_SEED` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from asc.corpus.base import Corpus
from asc.corpus.leakage import PARTS, Origins, Split
from asc.corpus.parts import GIVEN
from asc.errors import UsageError
from asc.text import some_of, unknown_name

#: Seed of every split. A store's fingerprint covers it.
SPLIT_SEED = 2017
#: Shares of validation and test.
SHARES = (0.15, 0.15)
#: Draws per scene when whole recordings are assigned to parts, as in the DCASE
#: 2017 baseline, which keeps the draw nearest to the wanted share. With very many
#: recordings a few draws are just as near, so the work is bounded.
_DRAWS, _DRAWN_RECORDINGS = 1000, 1_000_000

#: The name by which a recipe asks for all folds, one after the other. Not a split.
FOLDS = "folds"
#: Names of official folds.
OFFICIAL_FOLD = re.compile(r"fold(\d{1,9})")
#: Names of splits that are made on demand.
DEVELOPMENT, _FOLD = "development", re.compile(
    r"(recording|random)(\d{1,9})of(\d{1,9})"
)
_UNSEEN = re.compile(r"unseen-([a-z][a-z0-9_]*):(.+)", re.DOTALL)
#: Share of the clips of other values that an unseen value may take from train. DCASE
#: tests as many.
_UNSEEN_SHARE = 0.3


def make_splits(corpus: Corpus) -> dict[str, Split]:
    """Return all splits of a corpus by name.

    A scene with a single clip or a single recording goes to train: the other
    parts then lack it.

    Examples
    --------
    >>> splits = asc.make_splits(asc.open_corpus("corpus"))
    >>> list(splits)
    ['random', 'recording', 'fold1', 'fold2', 'fold3', 'fold4']
    >>> splits["random"].leakage, splits["recording"].leakage
    (0.8, 0.0)
    """
    paths, labels, names = zip(*((c.path, c.scene, c.recording) for c in corpus.clips))
    scenes, origins = np.array(labels), Origins(names, paths)
    recordings, named = origins.recordings, origins.named
    assigned = {"random": _split_clips(scenes)}
    if named.any():
        assigned["recording"] = parts = np.full(len(scenes), -1)
        parts[named] = _split_recordings(scenes[named], recordings[named], SHARES)
    row_of = {path: row for row, path in enumerate(paths)}
    for name, fold in corpus.folds.items():
        train, test, validation = (
            np.array([row_of[path] for path in paths], dtype=int)
            for paths in (fold.train, fold.test, fold.validation)
        )
        if len(validation):
            assigned[name] = parts = np.full(len(scenes), -1)
            parts[train], parts[validation], parts[test] = 0, 1, 2
        else:
            assigned[name] = _with_validation(train, test, scenes, recordings)
    return {name: _split(name, parts, origins) for name, parts in assigned.items()}


def split_on_demand(name: str, scenes: ArrayLike, origins: Origins) -> Split | None:
    """Return a split that is made on demand, or None for any other name.

    Raises
    ------
    UsageError
        If no recordings are known, or fewer than folds, or if there is no such fold.
    """
    scenes, recordings = np.asarray(scenes), origins.recordings
    fold = _FOLD.fullmatch(name)
    kind = fold[1] if fold else name
    if kind == "recording":
        _check_named(name, origins)
    used = np.ones(len(scenes), dtype=bool)
    if fold:
        number, count = int(fold[2]), int(fold[3])
        if kind == "recording":
            used = origins.named
        else:
            recordings = np.arange(len(scenes))
        most = len(np.unique(recordings[used]))
        if not (2 <= count <= most and 1 <= number <= count):
            unit = "recordings" if kind == "recording" else "clips"
            raise UsageError(
                f"There is no split {name!r}. {most:,} {unit} can make 2 to"
                f" {most:,} folds, such as {kind}1of2 and {kind}2of2."
            )
        fold_of = np.full(len(scenes), -1)
        fold_of[used] = _recording_folds(scenes[used], recordings[used], count)
        tested = fold_of == number - 1
    elif name == DEVELOPMENT:
        tested = np.zeros(len(scenes), dtype=bool)
    else:
        return None
    train, test = np.flatnonzero(used & ~tested), np.flatnonzero(tested)
    return _split(name, _with_validation(train, test, scenes, recordings), origins)


def unseen_value(name: str) -> tuple[str, str] | None:
    """Return group and value of a split ``unseen-GROUP:VALUE``; None for others."""
    found = _UNSEEN.fullmatch(name)
    return (found[1], found[2]) if found else None


def unseen_split(
    name: str, scenes: ArrayLike, origins: Origins, values: ArrayLike
) -> Split:
    """Return the split ``unseen-GROUP:VALUE``.

    Parameters
    ----------
    name : str
    scenes : array_like of str [shape=(clips,)]
    origins : Origins
    values : array_like of str [shape=(clips,)]
        The column of the group; empty where it is not known.

    Raises
    ------
    UsageError
        If no clip has the value, or no other one.
    """
    group, value = unseen_value(name) or ("", "")
    scenes, values, recordings = map(np.asarray, (scenes, values, origins.recordings))
    own, other = values == value, (values != value) & (values != "")
    known = np.unique(values[own | other]).tolist()
    if value not in known:
        raise UsageError(unknown_name(group, value, known))
    if not other.any():
        raise UsageError(
            f"There is no split {name!r}: all clips are of {group} {value}, so there is"
            " nothing to train on."
        )
    shared = other & np.isin(recordings, recordings[own])
    tested, share = recordings[own], _UNSEEN_SHARE * other.sum()
    if shared.sum() > share:
        parts = _split_recordings(
            scenes[shared], recordings[shared], (0.0, share / shared.sum())
        )
        tested = np.setdiff1d(tested, recordings[shared][parts == 0])
    in_tested = np.isin(recordings, tested)
    train, test = np.flatnonzero(other & ~in_tested), np.flatnonzero(own & in_tested)
    if not len(train) or not len(test):
        raise UsageError(
            f"There is no split {name!r}: other clips are of the same recordings, and"
            " these are too few to be in train and in test."
        )
    return _split(name, _with_validation(train, test, scenes, recordings), origins)


def _check_named(name: str, origins: Origins) -> None:
    if not origins.named.any():
        raise UsageError(
            f"There is no split {name!r}: the corpus names no recordings. Use random,"
            " or random1of5, or name them in a column of a table."
        )


def split_notes(corpus: Corpus, splits: Mapping[str, Split]) -> Iterator[str]:
    """Yield sentences on what the splits of a corpus lack."""
    unknown = corpus.without_recording
    if not corpus.recordings_known:
        yield (
            "The corpus gives no recording identifiers, so leakage cannot be computed"
            " and there is no split recording. A table with a column recording would"
            " give them."
        )
    elif unknown:
        yield (
            f"{unknown:,} of {len(corpus.clips):,} clips name no recording. They are in"
            " no part of split recording, and leakage of other splits is known only in"
            " part."
        )
    for part, advice in (
        ("test", ""),
        ("validation", " To train on one, use --monitor loss."),
    ):
        without = [name for name, split in splits.items() if not len(split.part(part))]
        if part == "test" and GIVEN in without:
            without.remove(GIVEN)
            yield "Split given has no test part: the corpus gives none."
        if without:
            kind = "Split" if len(without) == 1 else "Splits"
            yield (
                f"{kind} without a {part} part, for too few clips or recordings of a"
                f" scene: {some_of(without)}.{advice}"
            )
    if "recording" in splits:
        yield from _scenes_left_out(corpus, splits["recording"])


def _scenes_left_out(corpus: Corpus, split: Split) -> Iterator[str]:
    """Yield what parts of split recording lack."""
    for part in PARTS:
        rows = split.part(part)
        found = {corpus.clips[row].scene for row in rows}
        missing = [scene for scene in corpus.scenes if scene not in found]
        if len(rows) and missing:
            yield (
                f"Part {part} of split recording has no clips of"
                f" {some_of(missing)}: there are too few recordings."
            )


def _split(name: str, parts: np.ndarray, origins: Origins) -> Split:
    train, validation, test = (
        np.flatnonzero(parts == part).astype(np.int32) for part in range(3)
    )
    return origins.split(name, train, validation, test)


def _with_validation(
    train: np.ndarray, test: np.ndarray, scenes: np.ndarray, recordings: np.ndarray
) -> np.ndarray:
    """Return the part of every clip, with validation taken from train.

    Clips in neither list have part -1.
    """
    parts = np.full(len(scenes), -1)
    parts[train] = 0
    # Recordings that the lists put on both sides stay in train: leakage shows them.
    free = train[~np.isin(recordings[train], recordings[test])]
    parts[free] = _split_recordings(scenes[free], recordings[free], (SHARES[0], 0.0))
    parts[test] = 2
    return parts


def _split_clips(scenes: np.ndarray) -> np.ndarray:
    """Return the part (0, 1, 2) of every clip, stratified by scene.

    Validation and test get their share of every scene, rounded by largest
    remainder: their totals are exact, and no scene differs by a clip or more. A
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


def _split_recordings(
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
    at all. So the clips of a scene in two folds differ by at most the largest
    recording. scikit-learn's StratifiedGroupKFold is not used: its folds differ
    between its versions, and a run must find its own test part again.
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
    _, member, sizes = np.unique(recordings, return_inverse=True, return_counts=True)
    labels, label = np.unique(scenes, return_inverse=True)
    # Pairs that occur, not a matrix: a hostile table has as many labels as recordings.
    pairs, counts = np.unique(member * len(labels) + label, return_counts=True)
    of_recording, of_scene = np.divmod(pairs, len(labels))
    order = np.lexsort((of_scene, -counts, of_recording))
    _, first = np.unique(of_recording[order], return_index=True)
    return member, of_scene[order][first], sizes


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

    def cut(start: np.ndarray, wanted: float, last: int) -> tuple[np.ndarray, ...]:
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
