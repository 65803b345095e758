"""Versions of a file elsewhere, and the record of the one that a copy is of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asc.files import write_json


@dataclass(frozen=True)
class Version:
    """What identifies a version of a file; None where it is unknown.

    Attributes
    ----------
    etag, modified : str or None
        As HTTP defines ``ETag`` and ``Last-Modified``.
    bytes : int or None
        Size of the file.
    """

    etag: str | None = None
    modified: str | None = None
    bytes: int | None = None

    @classmethod
    def recorded(cls, path: Path) -> Version:
        """Return the version that the record of a copy names."""
        record = read_record(path)
        etag, modified, size = (record.get(k) for k in ("etag", "modified", "bytes"))
        return cls(
            etag if isinstance(etag, str) else None,
            modified if isinstance(modified, str) else None,
            size if isinstance(size, int) else None,
        )

    def differs(self, other: Version) -> bool:
        """Return True if they are surely two versions."""
        mine, theirs = asdict(self), asdict(other)
        return any(
            mine[name] and theirs[name] and mine[name] != theirs[name] for name in mine
        )

    def is_surely(self, other: Version) -> bool:
        """Return True if they are surely one version: a size alone proves nothing."""
        return bool(self.etag or self.modified) and self == other


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that belongs to another one."""
    return path.with_name(path.name + suffix)


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a copy; empty if it is missing or unreadable."""
    try:
        record = json.loads(beside(path, ".json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(path: Path, version: Version, **facts: object) -> None:
    """Write the record of a copy."""
    write_json(beside(path, ".json"), asdict(version) | facts)


def remove_with_record(path: Path) -> None:
    """Remove a copy and its record, which goes last."""
    path.unlink(missing_ok=True)
    beside(path, ".json").unlink(missing_ok=True)
