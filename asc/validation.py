"""Checks of arguments. All raise UsageError, in messages of one form.

What failed and what was expected, then what was received, then what to do.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from asc.errors import UsageError
from asc.text import unknown_name


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return a value that is one of a few names; the message has the nearest one."""
    if not isinstance(value, str) or value not in choices:
        raise UsageError(unknown_name(name, str(value), tuple(choices)))
    return value


def check_fields(kind: str, values: Any, cls: type) -> Mapping[str, Any]:
    """Return the values of fields of a data class, as ``"recipe"`` names it."""
    if not isinstance(values, Mapping):
        raise UsageError(f"A {kind} must be an object of fields. Got {values!r}.")
    known = tuple(field.name for field in fields(cls))
    for name in values:
        check_choice(f"field of a {kind}", name, known)
    return values


def check_whole(
    name: str, value: Any, least: int = 0, most: int = 2**31 - 1, advice: str = ""
) -> int:
    """Return a whole number in [least, most]; True and False are not numbers.

    Parameters
    ----------
    name : str
        What the message calls it.
    value : object
    least, most : int
    advice : str
        A sentence on what to do instead.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise UsageError(
            f"{name} must be a whole number in [{least}, {most}]. Got {value!r}."
            f" {advice}".rstrip()
        )
    return int(value)


def check_number(
    name: str,
    value: Any,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    advice: str = "",
) -> float:
    """Return a finite number in [least, most], with the arguments of `check_whole`.

    Parameters
    ----------
    above, below : bool
        Exclude the end of the range: greater than `least`, less than `most`.
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number:
        try:
            number = math.isfinite(value)
        except OverflowError:
            number = False
    if (
        not number
        or not least <= value <= most
        or (above and value == least)
        or (below and value == most)
    ):
        begin = "(" if above or least == -math.inf else "["
        end = ")" if below or most == math.inf else "]"
        raise UsageError(
            f"{name} must be a number in {begin}{least:g}, {most:g}{end}."
            f" Got {value!r}. {advice}".rstrip()
        )
    return float(value)


def check_flag(name: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be true or false. Got {value!r}.")
    return value


def check_text(name: str, value: Any) -> str:
    """Return a str."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a text. Got {value!r}.")
    return value


def check_path(name: str, value: Any) -> Path:
    """Return a path; an empty one, which would be the current folder, is refused."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise UsageError(f"{name} must be a path. Got {value!r}.")
    path = os.fsdecode(value)
    if not path:
        raise UsageError(f"{name} must be the path of a file or folder. Got ''.")
    if "\0" in path:
        raise UsageError(f"{name} must be a path. Got {path!r}: no path has a \\0.")
    return Path(path)


def one_or_several(name: str, value: Any, *kinds: type) -> list[Any]:
    """Return the items of a list, or the one item that was given in its place.

    A text is one item: taken for a list, a path would be its letters.

    Parameters
    ----------
    name : str
        What the message calls it.
    value : text, path, object of `kinds`, or iterable of these
    *kinds : types
    """
    if isinstance(value, (str, bytes, os.PathLike, *kinds)):
        return [value]
    if not isinstance(value, Iterable):
        raise UsageError(f"{name} must be one item or a list. Got {value!r}.")
    return list(value)
