"""What each epoch shows: an order of rows, and which of them are augmented how.

A plan is a function of seed and epoch. So batches do not depend on threads, on earlier
epochs, or on whether a training was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from inspect import signature
from itertools import compress
from typing import Any

import numpy as np

from asc.errors import UsageError
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.transforms import Transform, random_stream

#: Columns of a plan that name store rows.
ROW_COLUMNS = ("rows", "splice_rows", "mixup_rows", "style_rows")
#: Most dB that a gain adds or takes away.
_LOUDEST = 100


@dataclass(frozen=True)
class EpochPlan:
    """What is shown, row by row: all of an epoch, or some of it. See `plan_epoch`.

    Attributes
    ----------
    rows : np.ndarray [shape=(count,)]
        Store rows.
    splice_rows, splice_span, mixup_rows, ..., freq_spans, time_spans : np.ndarray
        What happens to them: see `asc.register_augmentation`. Where nothing does, rows
        are the row itself, weights and rates are 1, and the others 0 or empty.
    applied : dict
        Name of each transform -> np.ndarray [shape=(count,)], bool: to which rows it
        is applied.
    drawn : dict
        Name of each transform -> arrays for its ``apply``, by their names.
    transforms : dict
        Name -> transform, in the order in which they are applied.
    """

    rows: np.ndarray
    splice_rows: np.ndarray
    splice_span: np.ndarray
    mixup_rows: np.ndarray
    mixup_lambda: np.ndarray
    style_rows: np.ndarray
    style_lambda: np.ndarray
    time_shift: np.ndarray
    time_rate: np.ndarray
    freq_shift: np.ndarray
    gain_curve: np.ndarray
    freq_spans: np.ndarray
    time_spans: np.ndarray
    applied: dict[str, np.ndarray]
    drawn: dict[str, dict[str, np.ndarray]]
    transforms: dict[str, Transform]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: slice | np.ndarray) -> EpochPlan:
        values = (getattr(self, field.name) for field in fields(self))
        return EpochPlan(*(_take(value, places) for value in values))

    @property
    def has_masks(self) -> bool:
        """Whether any cell may be filled with the mean of its row band."""
        return bool(self.freq_spans.size or self.time_spans.size)

    def combinations(self) -> list[tuple[tuple[str, ...], np.ndarray]]:
        """Return each combination of transforms that a row has, with its places."""
        masks = np.array([*self.applied.values()]).reshape(-1, len(self)).T
        unique, kinds = np.unique(masks, axis=0, return_inverse=True)
        return [
            (tuple(compress(self.applied, row)), np.flatnonzero(kinds.ravel() == kind))
            for kind, row in enumerate(unique)
        ]


def _take(value: Any, places: slice | np.ndarray) -> Any:
    if isinstance(value, dict):
        return {name: _take(inner, places) for name, inner in value.items()}
    return value[places] if isinstance(value, np.ndarray) else value


def plan_epoch(
    rows: np.ndarray,
    augmentation: Augmentation,
    *,
    shape: tuple[int, int],
    seed: int,
    epoch: int,
    shuffle: bool = True,
    labels: np.ndarray | None = None,
) -> EpochPlan:
    """Return the plan of one epoch.

    Parameters
    ----------
    rows : np.ndarray [shape=(clips,)]
        Store rows of the part. Rows to mix with come from these alone.
    augmentation : Augmentation
    shape : tuple of int
        Rows and columns of the feature.
    seed, epoch : int >= 0
    shuffle : bool
        Permute the epoch. Otherwise, added rows come after the others.
    labels : np.ndarray [shape=(all clips,)], optional
        Scene of every store row. Transforms that ask for them need them.

    Raises
    ------
    UsageError
        If a name of the policy is unknown, or a transform draws something invalid.
    """
    rng = random_stream("sampling", seed, epoch)
    rows = np.asarray(rows, np.int64)
    total = augmentation.rows_per_epoch(len(rows))
    order = rng.permutation(total) if shuffle else np.arange(total)
    shown = np.concatenate([rows, rng.permutation(rows)[: total - len(rows)]])

    columns = {
        "splice_rows": shown,
        "splice_span": np.zeros((total, 2), np.int64),
        "mixup_rows": shown,
        "mixup_lambda": np.ones(total, np.float32),
        "style_rows": shown,
        "style_lambda": np.ones(total, np.float32),
        "time_shift": np.zeros(total, np.int64),
        "time_rate": np.ones(total, np.float32),
        "freq_shift": np.zeros(total, np.int64),
        "gain_curve": np.zeros((total, 0, 2), np.float32),
        "freq_spans": np.zeros((total, 0, 2), np.int64),
        "time_spans": np.zeros((total, 0, 2), np.int64),
    }
    transforms = augmentation.transforms()
    applied = _applied(augmentation, transforms, len(rows), total)
    drawn: dict[str, dict[str, np.ndarray]] = {}
    drawn_by: dict[str, str] = {}
    for name, transform in transforms.items():
        options = {}
        if "labels" in signature(transform.draw).parameters:
            if labels is None:
                raise UsageError(f"Augmentation {name!r} needs the labels of the rows.")
            options["labels"] = labels
        stream = random_stream(name, seed, epoch)
        own = transform.draw(stream, shown, shape, **options)
        drawn[name] = {}
        for column, values in own.items():
            values = np.asarray(values)
            if values.shape[:1] != (total,):
                raise UsageError(
                    f"Augmentation {name!r} must draw {column} for each of {total}"
                    f" rows. Got shape {values.shape}."
                )
            if column not in columns:
                drawn[name][column] = values
                continue
            if column in drawn_by:
                raise UsageError(
                    f"Augmentations {drawn_by[column]!r} and {name!r} cannot be"
                    f" combined: both draw {column}."
                )
            drawn_by[column] = name
            neutral = columns[column]
            values = _checked(name, column, values, neutral, rows, shape)
            chosen = applied[name].reshape(-1, *[1] * (values.ndim - 1))
            # No span, and no gain, is 0 everywhere.
            columns[column] = np.where(chosen, values, neutral if neutral.size else 0)
        if drawn[name] and not hasattr(transform, "apply"):
            raise UsageError(
                f"Augmentation {name!r} draws {', '.join(drawn[name])}, but has no"
                " method apply(features, labels, ...) that uses it."
            )
    plan = EpochPlan(
        rows=shown, **columns, applied=applied, drawn=drawn, transforms=transforms
    )
    return plan[order]


def _applied(
    augmentation: Augmentation, names: Mapping[str, Any], clips: int, total: int
) -> dict[str, np.ndarray]:
    """Return which rows of an unpermuted epoch each transform is applied to."""
    applied = {name: np.full(total, name in augmentation.every_row) for name in names}
    parts = augmentation.added_rows
    bounds = clips + np.round(np.linspace(0, total - clips, len(parts) + 1)).astype(int)
    for part, begin, end in zip(parts, bounds[:-1], bounds[1:], strict=True):
        for name in part:
            applied[name][begin:end] = True
    return applied


def _checked(
    name: str,
    column: str,
    values: np.ndarray,
    like: np.ndarray,
    rows: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """Return a column for the compiled pass, which does not check bounds."""
    whole = values.dtype.kind in "iu"
    valid = values.ndim == like.ndim and values.shape[2:] == like.shape[2:]
    if column.endswith("_rows"):
        expected = "rows of the part"
        valid = valid and whole and bool(np.isin(values, rows).all())
    elif column.endswith("_lambda"):
        expected = "numbers in [0, 1]"
        valid = valid and bool(((values >= 0) & (values <= 1)).all())
    elif column == "time_rate":
        expected = "numbers in [0.1, 10]"
        valid = valid and bool(((values >= 0.1) & (values <= 10)).all())
    elif column == "gain_curve":
        expected = f"bands, which ascend, and dB in [-{_LOUDEST}, {_LOUDEST}]"
        valid = (
            valid
            and bool((np.abs(values[..., 1]) <= _LOUDEST).all())
            and bool((np.diff(values[..., 0], axis=1) >= 0).all())
        )
    elif column.endswith("_shift"):
        expected = "whole numbers"
        valid = valid and whole
        if column == "time_shift":
            values = values % shape[1]
    else:
        length = shape[0] if column == "freq_spans" else shape[1]
        expected = f"spans in [0, {length}], (count, masks, 2)"
        spans = values.ndim == like.ndim and values.shape[-1:] == (2,)
        valid = (
            spans
            and whole
            and bool((np.diff(values, prepend=0, append=length) >= 0).all())
        )
    if not valid:
        raise UsageError(
            f"{column} of augmentation {name!r} must be {expected}. Got"
            f" {values.dtype} {values.shape}."
        )
    return values.astype(like.dtype)
