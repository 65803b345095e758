"""How features are encoded, for readers that lack the code of a feature."""

from __future__ import annotations

import h5py
import numpy as np

from asc.errors import StoreError
from asc.features import Encoding, FeatureSpec, registered
from asc.store import schema


def write_encoding(attributes: h5py.AttributeManager, encoding: Encoding) -> None:
    """Write how the values of a feature are stored."""
    for name in ("scale", "offset", "lowest", "step"):
        attributes[name] = getattr(encoding, name)
    schema.write_text(attributes, "unit", encoding.unit)


def read_encodings(file: h5py.File, spec: FeatureSpec) -> dict[str, Encoding]:
    """Read how the values of every feature are stored.

    A feature whose class is registered must agree with it; of another one, the file
    is all that is known.

    Raises
    ------
    StoreError
        If an attribute is missing, impossible, or not that of the feature.
    """
    known = registered(spec)
    found = {}
    for name in spec.features:
        attributes = file[f"features/{name}"].attrs
        if name in known:
            found[name] = known[name].encoding
            _check_line(attributes, name, found[name])
        else:
            found[name] = _read_encoding(attributes, name, spec.dtype)
    return found


def _check_line(
    attributes: h5py.AttributeManager, name: str, encoding: Encoding
) -> None:
    found = tuple(schema.read_number(attributes, key) for key in ("scale", "offset"))
    if found != (encoding.scale, encoding.offset):
        raise StoreError(
            f"scale and offset of /features/{name} are {found}, expected"
            f" {(encoding.scale, encoding.offset)} from its spec."
        )


def _read_encoding(
    attributes: h5py.AttributeManager, name: str, dtype: str
) -> Encoding:
    keys = ("scale", "offset", "lowest", "step")
    scale, offset, lowest, step = (schema.read_number(attributes, key) for key in keys)
    if not (np.isfinite([scale, offset, lowest, step]).all() and min(scale, step) > 0):
        raise StoreError(
            f"{', '.join(keys)} of /features/{name} are not possible."
            f" Got {(scale, offset, lowest, step)}."
        )
    unit = schema.read_text(attributes, "unit")
    if unit and not schema.is_name(unit):
        raise StoreError(f"the unit of /features/{name} is not valid. Got {unit!a}.")
    return Encoding(dtype, scale, offset, lowest, step, unit)
