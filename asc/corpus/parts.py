"""The names by which folders and columns give the parts of a split, or folds."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: The split that folders such as ``train`` and ``test``, or a column, give.
GIVEN = "given"

_NAMES = {
    "train": "train training",
    "validation": "validation validate valid val dev devel development",
    "test": "test testing eval evaluation evaluate",
}
_PART_OF = {name: part for part, names in _NAMES.items() for name in names.split()}
#: What may stand behind a name: ``train_set``, ``testing-data``.
_BEHIND = re.compile(r"[ _-]?(set|data|split)$", re.ASCII)
#: Names of a part that is for training where nothing else is.
_DEVELOPMENT = ("dev", "devel", "development")
_FOLD = re.compile(r"fold[ _-]?(\d{1,9})", re.IGNORECASE | re.ASCII)


def parts_of(names: Iterable[str]) -> dict[str, str]:
    """Return the part of a split that each name means; others are left out.

    ``dev`` and ``development`` are for validation beside ``train``, and for training
    where there is no ``train``, as in DCASE challenges.

    Examples
    --------
    >>> from asc.corpus.parts import parts_of
    >>> parts_of(["Train", "val", "extra"])
    {'Train': 'train', 'val': 'validation'}
    >>> parts_of(["dev", "eval"])
    {'dev': 'train', 'eval': 'test'}
    >>> parts_of(["train_set", "TestData"])
    {'train_set': 'train', 'TestData': 'test'}
    """
    plain = {name: _BEHIND.sub("", name.strip().lower()) for name in names}
    parts = {name: _PART_OF[word] for name, word in plain.items() if word in _PART_OF}
    if "train" not in parts.values():
        for name in parts:
            if plain[name] in _DEVELOPMENT:
                parts[name] = "train"
    return parts


def fold_of(name: str) -> int | None:
    """Return the number of a fold by its name, such as ``fold3`` or ``Fold_03``."""
    match = _FOLD.fullmatch(name.strip())
    return int(match[1]) if match else None
