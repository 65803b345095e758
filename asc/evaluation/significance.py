"""Statistical significance of differences in accuracy.

Clips of one recording are right or wrong together, so recordings are permuted, not
clips.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asc.corpus.leakage import Origins
from asc.errors import UsageError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.intervals import (
    DRAWS,
    Interval,
    blocks,
    bonett_price_interval,
    few_units,
    wider,
)
from asc.evaluation.measure import recording_counts
from asc.text import counted


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
        Those that are known; None if none are. A clip without one is a unit of its
        own.
    without_recording : int or None
        Clips whose recording is not known, where only some are.
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
    without_recording: int | None = None

    @property
    def p(self) -> float:
        """The p-value to report: the corrected one if there is one."""
        return self.p_value if self.p_holm is None else self.p_holm

    @property
    def few_recordings(self) -> bool:
        """Whether ``ci95_cautious`` is the interval to report."""
        return few_units(self)


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
    first, second = _Results.pooled(a), _Results.pooled(b)
    if common:
        first, second = first.within(second.paths), second.within(first.paths)
        if not len(first.paths):
            raise UsageError("The two have no clip in common.")
    _check_same_clips(first, second)
    names, member = np.unique(first.recordings, return_inverse=True)
    clips = len(first.paths)

    def per_recording(values: np.ndarray) -> np.ndarray:
        return np.bincount(member, values)

    gains = (first.right - second.right) * first.weights
    gained, weights = per_recording(gains), per_recording(first.weights)

    # scipy.stats.permutation_test has the p-value alone. Here the interval comes from
    # the same draws, so the two cannot contradict each other: flipping the signs of
    # some recordings leaves no more than the observed difference if their own is 0 or
    # more, so differences in random halves give both. An empty half excludes nothing.
    # Rounded, because equal halves must not differ by the order of a sum.
    rng = np.random.default_rng(seed)
    lows, highs = np.empty(draws), np.empty(draws)
    for block in blocks(draws, len(names)):
        half = rng.random((block.stop - block.start, len(names))) < 0.5
        some = half.any(axis=1)
        halves = np.round(half @ gained / np.where(some, half @ weights, 1), 12)
        lows[block] = np.where(some, halves, -1)
        highs[block] = np.where(some, halves, 1)
    fewer = min((lows <= 0).sum(), (highs >= 0).sum())
    # What 2.5 % of the draws reach at either end is not excluded.
    rank = max(0, math.ceil(0.025 * (draws + 1)) - 2)
    ci95 = float(np.sort(lows)[rank]), float(np.sort(highs)[-1 - rank])
    conservative = bonett_price_interval(
        clips * per_recording(np.maximum(gains, 0)),
        clips * per_recording(np.maximum(-gains, 0)),
        clips * weights,
    )
    return PairedTest(
        difference=float(gained.sum()),
        ci95=ci95,
        ci95_cautious=wider(ci95, conservative),
        p_value=float(min(1, 2 * (1 + fewer) / (1 + draws))),
        accuracies=(
            float(first.right @ first.weights),
            float(second.right @ second.weights),
        ),
        clips=clips,
        **recording_counts(first.recordings, first.named),
    )


@dataclass(frozen=True)
class _Results:
    """The results of one or several evaluations by clip, sorted by path."""

    paths: np.ndarray
    scenes: np.ndarray
    recordings: np.ndarray
    #: Times that the clip was tested, and the share of them that were right.
    tested: np.ndarray
    right: np.ndarray

    @classmethod
    def pooled(cls, given: Evaluation | Iterable[Evaluation]) -> _Results:
        several = [given] if isinstance(given, Evaluation) else list(given)
        if not several:
            raise UsageError("There is no evaluation to compare.")

        def joined(columns: Iterable[Any]) -> np.ndarray:
            return np.concatenate(list(columns))

        paths, first, member = np.unique(
            joined(one.paths for one in several), return_index=True, return_inverse=True
        )
        tested = np.bincount(member)
        return cls(
            paths,
            joined(np.array(one.scenes)[one.truth] for one in several)[first],
            joined(one.recordings for one in several)[first],
            tested,
            np.bincount(member, joined(one.correct for one in several)) / tested,
        )

    @property
    def named(self) -> np.ndarray:
        """Whether the recording of each clip is known."""
        return Origins(self.recordings, self.paths).named

    def within(self, paths: np.ndarray) -> _Results:
        """Return the clips that are among some paths."""
        kept = np.isin(self.paths, paths)
        columns = ("paths", "scenes", "recordings", "tested", "right")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    @property
    def weights(self) -> np.ndarray:
        """The weight of each clip in accuracy."""
        return self.tested / self.tested.sum()


def _check_same_clips(a: _Results, b: _Results) -> None:
    if not np.array_equal(a.paths, b.paths):
        shared = np.isin(a.paths, b.paths).sum()
        raise UsageError(
            "Only evaluations of the same clips can be compared. Got"
            f" {counted(len(a.paths), 'clip', 'clips')} and {len(b.paths):,}, of which"
            f" {shared:,} are in both. Evaluate both on the same part of one split."
        )
    for what in ("scene", "recording"):
        one, other = (getattr(each, f"{what}s") for each in (a, b))
        for row in np.flatnonzero(one != other)[:1]:
            raise UsageError(
                f"{a.paths[row]} is not the same clip in both. Got {what} {one[row]}"
                f" and {other[row]}."
            )
    if not np.allclose(a.weights, b.weights, rtol=1e-9, atol=0):
        raise UsageError(
            "The two did not test their clips equally often, so their accuracies are"
            " weighted differently. Compare the same folds, each with all its seeds."
        )


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
