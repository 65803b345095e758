"""Accuracy by group: for each device or city, and for those seen in training or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from asc.errors import UsageError
from asc.evaluation.figures import (
    CHECKS,
    Figures,
    Flag,
    Interval,
    Positive,
    Share,
    check_by_name,
    check_figures,
)
from asc.evaluation.intervals import few_units

Values = Mapping[str, "ValueMetrics"]
Groups = Mapping[str, "GroupMetrics"]
#: Whether the model was trained on clips of a value.
SEEN, UNSEEN, UNKNOWN = 1, 0, -1


@dataclass(frozen=True, kw_only=True)
class ValueMetrics(Figures):
    """The figures of the clips of one value of a group, or of several.

    Attributes
    ----------
    accuracy, ci95, ci95_cautious, clips, recordings, without_recording
        As in `asc.evaluation.metrics.Metrics`.
    seen : bool or None
        Whether the model was trained on clips of the value. None if that is not
        known, or not the same in all folds.
    """

    accuracy: Share
    ci95: Interval
    ci95_cautious: Interval
    clips: Positive
    recordings: Positive | None
    without_recording: Positive | None = None
    seen: Flag | None = None

    @property
    def few_recordings(self) -> bool:
        """Whether ``ci95_cautious`` is the interval to report."""
        return few_units(self)


@dataclass(frozen=True, kw_only=True)
class GroupMetrics(Figures):
    """The figures of a group, such as the device.

    Attributes
    ----------
    values : dict of str to ValueMetrics
        Of each value that clips are of.
    seen, unseen : ValueMetrics or None
        Of all clips of values that the model was trained on, and was not. None if
        there are no such clips.
    """

    values: Values
    seen: ValueMetrics | None = None
    unseen: ValueMetrics | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The number of clips of each value."""
        return {value: figures.clips for value, figures in self.values.items()}

    def of_one(self, count: int) -> GroupMetrics:
        """Return these figures of `count` evaluations with the clips of one."""

        def one(figures: ValueMetrics) -> ValueMetrics:
            unknown = figures.without_recording
            return replace(
                figures,
                clips=max(1, figures.clips // count),
                without_recording=unknown and max(1, unknown // count),
            )

        return GroupMetrics(
            values={value: one(figures) for value, figures in self.values.items()},
            seen=self.seen and one(self.seen),
            unseen=self.unseen and one(self.unseen),
        )

    def seen_of(self, values: Sequence[str]) -> np.ndarray:
        """Return `asc.evaluation.measure.GroupColumn.seen` of clips of these values."""
        state = {None: UNKNOWN, True: SEEN, False: UNSEEN}
        known = {value: state[each.seen] for value, each in self.values.items()}
        return np.array([known.get(value, UNKNOWN) for value in values], np.int8)


CHECKS |= {
    "Values": partial(check_by_name, kind=ValueMetrics),
    "ValueMetrics": partial(check_figures, kind=ValueMetrics),
    "Groups": partial(check_by_name, kind=GroupMetrics),
}


def check_groups(groups: Mapping[str, GroupMetrics], clips: int, right: int) -> None:
    """Raise UsageError if a group has more clips, or more that are right, than all."""
    for name, group in groups.items():
        for kind, parts in (
            ("values", list(group.values.values())),
            ("seen and unseen", [x for x in (group.seen, group.unseen) if x]),
        ):
            total = sum(part.clips for part in parts)
            hits = sum(part.accuracy * part.clips for part in parts)
            if total > clips or hits > right + 0.5:
                raise UsageError(
                    f"{kind} of group {name!r} must be of at most {clips} clips,"
                    f" {right} of them right. Got {total} and {hits:g}."
                )
