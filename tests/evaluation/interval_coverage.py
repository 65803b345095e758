"""How often the intervals cover the truth, in simulated tests with few recordings.

    python tests/evaluation/interval_coverage.py [TRIALS]

prints three tables, of accuracies, of differences on the same clips and of those on
other clips: coverage in percent and mean width of each interval. A reduced form runs in
the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from scipy import stats

from asc.evaluation.intervals import (
    Interval,
    bonett_price_interval,
    bootstrap,
    korn_graubard_interval,
    newcombe_interval,
    percentiles,
    recording_interval,
    wider,
)

RECORDINGS = (5, 10, 20, 50)
ACCURACIES = (0.5, 0.7, 0.85, 0.97)
#: Correlation of two clips of one recording.
CORRELATIONS = (0.1, 0.4, 0.8)
#: Accuracies of two models, and the correlation of clips in a recording.
PAIRS = (
    (0.7, 0.7, 0.4),
    (0.85, 0.8, 0.4),
    (0.85, 0.8, 0.8),
    (0.9, 0.6, 0.4),
    (0.97, 0.97, 0.4),
    (0.97, 0.93, 0.8),
    (1.0, 0.97, 0.8),
    (1.0, 0.97, 0.999),
)

#: Recordings and accuracy of two tests on other clips, and the correlation.
UNPAIRED = (
    (5, 0.9, 5, 0.5, 0.4),
    (10, 0.97, 5, 0.6, 0.4),
    (30, 0.97, 8, 0.6, 0.4),
    (60, 0.97, 15, 0.6, 0.4),
    (20, 0.8, 20, 0.8, 0.4),
    (20, 0.97, 20, 0.85, 0.8),
    (50, 0.97, 50, 0.85, 0.4),
)

#: Clips of each recording that are right, and all.
Sample = tuple[np.ndarray, np.ndarray]


def _seed(recordings: int, *shares: float) -> list[int]:
    return [recordings, *(round(1000 * share) for share in shares)]


def chances(accuracy: float, correlation: float, places: np.ndarray) -> np.ndarray:
    """Return the chance to be right in each recording, from uniform random numbers."""
    if accuracy in (0, 1):
        return np.full(len(places), accuracy)
    counts = (1 - correlation) / correlation
    return stats.beta.ppf(places, accuracy * counts, (1 - accuracy) * counts)


def sample_one(
    rng: np.random.Generator, recordings: int, accuracy: float, correlation: float
) -> Sample:
    """Return one simulated test: recordings of 4 to 12 clips, beta-binomial."""
    clips = rng.integers(4, 13, recordings)
    places = rng.random(recordings)
    return rng.binomial(clips, chances(accuracy, correlation, places)), clips


def sample_two(
    rng: np.random.Generator,
    recordings: int,
    accuracies: tuple[float, float],
    correlation: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return clips that only the first has right, that only the second has, and all.

    What is hard for one model is hard for the other: their chances are correlated.
    """
    clips = rng.integers(4, 13, recordings)
    shared = rng.normal(size=recordings)
    first, second = (
        chances(
            accuracy,
            correlation,
            stats.norm.cdf((shared + rng.normal(size=recordings)) / 2**0.5),
        )
        for accuracy in accuracies
    )
    gained = rng.binomial(clips, first * (1 - second))
    left = np.maximum(1 - first * (1 - second), 1e-12)
    lost = rng.binomial(clips - gained, np.minimum(second * (1 - first) / left, 1))
    return gained, lost, clips


def by_clip(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each clip is right, and its recording."""
    right, clips = sample
    names = np.repeat(np.arange(len(clips)), clips)
    place = np.arange(clips.sum()) - np.repeat(clips.cumsum() - clips, clips)
    return place < np.repeat(right, clips), names


def t_interval(gained: np.ndarray, lost: np.ndarray, clips: np.ndarray) -> Interval:
    """Return the cluster-robust t-interval of the difference of two accuracies."""
    count, total = len(clips), clips.sum()
    difference = (gained - lost).sum() / total
    residuals = (gained - lost - difference * clips) / total
    error = (count / (count - 1) * (residuals @ residuals)) ** 0.5
    reach = stats.t.ppf(0.975, count - 1) * error
    return difference - reach, difference + reach


#: Intervals of an accuracy, and of a difference.
OF_ONE: dict[str, Callable[[Sample], Interval]] = {
    "bootstrap": lambda sample: recording_interval(*by_clip(sample), draws=1000),
    "Korn-Graubard": lambda sample: korn_graubard_interval(*by_clip(sample)),
    "conservative": lambda sample: wider(
        recording_interval(*by_clip(sample), draws=1000),
        korn_graubard_interval(*by_clip(sample)),
    ),
}
OF_TWO: dict[str, Callable[..., Interval]] = {
    "t": t_interval,
    "Bonett-Price": bonett_price_interval,
}


def _by_bootstrap(first: Sample, second: Sample) -> Interval:
    drawn = (
        bootstrap(*by_clip(sample), draws=1000, seed=seed)
        for seed, sample in enumerate((first, second))
    )
    return percentiles(next(drawn) - next(drawn))


def _by_newcombe(first: Sample, second: Sample) -> Interval:
    shares = [right.sum() / clips.sum() for right, clips in (first, second)]
    limits = [korn_graubard_interval(*by_clip(one)) for one in (first, second)]
    return newcombe_interval((shares[0], shares[1]), limits)


OF_UNPAIRED: dict[str, Callable[..., Interval]] = {
    "unpaired bootstrap": _by_bootstrap,
    "Newcombe": _by_newcombe,
    "conservative": lambda *pair: wider(_by_bootstrap(*pair), _by_newcombe(*pair)),
}


def coverage(
    intervals: dict[str, Callable[..., Interval]],
    truth: float,
    samples: Iterator,
    trials: int,
) -> dict[str, tuple[float, float]]:
    """Return the share of samples whose interval covers the truth, and mean width."""
    limits: dict[str, list[Interval]] = {name: [] for name in intervals}
    for _, sample in zip(range(trials), samples, strict=False):
        for name, interval in intervals.items():
            limits[name].append(interval(sample))
    found = {}
    for name, each in limits.items():
        low, high = np.array(each).T
        covered = (low <= truth + 1e-9) & (truth - 1e-9 <= high)
        found[name] = float(covered.mean()), float((high - low).mean())
    return found


def of_one(
    recordings: int,
    accuracy: float,
    correlation: float,
    trials: int,
    intervals: dict[str, Callable[..., Interval]] | None = None,
) -> dict[str, tuple[float, float]]:
    """Return coverage and width of the intervals of an accuracy."""
    rng = np.random.default_rng(_seed(recordings, accuracy, correlation))
    samples = iter(lambda: sample_one(rng, recordings, accuracy, correlation), None)
    return coverage(intervals or OF_ONE, accuracy, samples, trials)


def of_two(
    recordings: int,
    pair: tuple[float, float, float],
    trials: int,
    intervals: dict[str, Callable[..., Interval]] | None = None,
) -> dict[str, tuple[float, float]]:
    """Return coverage and width of the intervals of a difference."""
    first, second, correlation = pair
    rng = np.random.default_rng(_seed(recordings, *pair))
    samples = iter(
        lambda: sample_two(rng, recordings, (first, second), correlation), None
    )
    given = {
        name: lambda sample, interval=interval: interval(*sample)
        for name, interval in (intervals or OF_TWO).items()
    }
    return coverage(given, first - second, samples, trials)


def of_unpaired(
    case: tuple[int, float, int, float, float],
    trials: int,
    intervals: dict[str, Callable[..., Interval]] | None = None,
) -> dict[str, tuple[float, float]]:
    """Return coverage and width of the intervals of a difference on other clips."""
    many, first, few, second, correlation = case
    rng = np.random.default_rng(_seed(many + few, first, second, correlation))
    samples = iter(
        lambda: (
            sample_one(rng, many, first, correlation),
            sample_one(rng, few, second, correlation),
        ),
        None,
    )
    given = {
        name: lambda sample, interval=interval: interval(*sample)
        for name, interval in (intervals or OF_UNPAIRED).items()
    }
    return coverage(given, first - second, samples, trials)


def main(trials: int) -> None:
    """Print coverage in percent and mean width for every case."""
    print("recordings  accuracy  correlation  " + "  ".join(OF_ONE))
    for recordings, accuracy, correlation in product(
        RECORDINGS, ACCURACIES, CORRELATIONS
    ):
        found = of_one(recordings, accuracy, correlation, trials)
        print(f"{recordings:10}  {accuracy:8.2f}  {correlation:11.1f}  {_row(found)}")
    print("\nrecordings  accuracies   correlation  " + "  ".join(OF_TWO))
    for recordings, pair in product(RECORDINGS, PAIRS):
        found = of_two(recordings, pair, trials)
        first, second, correlation = pair
        accuracies = f"{first:.2f}, {second:.2f}"
        print(f"{recordings:10}  {accuracies}  {correlation:12.3f}  {_row(found)}")
    print("\nrecordings  accuracies   correlation  " + "  ".join(OF_UNPAIRED))
    for case in UNPAIRED:
        found = of_unpaired(case, trials)
        many, first, few, second, correlation = case
        sizes, accuracies = f"{many}, {few}", f"{first:.2f}, {second:.2f}"
        print(f"{sizes:>10}  {accuracies}  {correlation:12.3f}  {_row(found)}")


def _row(found: dict[str, tuple[float, float]]) -> str:
    return "  ".join(
        f"{100 * covered:5.1f} {width:5.3f}".ljust(len(name))
        for name, (covered, width) in found.items()
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
