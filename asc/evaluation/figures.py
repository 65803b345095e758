"""Figures that are checked by their types, and their plain values for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from typing import Any, TypeVar

import numpy as np

from asc.errors import UsageError
from asc.validation import check_flag, check_number, check_text, check_whole

T = TypeVar("T")

# The type of a figure names its check in `CHECKS`. None is allowed where it says so.
Flag = bool
Share = float
Loss = float
Amount = float
Count = int
Positive = int
Interval = tuple[float, float]
Confusion = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    """Figures that are checked, and made plain, by their types."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value, kind = getattr(self, each.name), str(each.type)
            if value is not None or not kind.endswith(" | None"):
                value = CHECKS[kind.removesuffix(" | None")](each.name, value)
                object.__setattr__(self, each.name, value)


def check_interval(name: str, limits: Any, least: float = 0) -> Interval:
    """Return the limits of an interval of shares, or of their differences."""
    if not isinstance(limits, (list, tuple)) or len(limits) != 2:
        raise UsageError(f"{name} must be two limits. Got {limits!r}.")
    low = check_number(name, limits[0], least, 1)
    return low, check_number(f"upper limit of {name}", limits[1], low, 1)


def _check_confusion(name: str, given: Any) -> Confusion:
    try:
        cells = np.asarray(given)
    except ValueError:  # rows of different lengths
        cells = np.zeros(0)
    if (
        cells.ndim != 2
        or cells.shape[0] != cells.shape[1]
        or cells.dtype.kind not in "iu"
        or cells.min() < 0
    ):
        raise UsageError(f"{name} must be a square of whole numbers, 0 or more.")
    return tuple(map(tuple, cells.tolist()))


def check_by_name(name: str, given: Any, kind: type[T]) -> dict[str, T]:
    """Return figures by name, built from plain values where they are such."""
    if not isinstance(given, Mapping) or not given:
        raise UsageError(f"{name} must be figures by name. Got {given!r}.")
    return {
        check_text(f"a name in {name}", key): check_figures(
            f"{name} {key!r}", each, kind
        )
        for key, each in given.items()
    }


def check_figures(name: str, given: Any, kind: type[T]) -> T:
    """Return figures, built from plain values where they are such."""
    return given if isinstance(given, kind) else built(kind, name, given)


#: By the type of a figure: returns the value of a name, or raises UsageError. Who
#: defines another type adds it.
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "str": check_text,
    "Flag": check_flag,
    "Share": partial(check_number, least=0, most=1),
    "Loss": partial(check_number, least=0, most=1000),
    "Amount": partial(check_number, least=0, most=1e12),
    "Count": partial(check_whole, most=2**63 - 1),
    "Positive": partial(check_whole, least=1),
    "Interval": check_interval,
    "Confusion": _check_confusion,
}


# Plain values for JSON, and back


def plain(value: Any) -> Any:
    """Return figures, and tuples and mappings of them, as plain values."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if not isinstance(value, Figures):
        return value
    # Optional figures that are None are left out, as in files of earlier versions.
    given = ((each, getattr(value, each.name)) for each in fields(value))
    return {
        each.name: plain(v)
        for each, v in given
        if v is not None or each.default is MISSING
    }


def texts(value: Any) -> Iterator[str]:
    """Yield all texts in plain values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        parts = [*value, *value.values()] if isinstance(value, Mapping) else value
        for part in parts:
            yield from texts(part)


def built(kind: type[T], name: str, values: Any) -> T:
    """Return figures from plain values; keys that are not known are ignored."""
    if not isinstance(values, Mapping):
        raise UsageError(f"{name} must be figures by name. Got {values!r}.")
    known = {each.name: each.default for each in fields(kind)}  # type: ignore[arg-type]
    missing = [
        key
        for key, default in known.items()
        if default is MISSING and key not in values
    ]
    if missing:
        raise UsageError(f"{name} must have the figures {', '.join(missing)}.")
    return kind(**{key: values[key] for key in known if key in values})
