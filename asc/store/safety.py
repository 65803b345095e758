"""What no store and no file of weights may contain: links, other files, odd types.

A store is untrusted. Its layout is checked where it is read (`asc.store.schema`);
this module checks everything in the file, also what the layout does not name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import BinaryIO

import h5py

from asc.errors import StoreError
from asc.text import megabytes

#: More than any store has datasets and groups.
_MOST_OBJECTS = 10_000
#: Characters of a path that a message shows.
_LONGEST_PLACE = 200
#: Bytes at the start of an HDF5 file that `declared_end` looks at.
SUPERBLOCK_BYTES = 64
_PLAIN = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING)
#: Also truth values, and numbers that HDF5 does not know, such as bfloat16.
_NUMBERS = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM, h5py.h5t.OPAQUE)
#: Numbers hardly shrink when they are compressed.
_MOST_EXPANSION = 20


def declared_end(start: bytes) -> int | None:
    """Return where an HDF5 file ends by its own superblock; None if it has none.

    HDF5 itself ignores what comes behind.

    Parameters
    ----------
    start : bytes
        The first `SUPERBLOCK_BYTES` of the file.
    """
    if len(start) < SUPERBLOCK_BYTES or not start.startswith(b"\x89HDF\r\n\x1a\n"):
        return None
    version = start[8]
    # Each has two other addresses before that of the end (HDF5 file format, II.A).
    width = start[9] if version >= 2 else start[13]
    place = {0: 24, 1: 28}.get(version, 12) + 2 * width
    return int.from_bytes(start[place : place + width], "little")


def check_plain(file: h5py.File) -> None:
    """Check that a file has nothing but groups and plain arrays in it.

    Raises
    ------
    StoreError
        If there is a link; external, virtual, chunked or compact storage; a type of
        variable length, of several fields or with a name; or other data in front.
    """
    if file.userblock_size:
        raise StoreError("there is other data in front of it.")
    for place, found in _datasets(file):
        _check_plain_dataset(place, found)


def check_weights(file: BinaryIO, most: int) -> None:
    """Check that a file of Keras' weights has nothing but arrays of numbers.

    Parameters
    ----------
    file : binary file
    most : int
        Bytes that its arrays may have.

    Raises
    ------
    StoreError
        If there is a link, external or virtual storage, or a type without a fixed size;
        if the arrays are larger than `most`, or than the file holds.
    """
    size = file.seek(0, os.SEEK_END)
    with h5py.File(file, "r") as opened:
        total = 0
        for place, found in _datasets(opened):
            kept, kind = found.get_create_plist(), found.get_type()
            if kept.get_layout() == h5py.h5d.VIRTUAL or kept.get_external_count():
                raise StoreError(f"{place} is not stored in the file itself.")
            if kind.get_class() not in _NUMBERS:
                raise StoreError(f"{place} is not of numbers.")
            total += math.prod(found.shape or ()) * kind.get_size()
        if total > min(most, _MOST_EXPANSION * size):
            raise StoreError(f"its arrays of {megabytes(total)} are too large for it.")


def _datasets(file: h5py.File) -> Iterator[tuple[str, h5py.h5d.DatasetID]]:
    """Yield the place of every dataset and the dataset; refuse what is not one."""
    waiting = [("", h5py.h5g.open(file.id, b"/"))]
    # Groups may contain each other. HDF5's own walk is recursive, and a file with
    # enough levels ends the process.
    seen: set[int] = set()
    count = 0
    while waiting:
        place, group = waiting.pop()
        count += group.get_num_objs()
        if count > _MOST_OBJECTS:
            raise StoreError(f"it has more than {_MOST_OBJECTS:,} datasets and groups.")
        for name in group:
            inside = f"{place}/{ascii(name.decode(errors='replace'))[1:-1]}"
            if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise StoreError(f"{inside} is a link, and links are refused.")
            found = h5py.h5o.open(group, name)
            if isinstance(found, h5py.h5g.GroupID):
                address = h5py.h5o.get_info(found).addr
                if address not in seen:
                    seen.add(address)
                    waiting.append((inside[-_LONGEST_PLACE:], found))
            elif isinstance(found, h5py.h5d.DatasetID):
                yield inside, found
            else:
                raise StoreError(f"{inside} is neither a dataset nor a group.")


def _check_plain_dataset(place: str, found: h5py.h5d.DatasetID) -> None:
    kept = found.get_create_plist()
    if (
        kept.get_layout() != h5py.h5d.CONTIGUOUS
        or kept.get_external_count()
        or kept.get_nfilters()
    ):
        raise StoreError(f"{place} is not stored contiguously in the file itself.")
    kind = found.get_type()
    variable = isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()
    if kind.get_class() not in _PLAIN or variable or kind.committed():
        raise StoreError(f"{place} is not of plain numbers or text of fixed length.")
