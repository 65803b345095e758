"""Filters of the templates: how values are written in a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asc import text
from asc.corpus.leakage import Leakage
from asc.evaluation.baseline import baseline_sentence, verdict
from asc.evaluation.sentences import uncertainty
from asc.features import feature_title

#: Between a number and its unit, where no line may break.
_THIN = "\N{NARROW NO-BREAK SPACE}"
_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
#: Characters with which a name could look like another one: control characters, lone
#: surrogates, invisible ones and marks of the direction of writing.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)


def visible(value: Any) -> Any:
    """Return text with its invisible characters replaced, other values as they are."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return _INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


def abridged(value: object, limit: int = 120) -> str:
    """Return untrusted text, without its middle if it is very long."""
    line = str(value)
    if len(line) <= limit:
        return line
    half = limit // 2
    return f"{line[:half]}\N{HORIZONTAL ELLIPSIS}{line[len(line) - half + 1:]}"


def setting(value: Any) -> Any:
    """Return the value of a setting in words, not as Python writes it."""
    if value is None:
        return _DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {setting(one)}" for key, one in value.items()) or _DASH
    if isinstance(value, (list, tuple)):
        return ", ".join(str(setting(one)) for one in value) or _DASH
    return value


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    sign = "+" if difference >= 0 else _MINUS
    return f"{sign}{abs(100 * difference):.1f}"


def point_interval(limits: Sequence[float]) -> str:
    """Return an interval of a difference, in percentage points."""
    return text.interval(limits, signed=True).replace("-", _MINUS)


def across(share: float) -> str:
    """Return a share as a length in a style sheet."""
    return f"{100 * min(max(share, 0), 1):.1f}%"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in percent; a dash where it is unknown."""
    return _DASH if share is None else _unbroken(text.percent)(share, digits)


def leakage(known: Leakage | float | None) -> str:
    """Return a leakage in percent; how it is bounded where it is not known."""
    if not isinstance(known, Leakage):
        known = Leakage(known, known or 0.0)
    return _unbroken(text.leakage_percent)(*known)


def _unbroken(function: Callable[..., str]) -> Callable[..., str]:
    """Return a function of `asc.text` whose number and unit stay on one line."""
    return lambda *values: function(*values).replace(" ", _THIN)


FILTERS: dict[str, Callable[..., Any]] = {
    "abridged": abridged,
    "against_linear": baseline_sentence,
    "across": across,
    "counted": text.counted,
    "duration": _unbroken(text.duration),
    "feature": feature_title,
    "interval": text.interval,
    "leakage": leakage,
    "percent": percent,
    "point_interval": point_interval,
    "points": points,
    "setting": setting,
    "uncertainty": uncertainty,
    "verdict": verdict,
}
