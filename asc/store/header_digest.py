"""The digest over everything that a store says before its rows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import h5py

from asc.corpus.leakage import OVERLAPS
from asc.store import schema
from asc.store.fingerprint import canonical_json

#: The attribute with the digest. Stores of earlier versions lack it.
HEADER_DIGEST = "header_digest"
#: The other attributes of the file. Not `complete`, which is written after the digest.
_OF_FILE = (
    *("format", "version", "digest", "fingerprint", "provenance", "spec"),
    *("scenes", "recordings", "corpus", "environment", "notes"),
)
_OF_DATASET = ("digest", "scale", "offset", "lowest", "step", "unit", "axes")


def header_digest(file: h5py.File, arrays: Mapping[str, schema.Array]) -> str:
    """Return the SHA-256 of the header of a store, as `FORMAT.md` defines it.

    Parameters
    ----------
    file : h5py.File
    arrays : dict of str to Array
        Every dataset of the layout, by its path in the file.

    Raises
    ------
    StoreError
        If an attribute is neither text nor a number.
    """
    header = {"/": _read(file.attrs, _OF_FILE)}
    for name, split in file["splits"].items():
        header[f"splits/{name}"] = _read(split.attrs, OVERLAPS)
    for place, array in arrays.items():
        if place.startswith("groups/"):
            continue  # earlier versions do not know them; the provenance has their sums
        shape = {"shape": list(array.shape), "type": array.dtype.str}
        header[place] = shape | _read(file[place].attrs, _OF_DATASET)
    return hashlib.sha256(canonical_json(header).encode()).hexdigest()


def _read(attributes: h5py.AttributeManager, names: tuple[str, ...]) -> dict:
    """Return those attributes that are there, NaN as None."""
    values: dict[str, str | float | None] = {}
    for name in names:
        if name in attributes:
            if attributes.get_id(name).dtype.kind == "S":
                values[name] = schema.read_text(attributes, name)
            else:
                value = schema.read_number(attributes, name)
                values[name] = value if math.isfinite(value) else None
    return values
