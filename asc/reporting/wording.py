"""How figures are written in a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asc.text import counted

#: Between a number and its unit, where no line may break.
_THIN = "\N{NARROW NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
#: Between what is read as one.
_SPACE = "\N{NO-BREAK SPACE}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in percent; a dash where it is not known."""
    if share is None:
        return "\N{EN DASH}"
    return f"{100 * share:.{digits}f}{_THIN}%"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    sign = "+" if difference >= 0 else _MINUS
    return f"{sign}{abs(100 * difference):.1f}"


def interval(limits: Sequence[float]) -> str:
    """Return an interval of a share, in percent without the unit."""
    low, high = limits
    return f"{100 * low:.1f}{_SPACE}to{_SPACE}{100 * high:.1f}"


def point_interval(limits: Sequence[float]) -> str:
    """Return an interval of a difference, in percentage points."""
    low, high = limits
    return f"{points(low)}{_SPACE}to{_SPACE}{points(high)}"


def spread(mean: float, deviation: float) -> str:
    """Return a mean share with its deviation, in percent without the unit."""
    return f"{100 * mean:.2f}{_SPACE}±{_SPACE}{100 * deviation:.2f}"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.3g}{_THIN}s"
    if seconds < 7200:
        return f"{seconds / 60:.0f}{_THIN}min"
    return f"{seconds / 3600:.1f}{_THIN}h"


def drawn_over(metrics: Mapping[str, Any]) -> str:
    """Return what the interval of an evaluation was drawn over."""
    clips = counted(metrics["clips"], "clip", "clips")
    if metrics["recordings"] is None:
        return f"{clips}, recordings unknown"
    return f"{clips} of {counted(metrics['recordings'], 'recording', 'recordings')}"


def split_name(metrics: Mapping[str, Any]) -> str:
    """Return the split of an evaluation, with its part unless that is test."""
    if metrics["part"] in ("test", "all"):
        return str(metrics["split"])
    return f"{metrics['split']}, part {metrics['part']}"


def abridged(text: str, limit: int = 120) -> str:
    """Return text of a stranger without its middle if it is very long."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - half + 1:]}"
