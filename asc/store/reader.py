"""Reading a store: plain arrays by memory map, never through HDF5 indexing."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from asc.corpus import Problem, Split
from asc.corpus.adjacency import positions
from asc.corpus.base import leads_outside
from asc.corpus.duplicates import known_from_train
from asc.corpus.splits import PARTS, overlaps, split_on_demand
from asc.errors import AscError, StoreError, UsageError
from asc.features import FeatureSpec
from asc.store import schema
from asc.store.equality import equal_rows
from asc.store.safety import demand_plain
from asc.text import printable, unknown_name

#: More than any corpus has folds.
_MOST_SPLITS = 1000


def partial_path(store: Path) -> Path:
    """Return where a store grows until it is whole."""
    return store.with_name(store.name + ".partial")


class FeatureStore:
    """One store, opened for reading.

    Opening reads the header alone and keeps no file handle, so a store is cheap
    to open, to pickle and to fork with, and any number of processes can read
    it at the same time.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    partial : bool
        Open a store that is still growing, at ``path`` or as ``path.partial``.
        Its splits have the rows that are finished when it is opened; what is
        written later, and what becomes of the file, does not change them.

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

    Raises
    ------
    InputError
        If there is no such file or it cannot be read.
    StoreError
        If it is not a whole store of a known version.

    Examples
    --------
    >>> store = asc.FeatureStore("cache/esc10.h5")        # doctest: +SKIP
    >>> rows = store.split("fold1").train                 # doctest: +SKIP
    >>> codes = store.features("mel")[rows[:16]]          # doctest: +SKIP
    >>> codes.shape, codes.dtype                          # doctest: +SKIP
    ((16, 256, 256, 1), dtype('uint8'))
    """

    def __init__(self, path: str | os.PathLike[str], *, partial: bool = False) -> None:
        self.path = Path(path)
        if partial and not self.path.exists():
            growing = partial_path(self.path)
            self.path = growing if growing.exists() else self.path
        self._identity = _identity(self.path)
        with schema.open_file(self.path) as file:
            try:
                self._read_header(file)
            except StoreError as error:
                raise StoreError(f"{self.path} is not a sound store: {error}") from None
            except Exception as error:  # whatever it is, the file is the cause
                raise StoreError(
                    f"{self.path} is not a sound store: {error!r}."
                ) from error
        if not self.complete and not partial:
            raise StoreError(
                f"{self.path} is not complete. Run the asc-extract command that made"
                " it again: it goes on where it stopped."
            )
        if not self.complete:
            # The file may be renamed or replaced any moment.
            self._maps = {
                name: array.map(self.path) for name, array in self._arrays.items()
            }
            self._done = self.status() == schema.DONE

    def _read_header(self, file: Any) -> None:
        demand_plain(file)
        spec_values = schema.read_json(file.attrs, "spec", dict)
        try:
            self.spec = FeatureSpec.from_dict(spec_values)
        except AscError as error:
            raise StoreError(f"its spec is not usable: {error}") from error
        self.provenance: dict = schema.read_json(file.attrs, "provenance", dict)
        self.environment: dict = schema.read_json(file.attrs, "environment", dict)
        self.corpus: dict = schema.read_json(file.attrs, "corpus", dict)
        scenes = schema.read_json(file.attrs, "scenes", list)
        if not scenes or not all(map(schema.is_name, scenes)):
            raise StoreError("its scenes are not a list of names.")
        if len(set(scenes)) < len(scenes):
            raise StoreError("its scenes are listed more than once.")
        self.scenes: tuple[str, ...] = tuple(scenes)
        self.fingerprint = schema.read_text(file.attrs, "fingerprint")
        self._digest = schema.read_text(file.attrs, "digest")
        self.complete = schema.read_number(file.attrs, "complete") == 1
        self._recording_count = int(schema.read_number(file.attrs, "recordings"))
        rows = schema.row_count(file)
        self._arrays = {
            name: schema.locate(file, name, (rows, *shape), dtype)
            for name, (shape, dtype) in schema.row_columns(self.spec).items()
        }
        for name in self.spec.features:
            attributes = file[f"features/{name}"].attrs
            found = tuple(
                schema.read_number(attributes, value) for value in ("scale", "offset")
            )
            if found != self.spec.scaling(name):
                raise StoreError(
                    f"scale and offset of /features/{name} are {found}, expected"
                    f" {self.spec.scaling(name)} from its spec."
                )
        for name in schema.TEXTS:
            self._arrays[f"clips/{name}"] = schema.locate(
                file, f"clips/{name}", (rows,), "text"
            )
        for name in ("where", "error"):
            self._arrays[f"failures/{name}"] = schema.locate(
                file, f"failures/{name}", (None,), "text"
            )
        self._overlaps: dict[str, dict[str, float | None]] = {}
        splits = schema.follow(file, "splits")
        if not isinstance(splits, h5py.Group) or len(splits) > _MOST_SPLITS:
            raise StoreError("/splits is not a group of splits.")
        for name in splits:
            if not schema.is_name(name):
                raise StoreError(f"the name of split {name!a} is none.")
            for part in PARTS:
                place = f"splits/{name}/{part}"
                self._arrays[place] = schema.locate(
                    file, place, (None,), np.dtype("<i4")
                )
            shares = {"leakage": schema.read_number(splits[name].attrs, "leakage")}
            # Stores of earlier versions do not tell it.
            shares["adjacent"] = 0.0 if shares["leakage"] == 0 else np.nan
            if "adjacent" in splits[name].attrs:
                shares["adjacent"] = schema.read_number(splits[name].attrs, "adjacent")
            self._overlaps[name] = {
                fact: share if np.isfinite(share) else None
                for fact, share in shares.items()
            }
        self.splits: tuple[str, ...] = tuple(sorted(self._overlaps))

    def __getstate__(self) -> dict[str, Any]:
        # Memory maps would be pickled with all that they show.
        return {name: value for name, value in vars(self).items() if name != "_maps"}

    def __len__(self) -> int:
        return self._arrays["rows/status"].shape[0]

    def __repr__(self) -> str:
        return (
            f"FeatureStore({str(self.path)!r}: {len(self)} clips,"
            f" {len(self.scenes)} scenes, {', '.join(self.spec.features)})"
        )

    def is_current(self) -> bool:
        """Return False if the file was changed or replaced since it was opened.

        A growing store is what it was when it was opened, whatever comes after.
        """
        return not self.complete or _identity(self.path) == self._identity

    def features(self, name: str) -> np.ndarray:
        """Return all rows of a feature as a read-only memory map.

        Parameters
        ----------
        name : str
            ``mel`` or ``stft``.

        Returns
        -------
        np.ndarray [shape=(clips, rows, columns, channels)]
            As stored; see `to_decibels`.

        Raises
        ------
        UsageError
            If the store does not have the feature.
        """
        if name not in self.spec.features:
            raise UsageError(unknown_name("feature", name, self.spec.features))
        return self._array(f"features/{name}")

    def to_decibels(self, name: str, stored: np.ndarray) -> np.ndarray:
        """Return stored values as level in dB relative to full scale, float32."""
        scale, offset = self.spec.scaling(name)
        return stored.astype(np.float32) * np.float32(scale) + np.float32(offset)

    @property
    def digest(self) -> str:
        """SHA-256 over all feature rows; of a growing store, over finished ones."""
        return self._digest if self.complete else self.compute_digest()

    def finished_rows(self) -> np.ndarray:
        """Return the rows that hold data [shape=(n,)]: in a complete store, all."""
        return np.arange(len(self)) if self.complete else np.flatnonzero(self._done)

    def labels(self) -> np.ndarray:
        """Return the scene of every clip as an index into `scenes`.

        Returns
        -------
        np.ndarray [shape=(clips,)], int64
        """
        return self._labels

    def paths(self) -> list[str]:
        """Return the path of every clip, relative to the corpus folder.

        Raises
        ------
        StoreError
            If one leads out of that folder, or has control characters in it.
        """
        return self._names("clips/path")

    def recordings(self) -> list[str]:
        """Return the recording of every clip."""
        return self._names("clips/recording")

    def status(self) -> np.ndarray:
        """Return the status of every row (`asc.store.schema`)."""
        return np.array(self._array("rows/status"))

    def measured(self, name: str) -> np.ndarray:
        """Return what was measured of every source file, such as ``seconds``."""
        return np.array(self._array(f"clips/{name}"))

    def digests(self, feature: str) -> np.ndarray:
        """Return the SHA-256 of every row [shape=(clips, 32)], uint8."""
        return self._array(f"rows/digest_{feature}")

    def split(self, name: str) -> Split:
        """Return a split; of a growing store, what is finished of it.

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
        split = self._stored_split(name) if name in self.splits else None
        split = split or self._split_on_demand(name)
        if self.complete:
            return split
        train, validation, test = (self._finished(split.part(part)) for part in PARTS)
        recordings = spans = None
        if self.recordings_known:
            recordings, spans = np.array(self.recordings()), positions(self.paths())
        return Split(
            name, train, validation, test, *overlaps(train, test, recordings, spans)
        )

    def _finished(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.complete else rows[self._done[rows]]

    def _stored_split(self, name: str) -> Split:
        parts = {}
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
            parts[part] = rows
        shares = self._overlaps[name]
        return Split(
            name, **parts, leakage=shares["leakage"], adjacent=shares["adjacent"]
        )

    def _split_on_demand(self, name: str) -> Split:
        made = split_on_demand(
            name,
            np.array(self.scenes)[self.labels()],
            self.recordings(),
            recordings_known=self.recordings_known,
        )
        if made is None:
            known = (*self.splits, "development", "recording1of5")
            raise UsageError(unknown_name("split", name, known))
        return made

    def find(self, clip: str) -> int:
        """Return the row of a clip.

        Parameters
        ----------
        clip : str
            Row number, path, or the end of a path.

        Raises
        ------
        UsageError
            If no clip, or more than one, is meant.
        """
        if clip.isdecimal():
            found = [int(clip)] if int(clip) < len(self) else []
        else:
            paths = self.paths()
            found = [row for row, path in enumerate(paths) if path == clip]
            found = found or [
                row for row, path in enumerate(paths) if path.endswith(clip)
            ]
        if len(found) != 1:
            what = f"{len(found)} clips" if found else f"None of {len(self)} clips"
            raise UsageError(f"{what} of {self.path} can be meant by {clip!r}.")
        return found[0]

    @property
    def recordings_known(self) -> bool:
        """False if the corpus named no recordings: leakage cannot be told."""
        return self._recording_count >= 0

    def failures(self) -> list[Problem]:
        """Return what the store lacks and why: clips and rows of metadata."""
        left_out = [
            Problem(where, message)
            for where, message in zip(
                self._texts("failures/where"),
                self._texts("failures/error"),
                strict=True,
            )
        ]
        failed = np.flatnonzero(self.status() == schema.FAILED)
        if len(failed):
            paths, errors = self._array("clips/path"), self._array("rows/error")
            left_out += [
                Problem(_decoded(paths[row]), _decoded(errors[row])) for row in failed
            ]
        return left_out

    def row_arrays(self) -> dict[str, schema.Array]:
        """Return where everything lies that is written row by row."""
        return {name: self._arrays[name] for name in schema.row_columns(self.spec)}

    def index_arrays(self) -> dict[str, schema.Array]:
        """Return where clips, splits and failures lie: all but features and flags."""
        others = ("features/", "rows/")
        return {k: v for k, v in self._arrays.items() if not k.startswith(others)}

    def compute_digest(self) -> str:
        """Return the SHA-256 over the digests of all rows, feature by feature."""
        total = hashlib.sha256()
        for feature in sorted(self.spec.features):
            digests = self.digests(feature)
            if not self.complete:
                digests = digests[self._done]
            total.update(np.ascontiguousarray(digests).data)
        return total.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return the facts of the store, as plain values for JSON.

        Digests and the row numbers of splits are all that is read, which takes some
        tenths of a second for a million rows. Parts of a growing store are counted
        without the rows that are not finished; leakage is that of all rows.

        Raises
        ------
        StoreError
            If a split names rows that the store does not have.
        """
        done = np.flatnonzero(self.status() == schema.DONE)
        groups = equal_rows(self.digests(self.spec.features[0]), done)
        failed, problems = self._counted_failures()
        splits = {name: self._stored_split(name) for name in self.splits}
        return {
            "path": str(self.path),
            "complete": self.complete,
            "clips": len(self),
            "finished": len(self.finished_rows()),
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
                | {"duplicates": known_from_train(split, groups)}
                for name, split in splits.items()
            },
            "fingerprint": self.fingerprint,
            "digest": self.digest,
            "bytes": self.path.stat().st_size,
            "corpus": self.corpus,
            "spec": self.spec.to_dict(),
            "libraries": self.provenance.get("libraries", {}),
        }

    def _counted_failures(self) -> tuple[int, int]:
        """Return how many clips failed, and how many rows of metadata are unusable."""
        left_out = self._arrays["failures/where"].shape[0]
        corpus = self.provenance.get("corpus")
        listed = corpus.get("clips") if isinstance(corpus, dict) else None
        if not self.complete:  # clips that failed still have a row
            return int((self.status() == schema.FAILED).sum()), left_out
        if not isinstance(listed, int):
            return left_out, 0
        failed = min(max(0, listed - len(self)), left_out)
        return failed, left_out - failed

    @cached_property
    def _labels(self) -> np.ndarray:
        names = np.array([scene.encode() for scene in self.scenes])
        stored = np.asarray(self._array("clips/scene"))
        order = np.argsort(names)
        place = np.searchsorted(names[order], stored)
        labels = order[np.minimum(place, len(names) - 1)]
        if not (names[labels] == stored).all():
            raise StoreError(f"{self.path} has clips of scenes that it does not list.")
        return labels

    def _array(self, name: str) -> np.ndarray:
        held = vars(self).get("_maps")
        return held[name] if held else self._arrays[name].map(self.path)

    def _names(self, column: str) -> list[str]:
        names = [bytes(name).decode(errors="replace") for name in self._array(column)]
        for row, name in enumerate(names):
            if not schema.is_name(name):
                raise StoreError(f"{self.path}: /{column} is {name!a} in row {row}.")
            if leads_outside(name) and column == "clips/path":
                raise StoreError(
                    f"{self.path}: the path {name!a} of row {row} leaves the corpus"
                    " folder."
                )
        return names

    def _texts(self, name: str) -> list[str]:
        return [_decoded(value) for value in self._array(name)]


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what tells a file from a later one of its name; None if it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _decoded(value: Any) -> str:
    # Text from a store reaches terminals and pages: control characters are shown.
    return printable(bytes(value).decode(errors="replace"))
