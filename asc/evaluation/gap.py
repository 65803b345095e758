"""The difference of two accuracies on different clips, such as those of two splits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from asc.errors import UsageError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.intervals import (
    DRAWS,
    Interval,
    bootstrap,
    few_units,
    korn_graubard_interval,
    newcombe_interval,
    percentiles,
    wider,
)
from asc.evaluation.measure import recording_counts
from asc.text import counted, interval


@dataclass(frozen=True)
class Tested:
    """The accuracy of one side of a difference, and what it was tested on.

    Attributes
    ----------
    accuracy : float
        The mean over evaluations, such as seeds.
    clips : int
        Different clips.
    recordings, without_recording : int or None
        As in `asc.evaluation.metrics.Metrics`.
    """

    accuracy: float
    clips: int
    recordings: int | None
    without_recording: int | None


@dataclass(frozen=True)
class UnpairedDifference:
    """The difference of two accuracies on different clips.

    It contains the difference between the clips, so there is no test of the models.

    Attributes
    ----------
    difference : float
        Accuracy of the first minus that of the second.
    ci95 : (float, float)
        95 % CI, a bootstrap over the recordings of either side.
    ci95_cautious : (float, float)
        The conservative one, for few recordings
        (`asc.evaluation.intervals.newcombe_interval`). Never narrower than ``ci95``.
    first, second : Tested
    """

    difference: float
    ci95: Interval
    ci95_cautious: Interval
    first: Tested
    second: Tested

    @property
    def few_recordings(self) -> bool:
        """Whether ``ci95_cautious`` is the interval to report."""
        return few_units(self.first) or few_units(self.second)

    def sentence(self) -> str:
        """Return the difference with its interval and samples, in one line."""
        return (
            f"{100 * self.difference:+.1f} percentage points [{self.uncertainty()}],"
            " on other test clips, so not paired and not tested"
        )

    def uncertainty(self) -> str:
        """Return the interval to report, and the sample sizes of both sides."""
        name, limits = "95 % CI", self.ci95
        if self.few_recordings:
            name, limits = "conservative 95 % CI", self.ci95_cautious
        sides = (self.first, self.second)
        clips = " and ".join(f"{side.clips:,}" for side in sides)
        units = " and ".join(map(_units, sides))
        return f"{name} {interval(limits, signed=True)}; {clips} clips, {units}"


def unpaired_difference(
    a: Evaluation | Iterable[Evaluation],
    b: Evaluation | Iterable[Evaluation],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> UnpairedDifference:
    """Return the difference of two accuracies on different clips.

    The recordings of either side are drawn independently of those of the other. Those
    that both have make the interval a little too wide, not too narrow.

    Parameters
    ----------
    a, b : Evaluation or iterable of them
        Of several, such as seeds, the mean accuracy. A recording is drawn with its
        clips in all of them.
    draws : int
    seed : int

    Raises
    ------
    UsageError
        If there is no evaluation, or if they have different scenes.

    References
    ----------
    Efron, Tibshirani. "An Introduction to the Bootstrap." 1993, chapter 8 (the
    two-sample problem).
    """
    pair = [[one] if isinstance(one, Evaluation) else list(one) for one in (a, b)]
    if not all(pair):
        raise UsageError("There is no evaluation to compare.")
    if len({tuple(sorted(one.scenes)) for side in pair for one in side}) > 1:
        raise UsageError("Only evaluations of the same scenes can be compared.")
    tested, drawn, limits = [], [], []
    for number, side in enumerate(pair):
        correct = np.concatenate([one.correct for one in side])
        names = np.concatenate([one.recordings for one in side])
        group = np.repeat(np.arange(len(side)), [len(one.paths) for one in side])
        drawn.append(bootstrap(correct, names, group, draws, 2 * seed + number))
        limits.append(korn_graubard_interval(correct, names))
        tested.append(_tested(side))
    (first, second), (low, high) = tested, percentiles(drawn[0] - drawn[1])
    conservative = newcombe_interval((first.accuracy, second.accuracy), limits)
    return UnpairedDifference(
        first.accuracy - second.accuracy,
        (low, high),
        wider((low, high), conservative),
        first,
        second,
    )


def _tested(side: list[Evaluation]) -> Tested:
    clips = {
        path: (name, named)
        for one in side
        for path, name, named in zip(
            one.paths, one.recordings, one.named.tolist(), strict=True
        )
    }
    names, named = zip(*clips.values(), strict=True)
    accuracy = float(np.mean([one.metrics.accuracy for one in side]))
    counts = recording_counts(names, np.array(named))
    return Tested(accuracy, len(clips), **counts)


def _units(side: Tested) -> str:
    if side.recordings is None:
        return "recordings unknown (clips taken as independent)"
    text = counted(side.recordings, "recording", "recordings")
    if side.without_recording:
        text += f" ({side.without_recording:,} clips without one)"
    return text
