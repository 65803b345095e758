"""A store opened for reading: its features, splits and facts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from asc.corpus.duplicates import equal_rows
from asc.corpus.leakage import OVERLAPS, PARTS, Origins, Split, equal_in_train
from asc.corpus.splits import split_on_demand, unseen_split, unseen_value
from asc.display import Displayed
from asc.errors import MissingInputError, StoreError, UsageError
from asc.features import Drawing, Encoding, drawing_of
from asc.files import open_regular
from asc.store import schema
from asc.store.columns import Columns
from asc.store.header import is_incomplete, read_header
from asc.store.row_reader import keep_open
from asc.text import counted, leakage_percent, megabytes, unknown_name
from asc.validation import check_path

#: Rows that are looked at together.
_BLOCK = 1 << 16


def partial_path(store: Path) -> Path:
    """Return the path of a store until it is complete."""
    return store.with_name(store.name + ".partial")


def _existing_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a store, or of its partial file if only that exists."""
    store = check_path("store", path)
    partial = partial_path(store)
    exists = os.path.exists  # no error, even for a name that is too long
    return partial if exists(partial) and not exists(store) else store


class FeatureStore(Columns, Displayed):
    """A store, opened for reading.

    Only the header is read, and no file handle is kept: a store is cheap to open, to
    pickle and to fork with, and any number of processes can read it.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    partial : bool
        Also open an incomplete store, at ``path`` or ``path.partial``, as a
        `PartialStore`.

    Attributes
    ----------
    path : Path
    spec : FeatureSpec
    scenes : tuple of str
        Labels in class order.
    splits, groups : tuple of str
        Names of the splits and of the groups, such as ``device``.
    fingerprint : str
        What the store was made from.
    complete : bool
        False for a `PartialStore`.
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
    >>> store = asc.FeatureStore("store.h5")
    >>> rows = store.split("fold1").train
    >>> codes = store.features("mel")[rows[:4]]
    >>> codes.shape, codes.dtype
    ((4, 16, 16, 1), dtype('uint8'))
    """

    # Unpickling passes no path.
    def __new__(
        cls, path: str | os.PathLike[str] = "", *, partial: bool = False
    ) -> FeatureStore:
        if cls is FeatureStore and partial and is_incomplete(_existing_path(path)):
            cls = PartialStore
        return super().__new__(cls)

    def __init__(self, path: str | os.PathLike[str], *, partial: bool = False) -> None:
        self._read(_existing_path(path) if partial else check_path("store", path))
        if not self.complete:
            raise StoreError(
                f"{self.path} is not complete. Run the asc-extract command that made"
                " it again: it resumes."
            )
        unfinished = int((self._array("rows/status") != schema.DONE).sum())
        if unfinished:
            rows = counted(unfinished, "row is", "rows are")
            raise StoreError(
                f"{self.path} is damaged: the store is complete, but {rows} not done."
                " Copy or extract it again."
            )

    def _read(self, path: Path) -> None:
        self.path = path
        self._identity = self._seen = _identity(path)
        self._header = header = read_header(path)
        self._arrays = header.arrays
        self.spec = header.spec
        self.scenes = header.scenes
        self.splits: tuple[str, ...] = tuple(sorted(header.overlaps))
        self.groups: tuple[str, ...] = header.groups
        self.fingerprint = header.fingerprint
        self.complete = header.complete
        self._note_count = header.notes
        self.provenance = header.provenance
        self.environment = header.environment
        self.corpus = header.corpus

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({str(self.path)!r}:"
            f" {counted(len(self), 'clip', 'clips')},"
            f" {counted(len(self.scenes), 'scene', 'scenes')},"
            f" {', '.join(self.spec.features)})"
        )

    def __fspath__(self) -> str:
        return str(self.path)

    def _facts(self) -> Mapping[str, Any]:
        splits = {name: self._stored_split(name) for name in self.splits}
        leakages = (
            f"{name} (leakage {leakage_percent(split.leakage, split.leakage_at_least)})"
            for name, split in splits.items()
        )
        recordings = self.recording_count
        return {
            "file": f"{self.path}, {megabytes(self.path.stat().st_size)}",
            "clips": f"{len(self):,}",
            "scenes": ", ".join(self.scenes),
            "recordings": "unknown" if recordings is None else f"{recordings:,}",
            "groups": ", ".join(self.groups) or "none",
            "features": ", ".join(
                f"{name} {self._arrays[f'features/{name}'].shape[1:]}"
                for name in self.spec.features
            ),
            "splits": ", ".join(leakages) or "none",
            "complete": "yes" if self.complete else "no",
        }

    def is_current(self) -> bool:
        """Return False if the file was changed or replaced since it was opened."""
        return _identity(self.path) == self._identity

    def mark_current(self, unchanged: FeatureStore) -> None:
        """Note that the file, as opened again, holds the same as before."""
        self._identity = unchanged._identity

    def _open(self) -> BinaryIO:
        """Open the file, in which every array must lie where it did."""
        try:
            file = open_regular(self.path)
        except MissingInputError as error:
            raise MissingInputError(f"{self.path} was removed.") from error
        identity = _identity(self.path)
        if identity != self._seen:
            try:
                same = read_header(self.path) == self._header
            except StoreError as error:
                file.close()
                raise StoreError(f"The store was changed: {error}") from error
            if not same:
                file.close()
                raise StoreError(
                    f"{self.path} was replaced by another store since it was opened."
                    " Open it again."
                )
            self._seen = identity
        return file

    def features(self, name: str) -> np.ndarray:
        """Return all rows of a feature as a read-only memory map.

        If another program cuts the file off, reading from a map ends the process
        (SIGBUS); `row_reader` raises an error.

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
        self.encoding(name)  # checks the name
        return self._array(f"features/{name}")

    def encoding(self, name: str) -> Encoding:
        """Return how the values of a feature are stored, and their unit.

        Raises
        ------
        UsageError
            If the store does not have the feature.
        """
        if name not in self.spec.features:
            raise UsageError(unknown_name("feature", name, self.spec.features))
        return self._header.encodings[name]

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
        return self._header.digest

    def finished_rows(self) -> np.ndarray:
        """Return the rows that hold data [shape=(n,)]: in a complete store, all."""
        return np.arange(len(self))

    def split(self, name: str) -> Split:
        """Return a split.

        Parameters
        ----------
        name : str
            One of `splits`, or one that is made on demand: ``development``, or
            such as ``recording1of5`` or ``unseen-device:b`` (`asc.corpus.splits`).

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
        if unseen := unseen_value(name):
            return unseen_split(name, scenes, self.origins(), self.group(unseen[0]))
        split = split_on_demand(name, scenes, self.origins())
        if split is None:
            known = (*self.splits, "development", "recording1of5")
            known += tuple(f"unseen-{group}:NAME" for group in self.groups)
            raise UsageError(unknown_name("split", name, known))
        return split

    def origins(self) -> Origins:
        """Return the recordings of all clips, to compute leakage with."""
        return Origins(self.recordings(), self.paths())

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
        leakage, at_least, adjacent = self._header.overlaps[name]
        if at_least is None:  # a store of an earlier version
            if self.recordings_known and self.without_recording:
                return self.origins().split(name, train, validation, test)
            at_least = leakage or 0.0
        return Split(name, train, validation, test, leakage, at_least, adjacent)

    @property
    def recordings_known(self) -> bool:
        """False if no recording is known: leakage is then unknown."""
        return self._header.recordings >= 0

    @property
    def recording_count(self) -> int | None:
        """The number of recordings that are known; None if none are."""
        if not self.recordings_known:
            return None
        if not self.without_recording:
            return self._header.recordings
        names = np.asarray(self._array("clips/recording"))
        return len(np.unique(names[self.recordings_named()]))

    def compute_digest(self) -> str:
        """Return the SHA-256 over the digests of finished rows, feature by feature."""
        total = hashlib.sha256()
        rows = self.finished_rows()
        for feature in sorted(self.spec.features):
            total.update(np.ascontiguousarray(self.digests(feature)[rows]).data)
        return total.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return the facts of the store, as plain values for JSON.

        Only digests and the row numbers of splits are read: some tenths of a second
        for a million rows. Parts of an incomplete store are counted without
        unfinished rows; their leakage is that of all rows.

        Raises
        ------
        StoreError
            If a split names rows that the store does not have.
        """
        finished = self.finished_rows()
        self._check_digests(finished)
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
            "notes": list(map(str, self.notes())),
            "duplicates": int((groups >= 0).sum()),
            "scenes": list(self.scenes),
            "recordings": self.recording_count,
            "without_recording": self.without_recording,
            "groups": {name: self.group_counts(name) for name in self.groups},
            "features": {
                name: {
                    "shape": list(self._arrays[f"features/{name}"].shape),
                    "dtype": self.spec.dtype,
                }
                for name in self.spec.features
            },
            "splits": {
                name: {part: len(self._finished(split.part(part))) for part in PARTS}
                | {fact: getattr(split, fact) for fact in OVERLAPS}
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

    def _check_digests(self, rows: np.ndarray) -> None:
        """Check that rows have digests: of holes in a file there are none."""
        digests = self.digests(self.spec.features[0])
        for start in range(0, len(rows), _BLOCK):
            if not digests[rows[start : start + _BLOCK]].any(axis=1).all():
                raise StoreError(f"{self.path} has rows without a digest.")

    def _failure_counts(self) -> tuple[int, int]:
        """Return how many clips failed, and how many rows of metadata are unusable."""
        left_out = self._arrays["failures/where"].shape[0]
        corpus = self.provenance.get("corpus")
        listed = corpus.get("clips") if isinstance(corpus, dict) else None
        if not isinstance(listed, int):
            return left_out, 0
        failed = min(max(0, listed - len(self)), left_out)
        return failed, left_out - failed


class PartialStore(FeatureStore):
    """An incomplete store as it was when it was opened.

    Its splits hold the finished rows alone. Rows that are finished later, and renaming
    or replacing the file, do not change it.

    Parameters
    ----------
    path : path-like
        The partial file, or the store that it becomes.
    partial : bool
        Always true here.
    """

    def __init__(self, path: str | os.PathLike[str], *, partial: bool = True) -> None:
        self._read(_existing_path(path))
        self.complete = False
        # Opened now: the file may be renamed or replaced at any moment.
        with open_regular(self.path) as file:
            self._descriptor = keep_open(file, self)
        self._done = self.status() == schema.DONE

    def __getstate__(self) -> dict[str, Any]:
        # An open file cannot be pickled.
        return {k: v for k, v in vars(self).items() if k != "_descriptor"}

    def is_current(self) -> bool:
        """Return True: it stays as it was when it was opened."""
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

    def finished_rows(self) -> np.ndarray:
        """Return the rows that hold data [shape=(n,)]."""
        return np.flatnonzero(self._done)

    def _finished(self, rows: np.ndarray) -> np.ndarray:
        return rows[self._done[rows]]

    def _failure_counts(self) -> tuple[int, int]:
        failed = int((self.status() == schema.FAILED).sum())
        return failed, self._arrays["failures/where"].shape[0]

    def _open(self) -> BinaryIO:
        descriptor = vars(self).get("_descriptor")  # not after unpickling
        if descriptor is None:
            return super()._open()
        return open(os.dup(descriptor), "rb", buffering=0)


def open_store(store: FeatureStore | str | os.PathLike[str]) -> FeatureStore:
    """Open a store; one that is open is returned as it is.

    Parameters
    ----------
    store : FeatureStore or path

    Raises
    ------
    InputError, StoreError
        As `FeatureStore`.

    Examples
    --------
    >>> asc.open_store("store.h5")
    FeatureStore('store.h5': 36 clips, 3 scenes, mel, stft)
    """
    return store if isinstance(store, FeatureStore) else FeatureStore(store)


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what identifies a version of a file; None if the file is gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    # The time of a change in place can be set back, that of the entry cannot.
    times = facts.st_mtime_ns, facts.st_ctime_ns
    return facts.st_dev, facts.st_ino, facts.st_size, *times
