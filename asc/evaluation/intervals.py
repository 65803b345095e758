"""Confidence intervals of accuracies and of their differences.

Clips of one recording are right or wrong together, so the recording is the unit
of everything here, not the clip: on TUT 2017 an interval over clips is three times
too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from asc.errors import UsageError

#: Draws of the bootstrap and of the permutation test, and values held at a time.
DRAWS, _BLOCK = 10_000, 4_000_000
#: With fewer recordings the conservative interval is reported alongside the other.
FEW_RECORDINGS = 50

Interval = tuple[float, float]
#: Below this a variance is a rounding error.
_NO_VARIANCE = 1e-12


def recording_interval(
    correct: np.ndarray,
    recordings: Sequence[Hashable] | np.ndarray,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the percentile bootstrap interval of accuracy over recordings.

    The recordings are drawn with replacement, all clips of each. With few
    recordings, or where nearly all clips are right, it is too narrow: with 10
    recordings it covers the truth in 38 to 92 % of simulated tests
    (``tests/evaluation/interval_coverage.py``). Then report `korn_graubard_interval`.

    Parameters
    ----------
    correct : np.ndarray [shape=(clips,)], bool
    recordings : sequence [length=clips]
        The name of the recording of each clip.
    groups : np.ndarray [shape=(clips,)], optional
        The group of each clip, such as its scene. The interval is then that of the
        mean of the accuracies in the groups, of those that were drawn.
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
    return percentiles(bootstrap(correct, recordings, groups, draws, seed), level)


def bootstrap(
    correct: np.ndarray,
    recordings: Sequence[Hashable] | np.ndarray,
    groups: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> np.ndarray:
    """Return the accuracies of draws of the recordings [shape=(draws,)].

    Parameters are those of `recording_interval`.
    """
    # scipy.stats.bootstrap gives the same, but draws unit by unit: for the clips of
    # TUT 2017 that takes a hundred times longer than drawing units with equal counts
    # at once.
    right, seen, alike = _kinds(correct, recordings, groups)
    count = alike.sum()
    rng = np.random.default_rng(seed)
    accuracy = np.empty(draws)
    for block in blocks(draws, max(right.shape)):
        # How often the recordings of each kind are drawn.
        times = rng.multinomial(count, alike / count, block.stop - block.start)
        drawn = times @ seen
        shares = times @ right / np.where(drawn, drawn, 1)
        accuracy[block] = shares.sum(axis=1) / (drawn > 0).sum(axis=1)
    return accuracy


def percentiles(drawn: np.ndarray, level: float = 0.95) -> Interval:
    """Return the interval between the percentiles of drawn values."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def both_intervals(
    correct: np.ndarray, recordings: Sequence[Hashable] | np.ndarray
) -> tuple[Interval, Interval]:
    """Return the `recording_interval`, and the conservative one for few recordings.

    The latter is the `korn_graubard_interval`, or the limit of the former where that
    is further out.
    """
    interval = recording_interval(correct, recordings)
    return interval, wider(interval, korn_graubard_interval(correct, recordings))


def wider(one: Interval, other: Interval) -> Interval:
    """Return the outer limits of two intervals."""
    return min(one[0], other[0]), max(one[1], other[1])


def korn_graubard_interval(
    correct: np.ndarray,
    recordings: Sequence[Hashable] | np.ndarray,
    *,
    level: float = 0.95,
) -> Interval:
    """Return the Korn-Graubard interval of accuracy, for few recordings.

    It is the exact binomial interval of Clopper and Pearson, for the
    `effective_size` of the sample in place of the number of clips. R has it as
    ``survey::svyciprop(method = "beta")``, without the limit to the number of clips
    and the correction for few recordings, which make it wider.

    In simulated tests with 5 to 50 recordings, accuracies from 0.5 to 0.97 and
    correlations from 0.1 to 0.8 within a recording, it covers the truth in 90 to
    100 % (``tests/evaluation/interval_coverage.py``). It falls below 95 % where
    accuracy is high and recordings are right or wrong as a whole: a sample then
    often has none of the recordings that are wrong, and too little variance.

    Parameters
    ----------
    correct : np.ndarray [shape=(clips,)], bool
    recordings : sequence [length=clips]
        The name of the recording of each clip.
    level : float in (0, 1)

    Returns
    -------
    low, high : float

    References
    ----------
    Korn, Graubard. "Confidence intervals for proportions with small expected number
    of positive counts estimated from survey data." Survey Methodology 24, 1998.
    """
    _, member = np.unique(np.asarray(recordings), return_inverse=True)
    right, clips = np.bincount(member, correct), np.bincount(member)
    share = right.sum() / clips.sum()
    size = effective_size(right, clips, share * (1 - share), level)
    hits, misses, tail = size * share, size * (1 - share), (1 - level) / 2
    low = betaincinv(hits, misses + 1, tail) if hits else 0.0
    high = betaincinv(hits + 1, misses, 1 - tail) if misses else 1.0
    return float(low), float(high)


def bonett_price_interval(
    gained: np.ndarray, lost: np.ndarray, clips: np.ndarray, *, level: float = 0.95
) -> Interval:
    """Return an interval of the difference of two accuracies on the same clips.

    It is the adjusted Wald interval of Bonett and Price for paired shares (one clip
    more is gained and one lost than was seen), for the `effective_size` of the
    sample in place of the number of clips. In contrast to a t-interval over
    recordings it is wide where few recordings differ or none. In simulated tests
    with 5 to 50 recordings it covers the truth in 91 to 100 %, a t-interval in 13
    to 100 % (``tests/evaluation/interval_coverage.py``).

    Parameters
    ----------
    gained, lost : np.ndarray [shape=(recordings,)]
        Clips of each recording that only the first, or only the second, has right.
    clips : np.ndarray [shape=(recordings,)]
        All clips of each recording.
    level : float in (0, 1)

    Returns
    -------
    low, high : float

    References
    ----------
    Bonett, Price. "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data." Journal of Educational and Behavioral
    Statistics 37, 2012.
    """
    better, worse = gained.sum() / clips.sum(), lost.sum() / clips.sum()
    variance = better + worse - (better - worse) ** 2
    size = effective_size(gained - lost, clips, variance, level)
    better, worse = ((size * share + 1) / (size + 2) for share in (better, worse))
    difference = better - worse
    error = math.sqrt((better + worse - difference**2) / (size + 2))
    reach = -float(ndtri((1 - level) / 2)) * error
    return max(-1.0, difference - reach), min(1.0, difference + reach)


def newcombe_interval(
    shares: tuple[float, float], limits: Sequence[Interval]
) -> Interval:
    """Return an interval of the difference of two independent shares.

    The distances of each share from its own limits are added as squares (Newcombe's
    hybrid score interval, with any interval in place of the score interval). In
    simulated tests with 5 to 50 recordings and the `korn_graubard_interval` of each
    it covers the truth in 94 to 98 %, the bootstrap in 84 to 95 %
    (``tests/evaluation/interval_coverage.py``).

    Parameters
    ----------
    shares : (float, float)
    limits : sequence of (float, float)
        An interval of each share.

    Returns
    -------
    low, high : float
        Of the first share minus the second.

    References
    ----------
    Newcombe. "Interval estimation for the difference between independent proportions:
    comparison of eleven methods." Statistics in Medicine 17, 1998 (method 10).
    Zou, Donner. "Construction of confidence limits about effect measures: a general
    approach." Statistics in Medicine 27, 2008.
    """
    first, second = shares
    (low, high), (least, most) = limits
    difference = first - second
    below = math.hypot(max(0, first - low), max(0, most - second))
    above = math.hypot(max(0, high - first), max(0, second - least))
    return max(-1.0, difference - below), min(1.0, difference + above)


def effective_size(
    sums: np.ndarray, clips: np.ndarray, variance: float, level: float = 0.95
) -> float:
    """Return how many independent clips would tell as much as these.

    That is the number of clips over the design effect of the recordings, at most
    the number of clips, and corrected for the few recordings that the design effect
    is estimated from (the quotient of the t-quantiles). Where all recordings are
    alike, or there is only one, the design effect cannot be estimated. It is then
    the greatest there is, that of recordings which are right or wrong as a whole.

    Parameters
    ----------
    sums : np.ndarray [shape=(recordings,)]
        The sum of a value over the clips of each recording.
    clips : np.ndarray [shape=(recordings,)]
        The number of clips of each recording.
    variance : float
        The variance of the value over all clips.
    level : float in (0, 1)
        Of the interval that the size is for.
    """
    count, total = len(clips), clips.sum()
    # Variance of a ratio of means, with recordings as primary sampling units.
    residuals = (sums - sums.sum() / total * clips) / total
    of_mean = count / max(count - 1, 1) * float(residuals @ residuals)
    if variance < _NO_VARIANCE or of_mean * total < _NO_VARIANCE:
        return float(total**2 / (clips @ clips))
    tail = (1 - level) / 2
    few = stdtrit(total - 1, tail) / stdtrit(count - 1, tail)
    return float(min(total, variance / of_mean) * few**2)


def _kinds(
    correct: np.ndarray,
    recordings: Sequence[Hashable] | np.ndarray,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the kinds of recordings, so that equal ones are drawn at once.

    Returns
    -------
    right, seen : np.ndarray [shape=(kinds, groups)]
        Clips of each group that are right, and all.
    alike : np.ndarray [shape=(kinds,)]
        How many recordings are of the kind.
    """
    names, member = np.unique(np.asarray(recordings), return_inverse=True)
    group = np.zeros(len(correct), int)
    if groups is not None:
        group = np.unique(groups, return_inverse=True)[1]
    count = group.max() + 1
    shape = len(names) * count
    place = member * count + group
    tables = [np.bincount(place, values, shape) for values in (correct, None)]
    both = np.concatenate([table.reshape(-1, count) for table in tables], axis=1)
    kinds, alike = np.unique(both, axis=0, return_counts=True)
    return kinds[:, :count], kinds[:, count:], alike


def mean_and_deviation(values: Iterable[float]) -> tuple[float, float | None]:
    """Return mean and sample standard deviation, such as of accuracy over seeds.

    The deviation of a single value is None. It measures the randomness of training,
    and says nothing about other recordings.
    """
    found = np.fromiter(values, dtype=float)
    if not len(found):
        raise UsageError("There is no value to take the mean of.")
    return float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else None


def few_units(result: Any) -> bool:
    """Return whether a result is of so few units that its bootstrap CI is too narrow.

    The units are recordings, and clips whose recording is not known.
    """
    if result.recordings is None:
        return result.clips < FEW_RECORDINGS
    return result.recordings + (result.without_recording or 0) < FEW_RECORDINGS


def blocks(draws: int, width: int) -> Iterator[slice]:
    """Yield the draws in runs that take a bounded amount of memory."""
    step = max(1, _BLOCK // width)
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))
