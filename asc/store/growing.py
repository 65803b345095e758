"""A store that is not complete yet, as it was when it was opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from asc.corpus.leakage import PARTS, Split
from asc.store import schema
from asc.store.reader import FeatureStore, existing_path


class GrowingStore(FeatureStore):
    """A store that is still growing: its splits hold the finished rows alone.

    Rows that are finished later, and renaming or replacing the file, do not change
    it.

    Parameters
    ----------
    path : path-like
        The growing file, or the store that it becomes.
    partial : bool
        Always true here.
    """

    def __init__(self, path: str | os.PathLike[str], *, partial: bool = True) -> None:
        self._read(existing_path(Path(path)))
        self.complete = False
        # Opened now: the file may be renamed or replaced at any moment.
        self._maps = {
            name: array.map(self.path) for name, array in self._arrays.items()
        }
        self._done = self.status() == schema.DONE

    def __getstate__(self) -> dict[str, Any]:
        # Pickling a memory map would pickle its data.
        return {name: value for name, value in vars(self).items() if name != "_maps"}

    def is_current(self) -> bool:
        """Return True: a growing store stays as it was when it was opened."""
        return True

    @property
    def digest(self) -> str:
        """SHA-256 over the finished feature rows."""
        return self.compute_digest()

    def split(self, name: str) -> Split:
        """Return the finished rows of a split, and their leakage."""
        split = super().split(name)
        parts = (self._finished(split.part(part)) for part in PARTS)
        return self.origins().split(name, *parts)

    def _finished(self, rows: np.ndarray) -> np.ndarray:
        return rows[self._done[rows]]

    def _failure_counts(self) -> tuple[int, int]:
        failed = int((self.status() == schema.FAILED).sum())
        return failed, self._arrays["failures/where"].shape[0]

    def _array(self, name: str) -> np.ndarray:
        maps = vars(self).get("_maps")  # not after unpickling
        return maps[name] if maps else super()._array(name)


FeatureStore.growing_class = GrowingStore
