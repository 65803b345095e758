"""Building a store: numbered rows, data before flags, renamed when complete.

All structure is written when ``STORE.partial`` is created; from then on only bytes
inside existing arrays change, by position. So any process of the machine may write a
row, and one that is killed at any moment leaves a readable file in which every row
flagged as done is complete: rows are on disk before their flags.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from asc import files
from asc.corpus import Corpus, Problem
from asc.corpus.leakage import OVERLAPS, PARTS, Origins, Split
from asc.errors import StoreError
from asc.features import FeatureSpec, make_features
from asc.store import schema
from asc.store.fingerprint import canonical_json, fingerprint
from asc.store.header_digest import HEADER_DIGEST, header_digest
from asc.store.reader import FeatureStore, PartialStore

NO_DIGEST = "0" * 64
#: Datasets whose digest is known when all rows are done.
_DIGESTED_LAST = ("rows/error", *(f"clips/{name}" for name in schema.MEASURED))


@dataclass(frozen=True)
class RowWriter:
    """Writes rows of a partial file, in any thread or process of this machine.

    Small to pickle, and holds no open file. What it writes counts only after
    `StoreWriter.commit`, which one process calls.
    """

    path: Path
    arrays: Mapping[str, schema.Array]
    identity: tuple[int, int]  # device and inode

    def write(
        self,
        row: int,
        features: Mapping[str, np.ndarray],
        measured: Mapping[str, float],
        note: str = "",
    ) -> None:
        """Write everything of a row but its status.

        Parameters
        ----------
        row : int
        features : dict of str to np.ndarray [shape=(rows, columns, channels)]
            In the spec's dtype.
        measured : dict of str to number
            The columns `asc.store.schema.MEASURED`.
        note : str
            What a user must know of the clip, such as that it is truncated.

        Raises
        ------
        StoreError
            If the file was replaced by another run.
        """
        values: dict[str, bytes] = {}
        for name, array in features.items():
            values[f"features/{name}"] = array.tobytes()
            values[f"rows/digest_{name}"] = digest_of(array)
        for name, value in measured.items():
            values[f"clips/{name}"] = np.asarray(value, schema.MEASURED[name]).tobytes()
        values["rows/error"] = _error_text(note, self.arrays["rows/error"])
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            facts = os.fstat(descriptor)
            if (facts.st_dev, facts.st_ino) != self.identity:
                raise StoreError(f"{self.path} was replaced while rows were written.")
            for name, data in values.items():
                _write_row(descriptor, self.arrays[name], row, data)
        finally:
            os.close(descriptor)


class StoreWriter:
    """Builds a store in its partial file. Only one process may do so.

    Use `create` to lay out a new file, and the constructor to resume.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = PartialStore(path)
        self.spec = self._store.spec
        facts = path.stat()
        self.rows = RowWriter(
            path, self._store.row_arrays(), (facts.st_dev, facts.st_ino)
        )
        self._file = os.open(path, os.O_RDWR)
        self._uncommitted: list[tuple[int, int]] = []

    @classmethod
    def create(
        cls,
        path: Path,
        spec: FeatureSpec,
        corpus: Corpus,
        splits: Mapping[str, Split],
        provenance: Mapping[str, Any],
        environment: Mapping[str, Any],
    ) -> StoreWriter:
        """Lay out a new file with every row pending."""
        clips = corpus.clips
        path.unlink(missing_ok=True)
        with schema.open_for_writing(path, "w") as file:
            texts: dict[str, Sequence[str]] = {
                f"clips/{name}": [getattr(clip, name) for clip in clips]
                for name in schema.TEXTS
            }
            texts |= {f"groups/{name}": v for name, v in corpus.groups.items()}
            _write_layout(file, spec, texts, splits, corpus.problems)
            attributes = {
                "spec": spec.to_dict(),
                "provenance": dict(provenance),
                "environment": dict(environment),
                "corpus": {"name": corpus.name, "format": corpus.format},
                "scenes": list(corpus.scenes),
            }
            for name, value in attributes.items():
                schema.write_text(file.attrs, name, canonical_json(value))
            file.attrs["recordings"] = (
                len(corpus.recordings) if corpus.recordings_known else -1
            )
            schema.write_text(file.attrs, "fingerprint", fingerprint(provenance))
        return cls(path)

    def close(self) -> None:
        """Close the file. Rows that were not committed do not count."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def status(self) -> np.ndarray:
        """Return the status of every row, as it is on disk."""
        return np.array(self.rows.arrays["rows/status"].map(self.path))

    def done(self, row: int) -> None:
        """Record that `rows` has written a row."""
        self._uncommitted.append((row, schema.DONE))

    def fail(self, row: int, message: str) -> None:
        """Record that a clip cannot become a row, and why."""
        array = self.rows.arrays["rows/error"]
        _write_row(self._file, array, row, _error_text(message, array))
        self._uncommitted.append((row, schema.FAILED))

    def commit(self) -> None:
        """Flush all rows that were recorded to disk, then set their flags."""
        if not self._uncommitted:
            return
        os.fsync(self._file)
        for row, status in self._uncommitted:
            _write_row(
                self._file, self.rows.arrays["rows/status"], row, bytes([status])
            )
        os.fsync(self._file)
        self._uncommitted.clear()

    def failures(self) -> list[Problem]:
        """Return the clips that failed and the rows of metadata left out."""
        return self._store.failures()

    def finish(self, store: Path) -> FeatureStore:
        """Make the partial file the store, without the clips that failed.

        Raises
        ------
        StoreError
            If rows are still pending, or if no row is done.
        """
        status = self.status()
        if (status == schema.PENDING).any():
            raise StoreError(f"{self.path} has rows that are still pending.")
        if not (status == schema.DONE).any():
            raise StoreError(f"{self.path} has no row that could be extracted.")
        self.close()
        if (status == schema.FAILED).any():
            with files.replacing(store) as tmp_path:
                _copy_done(PartialStore(self.path), tmp_path)
                _seal(tmp_path)
            self.path.unlink()
        else:
            _seal(self.path)
            files.fsync_and_rename(self.path, store)
        return FeatureStore(store)

    def reuse(self, other: FeatureStore, usable: np.ndarray) -> None:
        """Copy the done rows that another store has of the same clips.

        Parameters
        ----------
        other : FeatureStore
            Made with the same settings.
        usable : np.ndarray [shape=(len(other),)], bool
            Rows of it whose audio is still the same.
        """
        usable = usable & (other.status() == schema.DONE)
        row_of = {path: row for row, path in enumerate(other.paths()) if usable[row]}
        mine = self._store.paths()
        copied = [row for row, path in enumerate(mine) if path in row_of]
        theirs = [row_of[mine[row]] for row in copied]
        _copy_rows(other, theirs, self._file, self.rows.arrays, copied)
        self._uncommitted += [(row, schema.DONE) for row in copied]
        self.commit()


def digest_of(array: np.ndarray) -> bytes:
    """Return the SHA-256 of an array's bytes, such as a feature row's."""
    return hashlib.sha256(np.ascontiguousarray(array).data).digest()


def _write_layout(
    file: h5py.File,
    spec: FeatureSpec,
    texts: Mapping[str, Sequence[str]],
    splits: Mapping[str, Split],
    problems: Sequence[Problem],
) -> None:
    """Create every dataset and the attributes that change at the end."""
    schema.write_text(file.attrs, "format", schema.FORMAT)
    file.attrs["version"] = np.int32(schema.VERSION)
    file.attrs["complete"] = np.uint8(0)
    file.attrs["notes"] = np.int64(0)
    schema.write_text(file.attrs, "digest", NO_DIGEST)
    schema.write_text(file.attrs, HEADER_DIGEST, NO_DIGEST)
    rows = len(texts["clips/path"])
    for name, values in texts.items():
        _write_texts(file, name, values)
    for name, split in splits.items():
        for part in PARTS:
            _write_index(file, f"splits/{name}/{part}", split.part(part).astype("<i4"))
        for fact in OVERLAPS:
            share = getattr(split, fact)
            file[f"splits/{name}"].attrs[fact] = np.nan if share is None else share
    _write_texts(file, "failures/where", [problem.where for problem in problems])
    _write_texts(file, "failures/error", [problem.message for problem in problems])
    columns, features = schema.row_columns(spec), make_features(spec)
    # Features last: the small arrays then lie together at the start of the file.
    for name in sorted(columns, key=lambda name: name.startswith("features/")):
        shape, dtype = columns[name]
        dataset = schema.create_dataset(file, name, (rows, *shape), dtype)
        if name.startswith("features/"):
            encoding = features[name.rpartition("/")[2]].encoding
            for fact in ("scale", "offset", "lowest", "step"):
                dataset.attrs[fact] = getattr(encoding, fact)
            schema.write_text(dataset.attrs, "unit", encoding.unit)
            schema.write_text(dataset.attrs, "axes", "clip row column channel")
        elif name in _DIGESTED_LAST:
            schema.write_text(dataset.attrs, "digest", NO_DIGEST)
    for name in ("rows/status", "rows/error"):
        file[name][...] = np.zeros((), file[name].dtype)


def _write_texts(file: h5py.File, name: str, values: Sequence[str]) -> None:
    encoded = [value.encode() for value in values]
    dtype = schema.text_dtype(max(map(len, encoded), default=1))
    _write_index(file, name, np.array(encoded, dtype))


def _write_index(file: h5py.File, name: str, data: np.ndarray) -> None:
    dataset = schema.create_dataset(file, name, data.shape, data.dtype)
    if data.size:
        dataset[...] = data
    schema.write_text(dataset.attrs, "digest", digest_of(data).hex())


def _copy_done(source: FeatureStore, target: Path) -> None:
    """Write a store with the done rows of another, in their order."""
    kept = np.flatnonzero(source.status() == schema.DONE)
    new_row = np.full(len(source), -1, np.int32)
    new_row[kept] = np.arange(len(kept))
    columns = {
        "clips/path": source.paths(),
        "clips/scene": [source.scenes[code] for code in source.labels()],
        "clips/recording": source.recordings(),
    }
    columns |= {f"groups/{name}": source.group(name).tolist() for name in source.groups}
    texts = {name: [column[row] for row in kept] for name, column in columns.items()}
    origins = Origins(texts["clips/recording"], texts["clips/path"])
    splits = {}
    for name in source.splits:
        split = source.split(name)
        parts = (new_row[split.part(part)] for part in PARTS)
        splits[name] = origins.split(name, *(rows[rows >= 0] for rows in parts))
    target.unlink(missing_ok=True)
    with schema.open_for_writing(target, "w") as file:
        _write_layout(file, source.spec, texts, splits, source.failures())
        with schema.open_file(source.path) as old:
            for name, value in old.attrs.items():
                if name not in file.attrs:
                    file.attrs.create(name, value, dtype=old.attrs.get_id(name).dtype)
        if source.recordings_known:
            file.attrs["recordings"] = len({*origins.recordings[origins.named]}) or -1
    arrays = PartialStore(target).row_arrays()
    descriptor = os.open(target, os.O_RDWR)
    try:
        _copy_rows(source, kept, descriptor, arrays, range(len(kept)))
        status = arrays["rows/status"]
        _write_at(descriptor, b"\1" * len(kept), status.offset)
    finally:
        os.close(descriptor)


def _copy_rows(
    source: FeatureStore,
    rows: Sequence[int] | np.ndarray,
    descriptor: int,
    arrays: Mapping[str, schema.Array],
    new_rows: Sequence[int] | range,
) -> None:
    """Copy everything of rows but their status into another file."""
    for name, old in source.row_arrays().items():
        if name == "rows/status":
            continue
        data, new = old.map(source.path), arrays[name]
        for row, new_row in zip(rows, new_rows, strict=True):
            _write_row(descriptor, new, new_row, data[row].tobytes())


def _error_text(message: str, array: schema.Array) -> bytes:
    """Return the bytes of a message, without half a character at its end."""
    kept = message.encode(errors="replace")[: schema.ERROR_BYTES]
    text = kept.decode(errors="ignore").encode()
    return np.array(text, array.dtype).tobytes()


def _write_row(descriptor: int, array: schema.Array, row: int, data: bytes) -> None:
    """Write one row of an array."""
    _write_at(descriptor, data, array.offset + row * array.row_bytes)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all bytes at a place; a single call may write fewer."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _seal(path: Path) -> None:
    """Write the digests of a file whose rows are all done, and call it complete."""
    store = PartialStore(path)
    digest = store.compute_digest()
    with schema.open_for_writing(path, "r+") as file:
        schema.write_text(file.attrs, "digest", digest)
        for name in _DIGESTED_LAST:
            data = digest_of(store.arrays()[name].map(path)).hex()
            schema.write_text(file[name].attrs, "digest", data)
        file.attrs["notes"] = np.int64(len(store.notes()))
        header = header_digest(file, store.arrays())
        schema.write_text(file.attrs, HEADER_DIGEST, header)
        file.attrs["complete"] = np.uint8(1)


def bytes_needed(spec: FeatureSpec, clips: int) -> int:
    """Return the size of a store, without the text of its metadata."""
    return clips * sum(
        math.prod(shape) * dtype.itemsize
        for shape, dtype in schema.row_columns(spec).values()
    )
