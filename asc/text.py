"""Words and numbers for people: counts, shares, sizes, durations, tables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote

# Control characters; lone surrogates, which stand for bytes of a file name that are
# not UTF-8; and marks that turn the direction of writing, which let a name look like
# another one.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

#: Characters of a text of a user, and names, that a sentence shows.
_MOST_SHOWN, _MOST_KNOWN = 80, 40


def counted(number: int, one: str, many: str) -> str:
    """Return a number with the words that fit it: ``1 clip``, ``2,000 clips``."""
    return f"{number:,} {one if number == 1 else many}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in percent; a dash where it is unknown."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


#: Why leakage is unknown or only bounded, without a full stop.
UNKNOWN_LEAKAGE = (
    "Leakage cannot be computed where the corpus gives no recording identifiers"
)


def leakage_percent(share: float | None, at_least: float, digits: int = 0) -> str:
    """Return a leakage in percent, and never more or less than is known of it.

    Parameters
    ----------
    share : float or None
        None if it is not known; then ``at_least 33 %``, or ``unknown``.
    at_least : float
        The share of which it is known.
    digits : int
        Digits after the point. A positive share is never 0 %.
    """
    step = 10.0**-digits
    if share is None:
        if not at_least:
            return "unknown"
        least = math.floor(100 * at_least / step + 1e-9) * step
        return f"at least {least:.{digits}f} %" if least else "above 0 %"
    if 0 < 100 * share < step:
        return f"under {step:.{digits}f} %"
    return percent(share, digits)


def interval(limits: Sequence[float], *, signed: bool = False) -> str:
    """Return the limits of an interval of shares in percent: ``92.1-100.0``.

    If `signed`, those of a difference: ``-1.2 to +3.4``.
    """
    low, high = (round(100 * limit, 1) + 0.0 for limit in limits)  # no -0.0
    return f"{low:+.1f} to {high:+.1f}" if signed else f"{low:.1f}-{high:.1f}"


def megabytes(size: float) -> str:
    """Return a number of bytes in MB, in kB below 1 MB, or in GB from 10 GB on."""
    if size < 1e6:
        return f"{size / 1e3:,.0f} kB"
    if size >= 10e9:
        return f"{size / 1e9:,.1f} GB"
    return f"{size / 1e6:,.{1 if size < 10e6 else 0}f} MB"


def duration(seconds: float) -> str:
    """Return a time in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def has_control_characters(text: str) -> bool:
    """Return True for text that could change what a terminal or a page shows."""
    return _CONTROL.search(text) is not None


def printable(text: str) -> str:
    """Return text with its control characters escaped, safe in a terminal."""
    return _CONTROL.sub(lambda match: repr(match.group())[1:-1], text)


def printable_lines(text: str) -> str:
    """Return text of several lines, `printable` but for its line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """Return JSON that says the same without control characters but line breaks."""
    return "\n".join(
        _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", line)
        for line in text.split("\n")
    )


def table(rows: Iterable[Sequence[object]], align: str = "") -> list[str]:
    """Return the lines of a table in plain text, columns two spaces apart.

    Parameters
    ----------
    rows : iterable of sequences
        All of one length; the header is a row like the others.
    align : str
        ``<`` or ``>`` for each column; columns that are not named are left-aligned.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    align = align.ljust(len(widths), "<")
    return [
        "  ".join(
            f"{cell:{side}{width}}"
            for cell, side, width in zip(row, align, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def scene_columns(scenes: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return the columns of scenes in a table that has others too, each name once.

    A scene that is called like another column becomes ``scene NAME``.
    """
    columns: list[str] = []
    for scene in scenes:
        name = scene
        while name in others or (name != scene and name in scenes):
            name = f"scene {name}"
        columns.append(name)
    return columns


def file_name(text: str, most: int = 100) -> str:
    """Return a part of a file name for a text: readable, another for every text."""
    # Programs that copy files take what is in front of a colon for a machine.
    name = quote(text, safe="", errors="replace").replace("%3A", "=")
    if len(name) <= most:
        return name
    return f"{name[: most - 13]}-{sha256(name.encode()).hexdigest()[:12]}"


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Return the first of some names in one line: ``a, b, 1,200 more``."""
    shown = [*names[:most], *([f"{len(names) - most:,} more"] if names[most:] else [])]
    return printable(", ".join(shown))


def listed(lines: Sequence[object], most: int = 10) -> list[str]:
    """Return the first lines of a list, indented, and how many more there are."""
    shown = [f"  {line}" for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"  ... and {len(lines) - most:,} more")
    return shown


def unknown_name(kind: str, received: str, known: Sequence[str]) -> str:
    """Return the sentence for a name of a kind (``"model"``) that does not exist."""
    close = _nearest(received[:_MOST_SHOWN], known)
    hint = f" Did you mean {close!r}?" if close else ""
    names = ", ".join(known[:_MOST_KNOWN]) or "none"
    if len(known) > _MOST_KNOWN:
        names += f" and {len(known) - _MOST_KNOWN:,} more"
    return f"Unknown {kind} {shortened(received)!r}.{hint} Known: {names}."


def shortened(text: str) -> str:
    """Return text of a user, with dots for what would not fit in a sentence."""
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."


def _nearest(received: str, known: Sequence[str]) -> str | None:
    """Return the name that was probably meant, None if none is near.

    Words in another order are near, too: ``accuracy_val`` is val_accuracy.
    """
    from difflib import SequenceMatcher

    def forms(name: str) -> tuple[str, str]:
        name = name.casefold()
        return name, " ".join(sorted(re.split(r"[\W_]+", name)))

    def nearness(name: str) -> float:
        pairs = zip(forms(received), forms(name), strict=True)
        return max(SequenceMatcher(None, *pair).ratio() for pair in pairs)

    best = max(known, key=nearness, default=None)
    return best if best is not None and nearness(best) >= 0.5 else None


def differing_fields(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Return (field, old, new) for every field that differs, None if one side lacks it.

    Names of nested fields are joined with dots.
    """
    before, after = dict(_flat(old)), dict(_flat(new))
    return [
        (name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def describe_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the differences as indented lines ``field  old -> new``."""

    def brief(value: Any) -> str:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
        return text if len(text) <= 24 else text[:20] + "..."

    rows = differing_fields(old, new)
    width = max((len(name) for name, _, _ in rows), default=0)
    return "\n".join(
        f"    {name:<{width}}  {brief(before)} -> {brief(after)}"
        for name, before, after in rows
    )


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{prefix}{name}.")
        else:
            yield prefix + name, item
