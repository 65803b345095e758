"""A store opened for reading: its features, splits and facts."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from asc.corpus.leakage import PARTS, Origins, Split, equal_in_train
from asc.corpus.splits import split_on_demand
from asc.errors import StoreError, UsageError
from asc.features import Drawing, Encoding, drawing_of
from asc.store.columns import Columns
from asc.store.equal_rows import equal_rows
from asc.store.header import is_growing, read_header
from asc.text import unknown_name


def partial_path(store: Path) -> Path:
    """Return the path at which a store grows until it is complete."""
    return store.with_name(store.name + ".partial")


def existing_path(store: Path) -> Path:
    """Return the path of a store, or of its growing file if only that exists."""
    growing = partial_path(store)
    return growing if growing.exists() and not store.exists() else store


class FeatureStore(Columns):
    """A store, opened for reading.

    Opening reads the header alone and keeps no file handle. So a store is cheap
    to open, to pickle and to fork with, and any number of processes can read it at
    the same time.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    partial : bool
        Also open a store that is still growing, at ``path`` or as
        ``path.partial``: what is returned is then a `GrowingStore`.

    Attributes
    ----------
    path : Path
    spec : FeatureSpec
    scenes : tuple of str
        Labels in class order.
    splits : tuple of str
        Names of the splits.
    fingerprint : str
        What the store was made from.
    complete : bool
        False for a `GrowingStore`.
    provenance, environment, corpus : dict
        What decided the numbers; the machine that wrote the file; name and format of
        the corpus.

    Raises
    ------
    InputError
        If there is no such file or it cannot be read.
    StoreError
        If it is not a complete store of a known version.

    Examples
    --------
    >>> store = asc.FeatureStore("cache/esc10.h5")        # doctest: +SKIP
    >>> rows = store.split("fold1").train                 # doctest: +SKIP
    >>> codes = store.features("mel")[rows[:16]]          # doctest: +SKIP
    >>> codes.shape, codes.dtype                          # doctest: +SKIP
    ((16, 256, 256, 1), dtype('uint8'))
    """

    #: The class for a store that is still growing (`asc.store.growing`).
    growing_class: ClassVar[type[FeatureStore]]

    # Unpickling passes no path.
    def __new__(
        cls, path: str | os.PathLike[str] = "", *, partial: bool = False
    ) -> FeatureStore:
        if cls is FeatureStore and partial and is_growing(existing_path(Path(path))):
            cls = cls.growing_class
        return super().__new__(cls)

    def __init__(self, path: str | os.PathLike[str], *, partial: bool = False) -> None:
        self._read(Path(path))
        if not self.complete:
            raise StoreError(
                f"{self.path} is not complete. Run the asc-extract command that made"
                " it again: it resumes."
            )

    def _read(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path)
        header = read_header(path)
        self.spec = header.spec
        self.scenes = header.scenes
        self.splits: tuple[str, ...] = tuple(sorted(header.overlaps))
        self.fingerprint = header.fingerprint
        self.complete = header.complete
        self.provenance = header.provenance
        self.environment = header.environment
        self.corpus = header.corpus
        self._digest = header.digest
        self._recording_count = header.recordings
        self._arrays = header.arrays
        self._encodings = header.encodings
        self._overlaps = header.overlaps

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({str(self.path)!r}: {len(self)} clips,"
            f" {len(self.scenes)} scenes, {', '.join(self.spec.features)})"
        )

    def is_current(self) -> bool:
        """Return False if the file was changed or replaced since it was opened."""
        return _identity(self.path) == self._identity

    def features(self, name: str) -> np.ndarray:
        """Return all rows of a feature as a read-only memory map.

        Parameters
        ----------
        name : str
            One of ``spec.features``.

        Returns
        -------
        np.ndarray [shape=(clips, rows, columns, channels)]
            As stored; see `decode`.

        Raises
        ------
        UsageError
            If the store does not have the feature.
        """
        self.encoding(name)
        return self._array(f"features/{name}")

    def encoding(self, name: str) -> Encoding:
        """Return how the values of a feature are stored, and their unit.

        Raises
        ------
        UsageError
            If the store does not have the feature.
        """
        if name not in self._encodings:
            raise UsageError(unknown_name("feature", name, self.spec.features))
        return self._encodings[name]

    def decode(self, name: str, stored: np.ndarray) -> np.ndarray:
        """Return stored numbers as values of a feature, float32."""
        return self.encoding(name).decode(stored)

    #: The same, for features whose values are levels in dB relative to full scale.
    to_decibels = decode

    def drawing(self, name: str) -> Drawing:
        """Return how a feature is drawn; its class need not be registered."""
        return drawing_of(name, self.spec, self.encoding(name).unit)

    @property
    def digest(self) -> str:
        """SHA-256 over all feature rows, as stored."""
        return self._digest

    def finished_rows(self) -> np.ndarray:
        """Return the rows that hold data [shape=(n,)]: in a complete store, all."""
        return self._finished(np.arange(len(self)))

    def split(self, name: str) -> Split:
        """Return a split.

        Parameters
        ----------
        name : str
            One of `splits`, or one that is made on demand: ``development``, or
            such as ``recording1of5`` (`asc.corpus.splits`).

        Raises
        ------
        UsageError
            If there is no such split.
        StoreError
            If it names rows that the store does not have.
        """
        if name in self.splits:
            return self._stored_split(name)
        scenes = np.array(self.scenes)[self.labels()]
        split = split_on_demand(name, scenes, self.origins())
        if split is None:
            known = (*self.splits, "development", "recording1of5")
            raise UsageError(unknown_name("split", name, known))
        return split

    def origins(self) -> Origins:
        """Return the recordings of all clips, to compute leakage with."""
        return Origins(self.recordings(), self.paths(), self.recordings_known)

    def _finished(self, rows: np.ndarray) -> np.ndarray:
        """Return those of some rows that hold data."""
        return rows

    def _stored_split(self, name: str) -> Split:
        parts = []
        for part in PARTS:
            rows = np.array(self._array(f"splits/{name}/{part}"))
            if len(rows) and not (0 <= rows.min() and rows.max() < len(self)):
                raise StoreError(
                    f"{self.path}: split {name} names rows that do not exist."
                )
            if (rows[1:] <= rows[:-1]).any():
                raise StoreError(
                    f"{self.path}: split {name} does not name its rows once each, in"
                    " ascending order."
                )
            parts.append(rows)
        train, validation, test = parts
        return Split(name, train, validation, test, **self._overlaps[name])

    @property
    def recordings_known(self) -> bool:
        """False if the corpus names no recordings: leakage is then unknown."""
        return self._recording_count >= 0

    def compute_digest(self) -> str:
        """Return the SHA-256 over the digests of finished rows, feature by feature."""
        total = hashlib.sha256()
        rows = self.finished_rows()
        for feature in sorted(self.spec.features):
            total.update(np.ascontiguousarray(self.digests(feature)[rows]).data)
        return total.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return the facts of the store, as plain values for JSON.

        Only digests and the row numbers of splits are read, which takes some tenths
        of a second for a million rows. Parts of a growing store are counted without
        unfinished rows; their leakage is that of all rows.

        Raises
        ------
        StoreError
            If a split names rows that the store does not have.
        """
        finished = self.finished_rows()
        groups = equal_rows(self.digests(self.spec.features[0]), finished)
        failed, problems = self._failure_counts()
        splits = {name: self._stored_split(name) for name in self.splits}
        return {
            "path": str(self.path),
            "complete": self.complete,
            "clips": len(self),
            "finished": len(finished),
            "failed": failed,
            "problems": problems,
            "duplicates": int((groups >= 0).sum()),
            "scenes": list(self.scenes),
            "recordings": self._recording_count if self.recordings_known else None,
            "features": {
                name: {
                    "shape": list(self._arrays[f"features/{name}"].shape),
                    "dtype": self.spec.dtype,
                }
                for name in self.spec.features
            },
            "splits": {
                name: {part: len(self._finished(split.part(part))) for part in PARTS}
                | self._overlaps[name]
                | {"duplicates": equal_in_train(split, groups)}
                for name, split in splits.items()
            },
            "fingerprint": self.fingerprint,
            "digest": self.digest,
            "bytes": self.path.stat().st_size,
            "corpus": self.corpus,
            "spec": self.spec.to_dict(),
            "libraries": self.provenance.get("libraries", {}),
        }

    def _failure_counts(self) -> tuple[int, int]:
        """Return how many clips failed, and how many rows of metadata are unusable."""
        left_out = self._arrays["failures/where"].shape[0]
        corpus = self.provenance.get("corpus")
        listed = corpus.get("clips") if isinstance(corpus, dict) else None
        if not isinstance(listed, int):
            return left_out, 0
        failed = min(max(0, listed - len(self)), left_out)
        return failed, left_out - failed


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what identifies a version of a file; None if the file is gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
