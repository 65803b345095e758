"""Writing the files of small corpora."""

from __future__ import annotations

from pathlib import Path


def touch(root: Path, *paths: str) -> Path:
    """Make empty files below a folder: readers look at names only."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def write(path: Path, *rows: str, ends: str = "\n") -> Path:
    """Write lines; return the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(row + ends for row in rows).encode())
    return path
