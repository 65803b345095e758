"""Whether accuracies differ by more than luck.

Clips of one recording are right or wrong together, so recordings are compared, not
clips.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from asc.errors import UsageError
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.intervals import DRAWS, FEW_RECORDINGS, blocks, cautious_limits
from asc.text import counted


@dataclass(frozen=True)
class PairedTest:
    """The difference of two accuracies on the same clips.

    Attributes
    ----------
    difference : float
        Accuracy of the first less that of the second.
    ci95 : tuple of two floats
        It holds 0 where ``p_value`` is 0.05 or more.
    ci95_cautious : tuple of two floats
        To go by where recordings are few: they may all be alike, and the next one
        another (`asc.evaluation.intervals.cautious_interval`). Never narrower.
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
    ci95_cautious: tuple[float, float]
    p_value: float
    accuracies: tuple[float, float]
    clips: int
    recordings: int | None
    p_holm: float | None = None

    @property
    def p(self) -> float:
        """The p-value to go by: the corrected one if there is one."""
        return self.p_value if self.p_holm is None else self.p_holm

    @property
    def few_recordings(self) -> bool:
        """Whether `ci95_cautious` must be told."""
        return self.recordings is not None and self.recordings < FEW_RECORDINGS

    def sentence(self) -> str:
        """Return the difference with its interval and its (corrected) p-value."""
        low, high = (100 * value for value in self.ci95)
        unit = "clip by clip, recordings unknown"
        if self.recordings is not None:
            unit = counted(self.recordings, "recording", "recordings")
        if self.few_recordings:
            least, most = (100 * value for value in self.ci95_cautious)
            unit += f", so few that {least:+.1f} to {most:+.1f} is safer to say"
        return (
            f"{100 * self.difference:+.2f} points (95 % interval {low:+.1f} to"
            f" {high:+.1f}; {unit}), p {self.p:.4f}"
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
    holds all differences that the same flips do not rule out; with few recordings it
    is too narrow, as all such intervals are, and the cautious one is told beside it.

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
    several = [given] if isinstance(given, Evaluation) else list(given)
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
        all(one.metrics.recordings is not None for one in several),
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
    pairs: Iterable[
        tuple[Evaluation | Iterable[Evaluation], Evaluation | Iterable[Evaluation]]
    ],
) -> list[PairedTest | UsageError]:
    """Test the first of each pair against the second, with p-values that know of all.

    Parameters
    ----------
    pairs : iterable of (a, b)
        As `paired_test` takes them.

    Returns
    -------
    list of PairedTest or UsageError
        One for each pair; the error where the two cannot be compared.
    """
    found: list[PairedTest | UsageError] = []
    for a, b in pairs:
        try:
            found.append(paired_test(a, b))
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
    for block in blocks(draws, len(names)):
        half = rng.random((block.stop - block.start, len(names))) < 0.5
        some = half.any(axis=1)
        halves = np.round(half @ gained / np.where(some, half @ shares, 1), 12)
        lows[block] = np.where(some, halves, -1)
        highs[block] = np.where(some, halves, 1)
    fewer = min((lows <= 0).sum(), (highs >= 0).sum())
    # What 2.5 % of the draws reach at either end is not ruled out.
    rank = max(0, math.ceil(0.025 * (draws + 1)) - 2)
    low, high = float(np.sort(lows)[rank]), float(np.sort(highs)[-1 - rank])
    # Recordings that are alike can be drawn at once.
    kinds, alike = np.unique(np.round([gained, shares], 12), axis=1, return_counts=True)
    least, most = cautious_limits(
        kinds[0], kinds[1], alike, (-1.0, 1.0), draws=draws, seed=seed
    )
    known = a.recordings_known and b.recordings_known
    return PairedTest(
        difference=float(gained.sum()),
        ci95=(low, high),
        ci95_cautious=(min(least, low), max(most, high)),
        p_value=float(min(1, 2 * (1 + fewer) / (1 + draws))),
        accuracies=(a.accuracy, b.accuracy),
        clips=len(a.paths),
        recordings=len(names) if known else None,
    )
