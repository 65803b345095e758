"""Groups: columns of a corpus to report by, such as device and city.

Unlike a recording, a group decides nothing in the splits that are stored with a
corpus. Results are reported for each of its values, and ``unseen-device:b`` tests on
one that was not trained on (`asc.corpus.splits`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from asc.text import counted, some_of

#: Limits of a corpus. A column with more values identifies clips, and groups nothing.
MOST_GROUPS, MOST_VALUES = 16, 500
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: Other columns of the same tables: those of ``/clips`` in a store, and of predictions.
_TAKEN = (
    *("path", "scene", "recording", "predicted"),
    *("seconds", "sample_rate", "channels", "source_bytes", "source_crc32"),
)


def is_group_name(name: Any) -> bool:
    """Return True for lower-case letters, digits and _ that name no other column."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and name not in _TAKEN


def count_values(values: Iterable[str]) -> dict[str, int]:
    """Return the number of clips of each value that is known, in order of values."""
    counts = Counter(values)
    counts.pop("", None)
    return dict(sorted(counts.items()))


def group_line(name: str, counts: Mapping[str, int], clips: int) -> str:
    """Return a group with its values and their clips, in one line."""
    unknown = clips - sum(counts.values())
    rest = f"; {counted(unknown, 'clip', 'clips')} without one" if unknown else ""
    return f"group {name} ({len(counts)}): {group_values(counts)}{rest}"


def group_values(counts: Mapping[str, int]) -> str:
    """Return values with their clips, in one line."""
    return some_of([f"{value} {clips:,}" for value, clips in counts.items()], most=20)
