"""The HDF5 layout, version 1: the only place that knows names and types.

`FORMAT.md` beside this file documents it for people who read a store without asc.
All datasets are contiguous, so each is a plain array at a known offset in the file:
they are read by memory map and written by position. HDF5 itself is needed only to
create a file and to find the arrays in it. What is missing, or not as the layout
demands, raises StoreError.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from asc.errors import Busy, InputError, MissingInputError, StoreError
from asc.features import FeatureSpec, registered
from asc.files import open_regular, parse_json
from asc.kinds import Kind, kind_of, not_a
from asc.store.safety import SUPERBLOCK_BYTES, declared_end
from asc.text import printable

FORMAT = "asc-store"
VERSION = 1

#: Values of ``/rows/status``.
PENDING, DONE, FAILED = 0, 1, 2

#: Bytes that are kept of the error message of a failed clip.
ERROR_BYTES = 240
#: More rows than this mean an attack or a damaged file.
_MOST_ROWS = 100_000_000
_MOST_ATTRIBUTE_BYTES = 60_000
_MOST_TEXT_BYTES = 60_000

#: Columns of ``/clips`` that are known only once the audio was read.
MEASURED: dict[str, np.dtype] = {
    "seconds": np.dtype("<f8"),
    "sample_rate": np.dtype("<i4"),
    "channels": np.dtype("<i2"),
    "source_bytes": np.dtype("<i8"),
    "source_crc32": np.dtype("<u4"),
}
#: Columns of ``/clips`` that hold text, padded with zero bytes.
TEXTS = ("path", "scene", "recording")


@dataclass(frozen=True)
class Array:
    """Where one dataset lies in the file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def row_bytes(self) -> int:
        """Size of one row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def map(self, path: Path, file: BinaryIO | None = None) -> np.ndarray:
        """Return the array as a read-only memory map, of an open file if given."""
        if not math.prod(self.shape):
            return np.empty(self.shape, self.dtype)
        try:
            return np.memmap(file or path, self.dtype, "r", self.offset, self.shape)
        except FileNotFoundError as error:
            raise MissingInputError(f"{path} was removed.") from error
        except ValueError as error:
            raise StoreError(f"{path} is shorter than when it was opened.") from error


def text_dtype(longest: int) -> np.dtype:
    """Return the type of a column of UTF-8 text of at most so many bytes."""
    return h5py.string_dtype("utf-8", max(1, longest))


def row_columns(spec: FeatureSpec) -> dict[str, tuple[tuple, np.dtype]]:
    """Return shape (after the row axis) and type of what is written row by row.

    The number of rows of a feature that is not registered here is None.
    """
    columns: dict[str, tuple[tuple, np.dtype]] = {}
    known = registered(spec)
    for feature in spec.features:
        shape: tuple = (None, spec.columns, spec.channel_count)
        shape = known[feature].shape if feature in known else shape
        columns[f"features/{feature}"] = shape, np.dtype(spec.dtype).newbyteorder("<")
        columns[f"rows/digest_{feature}"] = (32,), np.dtype("u1")
    columns["rows/status"] = (), np.dtype("u1")
    columns["rows/error"] = (), text_dtype(ERROR_BYTES)
    for name, dtype in MEASURED.items():
        columns[f"clips/{name}"] = (), dtype
    return columns


def create_dataset(
    file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype
) -> h5py.Dataset:
    """Create a contiguous dataset whose place in the file is fixed at once.

    Space is not filled: millions of rows cost nothing until they are written.
    """
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    properties.set_obj_track_times(False)  # equal stores have equal bytes
    parent = file.require_group(name.rpartition("/")[0])
    identifier = h5py.h5d.create(
        parent.id,
        name.rpartition("/")[2].encode(),
        h5py.h5t.py_create(dtype, logical=True),
        h5py.h5s.create_simple(shape),
        properties,
    )
    return h5py.Dataset(identifier)


def write_text(attributes: h5py.AttributeManager, name: str, text: str) -> None:
    """Write a text attribute of fixed length; rewriting keeps its place."""
    data = text.encode()
    if len(data) > _MOST_ATTRIBUTE_BYTES:
        raise StoreError(
            f"The attribute {name!r} is too long. Got {len(data):,} bytes, expected at"
            f" most {_MOST_ATTRIBUTE_BYTES:,}. Are there too many different labels?"
        )
    value = np.array(data, text_dtype(len(data)))
    if name in attributes:
        attributes.modify(name, value)
    else:
        attributes.create(name, value, dtype=value.dtype)


def read_text(attributes: h5py.AttributeManager, name: str) -> str:
    """Read an attribute that is UTF-8 text of fixed length."""
    dtype = _scalar(attributes, name)
    if dtype.kind != "S":
        raise StoreError(f"the attribute {name!r} is not text of fixed length.")
    if dtype.itemsize > _MOST_ATTRIBUTE_BYTES:
        raise StoreError(f"the attribute {name!r} is too long.")
    try:
        return bytes(attributes[name]).decode()
    except UnicodeDecodeError as error:
        raise StoreError(f"the attribute {name!r} is not UTF-8.") from error


def read_number(attributes: h5py.AttributeManager, name: str) -> float | int:
    """Read an attribute that is a single number of at most 64 bits."""
    dtype = _scalar(attributes, name)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise StoreError(f"the attribute {name!r} is not a number.")
    return attributes[name].item()


def read_json(attributes: h5py.AttributeManager, name: str, kind: type) -> Any:
    """Read a JSON attribute that holds a `dict` or a `list`."""
    text = read_text(attributes, name)
    try:
        value = parse_json(text)
    except ValueError as error:
        raise StoreError(f"the attribute {name!r} is not JSON.") from error
    if not isinstance(value, kind):
        raise StoreError(f"the attribute {name!r} is not a JSON {kind.__name__}.")
    plain = json.dumps(value, ensure_ascii=False)
    if printable(plain) != plain:
        raise StoreError(f"the attribute {name!r} has control characters in it.")
    return value


def is_name(text: Any) -> bool:
    """Return True for text that can be a name: not empty, and safe in a terminal."""
    return isinstance(text, str) and text != "" and printable(text) == text


@contextmanager
def open_file(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    HDF5 reads through a file of Python. So it takes no lock, whatever
    ``HDF5_USE_FILE_LOCKING`` says: no structure of a store changes after its creation,
    and network disks often have no locks.

    Raises
    ------
    InputError
        If the file is missing or cannot be read.
    StoreError
        If it is not HDF5, not a store of a version known here, or has data behind it.
    """
    # Functions of os.path raise no error for a name that is too long.
    if os.path.isdir(path):
        raise InputError(not_a("a store", path, _how_to_make(path)))
    if not os.path.exists(path):
        raise MissingInputError(
            f"There is no store at {path}: no such file. asc-extract makes stores."
        )
    with open_regular(path) as raw:
        with _opened(path, raw) as file:
            size = os.fstat(raw.fileno()).st_size
            end = declared_end(os.pread(raw.fileno(), SUPERBLOCK_BYTES, 0))
            if end is not None and size > end:
                raise StoreError(
                    f"{path} has {size - end:,} bytes behind its end, which no store"
                    " has. Copy or extract it again."
                )
            _check_version(path, file)
            yield file


def open_for_writing(path: Path, mode: str) -> h5py.File:
    """Open an HDF5 file by the plain driver and without a lock.

    Only one process writes a store, which has another lock (`asc.locking.locked`).

    Raises
    ------
    Busy
        If the environment makes HDF5 lock, and another program has the file open.
    """
    try:
        return h5py.File(path, mode, driver="sec2", locking=False)
    except BlockingIOError as error:
        raise Busy(
            f"{path} is open in another program, and HDF5_USE_FILE_LOCKING asks for a"
            " lock. Close it there, or unset that variable, and run the command again."
        ) from error


def _opened(path: Path, raw: BinaryIO) -> h5py.File:
    try:
        return h5py.File(raw, "r")
    except Exception as error:  # whatever HDF5 makes of a damaged file
        text = str(error)
    if "signature" in text or not os.fstat(raw.fileno()).st_size:
        raise StoreError(not_a("a store", path, _how_to_make(path)))
    raise StoreError(f"{path} is a damaged HDF5 file ({text}).")


def _how_to_make(path: Path) -> str:
    """Return the advice for something that is given in place of a store."""
    kind = kind_of(path)
    if kind is Kind.FILE:
        return "It is not an HDF5 file."
    if kind in (Kind.CORPUS, Kind.TABLE):
        return f"asc-extract makes one of it: asc-extract {printable(str(path))} STORE."
    if kind is Kind.AUDIO:
        return "asc-extract makes one of a folder of audio: asc-extract CORPUS STORE."
    return "asc-extract makes stores."


def _check_version(path: Path, file: h5py.File) -> None:
    try:
        if read_text(file.attrs, "format") != FORMAT:
            raise StoreError(f"its format is not {FORMAT!r}.")
        version = read_number(file.attrs, "version")
    except Exception as error:
        raise StoreError(f"{path} is HDF5 but not an asc store: {error}") from error
    if not 1 <= version <= VERSION:
        raise StoreError(
            f"{path} has an unknown format version. Got {version}, expected at most"
            f" {VERSION}. Install a newer asc, or extract again."
        )


def locate(file: h5py.File, name: str, shape: tuple, dtype: np.dtype | str) -> Array:
    """Find a dataset and check that its type and shape are those of the layout.

    Contiguous storage was checked before (`asc.store.safety`).

    Parameters
    ----------
    file : h5py.File
    name : str
    shape : tuple of int or None
        None for an axis of any length.
    dtype : np.dtype or str
        ``"text"`` for text of any fixed length.
    """
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        state = "missing" if dataset is None else "not a dataset"
        raise StoreError(f"/{name} is {state}.")
    fits = len(dataset.shape) == len(shape) and all(
        wanted is None or wanted == length
        for wanted, length in zip(shape, dataset.shape, strict=True)
    )
    if dtype == "text":
        same_type = dataset.dtype.kind == "S"
        if dataset.dtype.itemsize > _MOST_TEXT_BYTES:
            raise StoreError(f"/{name} has texts of {dataset.dtype.itemsize:,} bytes.")
    else:
        same_type = dataset.dtype == dtype
    if not fits or not same_type:
        raise StoreError(
            f"/{name} is {dataset.dtype} {dataset.shape}, expected {dtype}"
            f" {tuple('any' if n is None else n for n in shape)}."
        )
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    offset = dataset.id.get_offset() if size else 0
    if offset is None or offset + size > file.id.get_filesize():
        raise StoreError(f"/{name} reaches beyond the end of the file.")
    return Array(int(offset), tuple(dataset.shape), dataset.dtype)


def row_count(file: h5py.File) -> int:
    """Return the number of rows, which is limited."""
    rows = locate(file, "rows/status", (None,), np.dtype("u1")).shape[0]
    if not 0 < rows <= _MOST_ROWS:
        raise StoreError(f"it has {rows} rows.")
    return rows


def _scalar(attributes: h5py.AttributeManager, name: str) -> np.dtype:
    """Return the type of an attribute that holds a single value."""
    if name not in attributes:
        raise StoreError(f"the attribute {name!r} is missing.")
    identifier = attributes.get_id(name)
    if identifier.shape != ():
        raise StoreError(f"the attribute {name!r} is not a single value.")
    return identifier.dtype
