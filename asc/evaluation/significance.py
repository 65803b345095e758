"""How sure accuracies and their differences are.

Clips of one recording are right or wrong together, so the recording is the unit
of everything here, not the clip: on TUT 2017 an interval over clips is three times
too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError, counted

if TYPE_CHECKING:
    from asc.evaluation.evaluate import Evaluation

#: Draws of the bootstrap and of the permutation test, and values held at a time.
DRAWS, _BLOCK = 10_000, 4_000_000
#: With fewer recordings `cautious_interval` is told beside `recording_interval`.
FEW_RECORDINGS = 50
#: Weight of what was not seen, in recordings. With 1 no case is known in which the
#: interval holds the truth too seldom (Gaffke), but it is often too wide; 0 is the
#: bootstrap without it. Simulated with 5 to 250 recordings, accuracies of 0.5 to
#: 0.97 and correlations of 0.1 to 0.8 in a recording, 1/2 holds the truth in 92 to
#: 100 % of all cases; percentiles of an ordinary bootstrap in 22 to 96 %.
_UNSEEN = 0.5


def recording_interval(
    correct: np.ndarray,
    recordings: Sequence[Hashable] | np.ndarray,
    *,
    weights: np.ndarray | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the bootstrap interval of accuracy over recordings.

    The recordings are drawn with replacement, all clips of each. With few
    recordings, or where nearly all are right, it is too narrow, as all such
    intervals are: `cautious_interval` is the one to go by then.

    Parameters
    ----------
    correct : np.ndarray [shape=(clips,)], bool
    recordings : sequence [length=clips]
        The name of the recording of each clip.
    weights : np.ndarray [shape=(clips,)], optional
        What each clip counts. With 1 / (clips of its scene) the interval is that of
        class accuracy.
    level : float in (0, 1)
    draws : int
    seed : int

    Returns
    -------
    low, high : float
        Percentiles of the accuracy over the draws.

    References
    ----------
    Efron, Tibshirani. "An Introduction to the Bootstrap." 1993, chapter 13
    (percentile interval).
    """
    right, seen, alike = _kinds(correct, recordings, weights)
    count = alike.sum()
    rng = np.random.default_rng(seed)
    accuracy = np.empty(draws)
    for block in _blocks(draws, len(alike)):
        # How often the recordings of each kind are drawn.
        times = rng.multinomial(count, alike / count, block.stop - block.start)
        accuracy[block] = (times @ right) / (times @ seen)
    low, high = np.quantile(accuracy, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def cautious_interval(
    correct: np.ndarray,
    recordings: Sequence[Hashable] | np.ndarray,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """Return an interval of accuracy that holds the truth with few recordings too.

    A Bayesian bootstrap: every recording gets a random weight (exponential, which
    is smoother than drawing with replacement), and so does half a recording that
    was not seen. That one is all wrong for the lower limit and all right for the
    upper limit. Without it intervals are far too narrow where recordings are few
    or nearly all right: of ten recordings that are all right, the next may still
    be wrong. Where every clip is its own recording, the limits are quantiles of
    beta distributions, between those of Jeffreys and of Clopper and Pearson.

    Parameters
    ----------
    correct, recordings, level, draws, seed
        As for `recording_interval`.

    Returns
    -------
    low, high : float

    References
    ----------
    Rubin. "The Bayesian bootstrap." Annals of Statistics 9, 1981.
    Walley. "Inferences from multinomial data: learning about a bag of marbles."
    Journal of the Royal Statistical Society B 58, 1996 (limits over all that is
    not known beforehand).
    Learned-Miller, Thomas. "A new confidence interval for the mean of a bounded
    random variable." 2019 (Gaffke's bound, the case of weight 1).
    """
    right, seen, alike = _kinds(correct, recordings, None)
    # A sum of exponentials is a gamma.
    shapes = np.append(alike, _UNSEEN)
    size = len(correct) / alike.sum()
    rng = np.random.default_rng(seed)
    low, high = np.empty(draws), np.empty(draws)
    for block in _blocks(draws, len(shapes)):
        drawn = rng.standard_gamma(shapes, (block.stop - block.start, len(shapes)))
        unseen = drawn[:, -1] * size
        total = drawn[:, :-1] @ seen + unseen
        low[block] = drawn[:, :-1] @ right / total
        high[block] = low[block] + unseen / total
    tail = (1 - level) / 2
    return float(np.quantile(low, tail)), float(min(1, np.quantile(high, 1 - tail)))


def _kinds(
    correct: np.ndarray,
    recordings: Sequence[Hashable] | np.ndarray,
    weights: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is right and what there is of recordings, and how many are alike.

    Equal recordings can be drawn at once.
    """
    weights = np.ones(len(correct)) if weights is None else np.asarray(weights)
    _, member = np.unique(np.asarray(recordings), return_inverse=True)
    seen = np.bincount(member, weights)
    right = np.bincount(member, weights * correct)
    kinds, alike = np.unique(np.stack([right, seen]), axis=1, return_counts=True)
    return kinds[0], kinds[1], alike


@dataclass(frozen=True)
class PairedTest:
    """The difference of two accuracies on the same clips.

    Attributes
    ----------
    difference : float
        Accuracy of the first less that of the second.
    ci95 : tuple of two floats
        It holds 0 where ``p_value`` is 0.05 or more.
    p_value : float in (0, 1]
        Chance of a difference as large between two that are equally good.
    accuracies : tuple of two floats
    clips : int
    recordings : int or None
        The unit that was permuted; None if the corpus names none, and clips were.
    p_holm : float or None
        The p-value corrected for the number of comparisons, if there were several.
    """

    difference: float
    ci95: tuple[float, float]
    p_value: float
    accuracies: tuple[float, float]
    clips: int
    recordings: int | None
    p_holm: float | None = None

    def sentence(self) -> str:
        """Return the difference with its interval and its (corrected) p-value."""
        low, high = (100 * value for value in self.ci95)
        unit = "clip by clip, recordings unknown"
        if self.recordings is not None:
            unit = counted(self.recordings, "recording", "recordings")
        p = self.p_value if self.p_holm is None else self.p_holm
        return (
            f"{100 * self.difference:+.2f} points (95 % interval {low:+.1f} to"
            f" {high:+.1f}; {unit}), p {p:.4f}"
        )


def paired_test(
    a: Evaluation | Iterable[Evaluation],
    b: Evaluation | Iterable[Evaluation],
    *,
    common: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> PairedTest:
    """Test whether two models differ on the same clips, recording by recording.

    If both are equally good, each recording could as well have been told by the
    other one, so the sign of its difference is flipped at random. The interval
    holds all differences that the same flips do not rule out.

    Parameters
    ----------
    a, b : Evaluation or iterable of them
        Several, such as folds and seeds, are taken together: their accuracy is that
        of all their clips.
    common : bool
        Test on the clips that both have, if not all are the same.
    draws : int
    seed : int

    Returns
    -------
    PairedTest

    Raises
    ------
    UsageError
        If the clips are others, or not equally often tested, or if their scenes or
        recordings differ.

    References
    ----------
    Hartigan. "Using subsample values as typical values." Journal of the American
    Statistical Association 64, 1969 (the interval).
    Phipson, Smyth. "Permutation p-values should never be zero." Statistical
    Applications in Genetics and Molecular Biology 9, 2010.

    Examples
    --------
    >>> a, b = (asc.evaluate(run) for run in ("runs/a", "runs/b"))  # doctest: +SKIP
    >>> asc.paired_test(a, b).p_value                               # doctest: +SKIP
    0.31
    """
    return _tested(*_matched(_pooled(a), _pooled(b), common), draws, seed)


@dataclass(frozen=True)
class _Pool:
    """What one or several evaluations say of each clip, sorted by path."""

    paths: np.ndarray
    scenes: np.ndarray
    recordings: np.ndarray
    #: Times that the clip was tested, and the share of them that were right.
    tested: np.ndarray
    right: np.ndarray
    recordings_known: bool

    @property
    def shares(self) -> np.ndarray:
        """What each clip counts in accuracy."""
        return self.tested / self.tested.sum()

    @property
    def accuracy(self) -> float:
        return float((self.right * self.shares).sum())

    def within(self, paths: np.ndarray) -> _Pool:
        """Return the clips that are among some paths."""
        kept = np.isin(self.paths, paths)
        columns = ("paths", "scenes", "recordings", "tested", "right")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})


def _pooled(given: Evaluation | Iterable[Evaluation]) -> _Pool:
    # Not isinstance: evaluations are made with what is in this file.
    sides: Any = given
    several = [sides] if hasattr(sides, "truth") else list(sides)
    if not several:
        raise UsageError("There is no evaluation to compare.")
    paths = np.concatenate([one.paths for one in several])
    names = [np.array(one.scenes)[one.truth] for one in several]
    right = [one.probabilities.argmax(axis=1) == one.truth for one in several]
    unique, first, member = np.unique(paths, return_index=True, return_inverse=True)
    tested = np.bincount(member)
    return _Pool(
        unique,
        np.concatenate(names)[first],
        np.concatenate([one.recordings for one in several])[first],
        tested,
        np.bincount(member, np.concatenate(right)) / tested,
        all(one.metrics["recordings"] is not None for one in several),
    )


def _matched(a: _Pool, b: _Pool, common: bool = False) -> tuple[_Pool, _Pool]:
    """Return the two on the same clips, or say why they cannot be compared."""
    if common:
        a, b = a.within(b.paths), b.within(a.paths)
        if not len(a.paths):
            raise UsageError("The two have no clip in common, so nothing is paired.")
    if not np.array_equal(a.paths, b.paths):
        shared = np.isin(a.paths, b.paths).sum()
        raise UsageError(
            f"Only evaluations of the same clips can be compared: one has"
            f" {counted(len(a.paths), 'clip', 'clips')}, the other {len(b.paths):,},"
            f" and {shared:,} are in both. Evaluate both on the same part of one split."
        )
    for what in ("scenes", "recordings"):
        other = np.flatnonzero(getattr(a, what) != getattr(b, what))
        if len(other):
            raise UsageError(
                f"{a.paths[other[0]]} is not the same clip in both: its"
                f" {what.removesuffix('s')} is {getattr(a, what)[other[0]]} in one and"
                f" {getattr(b, what)[other[0]]} in the other."
            )
    if not np.allclose(a.shares, b.shares, rtol=1e-9, atol=0):
        raise UsageError(
            "The two did not test their clips equally often, so their accuracies do"
            " not count the same. Compare the same folds, each with all its seeds."
        )
    return a, b


def paired_tests(
    first: Evaluation | Iterable[Evaluation],
    others: Iterable[Evaluation | Iterable[Evaluation]],
) -> list[PairedTest | UsageError]:
    """Test several against the first, with p-values that know of one another.

    Parameters
    ----------
    first, others
        As `paired_test` takes them.

    Returns
    -------
    list of PairedTest or UsageError
        One for each of the others, less the first; the error where the two cannot
        be compared.
    """
    once = _pooled(first)
    found: list[PairedTest | UsageError] = []
    for other in others:
        try:
            found.append(_tested(*_matched(_pooled(other), once)))
        except UsageError as error:
            found.append(error)
    tests = [test for test in found if isinstance(test, PairedTest)]
    corrected = iter(holm([test.p_value for test in tests]))
    return [
        replace(test, p_holm=next(corrected)) if isinstance(test, PairedTest) else test
        for test in found
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that are corrected for their number, by Holm's method.

    References
    ----------
    Holm. "A simple sequentially rejective multiple test procedure." Scandinavian
    Journal of Statistics 6, 1979.
    """
    values = np.asarray(p_values, dtype=float)
    order = values.argsort()
    stepped = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1, np.maximum.accumulate(stepped))
    return corrected.tolist()


def mean_and_deviation(values: Iterable[float]) -> tuple[float, float | None]:
    """Return mean and sample standard deviation, such as of accuracy over seeds.

    The deviation of a single value is None. It tells how much luck there is in a
    training, and nothing about other recordings.
    """
    found = np.fromiter(values, dtype=float)
    if not len(found):
        raise UsageError("There is no value to take the mean of.")
    return float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else None


def _tested(a: _Pool, b: _Pool, draws: int = DRAWS, seed: int = 0) -> PairedTest:
    names, member = np.unique(a.recordings, return_inverse=True)
    shares = np.bincount(member, a.shares)
    gained = a.right * a.shares - b.right * b.shares
    gained = np.bincount(member, gained)

    # Flipping the signs of some recordings leaves no more than the difference that
    # was seen if their own is 0 or more: differences in random halves tell p-value
    # and interval at once. To flip none tells nothing. Rounded, because halves that
    # are equal must not differ by the order of a sum.
    rng = np.random.default_rng(seed)
    lows, highs = np.empty(draws), np.empty(draws)
    for block in _blocks(draws, len(names)):
        half = rng.random((block.stop - block.start, len(names))) < 0.5
        some = half.any(axis=1)
        halves = np.round(half @ gained / np.where(some, half @ shares, 1), 12)
        lows[block] = np.where(some, halves, -1)
        highs[block] = np.where(some, halves, 1)
    fewer = min((lows <= 0).sum(), (highs >= 0).sum())
    # What 2.5 % of the draws reach at either end is not ruled out.
    rank = max(0, math.ceil(0.025 * (draws + 1)) - 2)
    known = a.recordings_known and b.recordings_known
    return PairedTest(
        difference=float(gained.sum()),
        ci95=(float(np.sort(lows)[rank]), float(np.sort(highs)[-1 - rank])),
        p_value=float(min(1, 2 * (1 + fewer) / (1 + draws))),
        accuracies=(a.accuracy, b.accuracy),
        clips=len(a.paths),
        recordings=len(names) if known else None,
    )


def _blocks(draws: int, width: int) -> Iterator[slice]:
    """Yield the draws in runs that take a bounded amount of memory."""
    step = max(1, _BLOCK // width)
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))
