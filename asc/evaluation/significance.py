"""Statistical significance of differences in accuracy.

Clips of one recording are right or wrong together, so recordings are permuted, not
clips.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from asc.errors import UsageError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.intervals import (
    DRAWS,
    FEW_RECORDINGS,
    Interval,
    blocks,
    bonett_price_interval,
    wider,
)
from asc.text import counted, interval


@dataclass(frozen=True)
class PairedTest:
    """The difference of two accuracies on the same clips.

    Attributes
    ----------
    difference : float
        Accuracy of the first minus that of the second.
    ci95 : (float, float)
        95 % CI. It contains 0 where ``p_value`` is 0.05 or more.
    ci95_cautious : (float, float)
        The conservative 95 % CI, for few recordings: they may all be alike, and the
        next one different (`asc.evaluation.intervals.bonett_price_interval`). Never
        narrower than ``ci95``.
    p_value : float in (0, 1]
        Of the paired permutation test over recordings, two-sided.
    accuracies : (float, float)
    clips : int
    recordings : int or None
        None if the corpus names none; clips were permuted then.
    p_holm : float or None
        The p-value after Holm's correction, if there were several comparisons.
    """

    difference: float
    ci95: Interval
    ci95_cautious: Interval
    p_value: float
    accuracies: tuple[float, float]
    clips: int
    recordings: int | None
    p_holm: float | None = None

    @property
    def p(self) -> float:
        """The p-value to report: the corrected one if there is one."""
        return self.p_value if self.p_holm is None else self.p_holm

    @property
    def few_recordings(self) -> bool:
        """Whether ``ci95_cautious`` is the interval to report."""
        return self.recordings is not None and self.recordings < FEW_RECORDINGS

    def summary(self) -> str:
        """Return the difference with its intervals and its (corrected) p-value."""
        parts = [f"95 % CI {interval(self.ci95, signed=True)}"]
        if self.few_recordings:
            parts.append(f"conservative {interval(self.ci95_cautious, signed=True)}")
        unit = "recordings unknown"
        if self.recordings is not None:
            unit = counted(self.recordings, "recording", "recordings")
        parts.append(f"{counted(self.clips, 'clip', 'clips')}, {unit}")
        return (
            f"{100 * self.difference:+.1f} percentage points [{'; '.join(parts)}],"
            f" p {self.p:.4f}"
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

    If both are equally good, the results of each recording could be exchanged, so
    the sign of its difference is flipped at random. The interval contains all
    differences that the same flips do not reject. With few recordings it is too
    narrow; then report the conservative one.

    Parameters
    ----------
    a, b : Evaluation or iterable of them
        Several, such as folds and seeds, are pooled: their accuracy is that of all
        their clips.
    common : bool
        Test on the clips that both have, if they differ.
    draws : int
    seed : int

    Returns
    -------
    PairedTest

    Raises
    ------
    UsageError
        If their clips differ, or how often they were tested, or the scenes or
        recordings of a clip.

    References
    ----------
    Hartigan. "Using subsample values as typical values." Journal of the American
    Statistical Association 64, 1969 (the interval).
    Phipson, Smyth. "Permutation p-values should never be zero." Statistical
    Applications in Genetics and Molecular Biology 9, 2010.

    Examples
    --------
    >>> comparison = asc.Comparison.load("comparison")
    >>> stft, mel = (entry.evaluation for entry in comparison.entries)
    >>> test = asc.paired_test(mel, stft)
    >>> test.recordings, 0 < test.p_value <= 1
    (3, True)
    """
    return _tested(*_matched(_pooled(a), _pooled(b), common), draws, seed)


@dataclass(frozen=True)
class _PooledResults:
    """The results of one or several evaluations, by clip, sorted by path."""

    paths: np.ndarray
    scenes: np.ndarray
    recordings: np.ndarray
    #: Times that the clip was tested, and the share of them that were right.
    tested: np.ndarray
    right: np.ndarray
    recordings_known: bool

    @property
    def shares(self) -> np.ndarray:
        """The weight of each clip in accuracy."""
        return self.tested / self.tested.sum()

    @property
    def accuracy(self) -> float:
        return float((self.right * self.shares).sum())

    def within(self, paths: np.ndarray) -> _PooledResults:
        """Return the clips that are among some paths."""
        kept = np.isin(self.paths, paths)
        columns = ("paths", "scenes", "recordings", "tested", "right")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})


def _pooled(given: Evaluation | Iterable[Evaluation]) -> _PooledResults:
    several = [given] if isinstance(given, Evaluation) else list(given)
    if not several:
        raise UsageError("There is no evaluation to compare.")
    paths = np.concatenate([one.paths for one in several])
    names = [np.array(one.scenes)[one.truth] for one in several]
    right = [one.correct for one in several]
    unique, first, member = np.unique(paths, return_index=True, return_inverse=True)
    tested = np.bincount(member)
    return _PooledResults(
        unique,
        np.concatenate(names)[first],
        np.concatenate([one.recordings for one in several])[first],
        tested,
        np.bincount(member, np.concatenate(right)) / tested,
        all(one.metrics.recordings is not None for one in several),
    )


def _matched(
    a: _PooledResults, b: _PooledResults, common: bool = False
) -> tuple[_PooledResults, _PooledResults]:
    """Return the two on the same clips, or raise UsageError."""
    if common:
        a, b = a.within(b.paths), b.within(a.paths)
        if not len(a.paths):
            raise UsageError("The two have no clip in common.")
    if not np.array_equal(a.paths, b.paths):
        shared = np.isin(a.paths, b.paths).sum()
        raise UsageError(
            "Only evaluations of the same clips can be compared. Got"
            f" {counted(len(a.paths), 'clip', 'clips')} and {len(b.paths):,}, of which"
            f" {shared:,} are in both. Evaluate both on the same part of one split."
        )
    for what in ("scenes", "recordings"):
        other = np.flatnonzero(getattr(a, what) != getattr(b, what))
        if len(other):
            raise UsageError(
                f"{a.paths[other[0]]} is not the same clip in both. Got"
                f" {what.removesuffix('s')} {getattr(a, what)[other[0]]} and"
                f" {getattr(b, what)[other[0]]}."
            )
    if not np.allclose(a.shares, b.shares, rtol=1e-9, atol=0):
        raise UsageError(
            "The two did not test their clips equally often, so their accuracies are"
            " weighted differently. Compare the same folds, each with all its seeds."
        )
    return a, b


def paired_tests(
    pairs: Iterable[
        tuple[Evaluation | Iterable[Evaluation], Evaluation | Iterable[Evaluation]]
    ],
) -> list[PairedTest | UsageError]:
    """Test the first of each pair against the second, with Holm's correction.

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
    """Return p-values corrected for their number by Holm's method.

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


def _tested(
    a: _PooledResults, b: _PooledResults, draws: int = DRAWS, seed: int = 0
) -> PairedTest:
    names, member = np.unique(a.recordings, return_inverse=True)
    clips = len(a.paths)

    def per_recording(values: np.ndarray) -> np.ndarray:
        return np.bincount(member, values)

    shares = per_recording(a.shares)
    gains = a.right * a.shares - b.right * b.shares
    gained = per_recording(gains)

    # scipy.stats.permutation_test has the p-value alone. Here the interval comes from
    # the same draws, so the two cannot contradict each other: flipping the signs of
    # some recordings leaves no more than the observed difference if their own is 0 or
    # more, so differences in random halves give both. To flip none tells nothing.
    # Rounded, because equal halves must not differ by the order of a sum.
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
    ci95 = float(np.sort(lows)[rank]), float(np.sort(highs)[-1 - rank])
    conservative = bonett_price_interval(
        clips * per_recording(np.maximum(gains, 0)),
        clips * per_recording(np.maximum(-gains, 0)),
        clips * shares,
    )
    known = a.recordings_known and b.recordings_known
    return PairedTest(
        difference=float(gained.sum()),
        ci95=ci95,
        ci95_cautious=wider(ci95, conservative),
        p_value=float(min(1, 2 * (1 + fewer) / (1 + draws))),
        accuracies=(a.accuracy, b.accuracy),
        clips=clips,
        recordings=len(names) if known else None,
    )
