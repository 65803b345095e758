"""The header of a store: all that is known before a row is read, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from asc.corpus.groups import MOST_GROUPS, is_group_name
from asc.corpus.leakage import OVERLAPS, PARTS
from asc.errors import AscError, StoreError
from asc.features import Encoding, FeatureSpec, registered
from asc.store import schema
from asc.store.safety import check_plain

#: More than any corpus has folds.
_MOST_SPLITS = 1000


@dataclass(frozen=True)
class Header:
    """Attributes of a store, and where its arrays lie."""

    complete: bool
    spec: FeatureSpec
    provenance: dict
    environment: dict = field(compare=False)  # these two decide nothing
    corpus: dict = field(compare=False)
    scenes: tuple[str, ...]
    fingerprint: str
    digest: str
    recordings: int  # that are known; -1 if none are
    notes: int  # clips with a note
    groups: tuple[str, ...]  # such as device
    arrays: dict[str, schema.Array]  # by their path in the file
    encodings: dict[str, Encoding]  # of each feature
    # `OVERLAPS` of each split; None: unknown, or not stored
    overlaps: dict[str, tuple[float | None, ...]]


def read_header(path: Path) -> Header:
    """Read and check the header of a store.

    Raises
    ------
    InputError
        If there is no such file or it cannot be read.
    StoreError
        If it is not a valid store of a known version.
    """
    with schema.open_file(path) as file:
        try:
            return _read_header(file)
        except StoreError as error:
            raise StoreError(f"{path} is not a valid store: {error}") from None
        except Exception as error:  # whatever HDF5 makes of a damaged file
            raise StoreError(f"{path} is not a valid store: {error!r}.") from error


def is_incomplete(path: Path) -> bool:
    """Return True for an incomplete store; False for a missing or damaged file."""
    try:
        with schema.open_file(path) as file:
            return schema.read_number(file.attrs, "complete") != 1
    except Exception:  # noqa: BLE001 - whatever HDF5 makes of a damaged file
        return False


def _read_header(file: h5py.File) -> Header:
    check_plain(file)
    spec_values = schema.read_json(file.attrs, "spec", dict)
    try:
        spec = FeatureSpec.from_dict(spec_values)
        registered(spec)  # which may refuse their parameters
    except AscError as error:
        raise StoreError(f"its spec is not usable: {error}") from error
    arrays = _locate_rows(file, spec)
    overlaps = _locate_splits(file, arrays)
    groups = _locate_groups(file, arrays)
    return Header(
        complete=schema.read_number(file.attrs, "complete") == 1,
        spec=spec,
        provenance=schema.read_json(file.attrs, "provenance", dict),
        environment=schema.read_json(file.attrs, "environment", dict),
        corpus=schema.read_json(file.attrs, "corpus", dict),
        scenes=_read_scenes(file),
        fingerprint=schema.read_text(file.attrs, "fingerprint"),
        digest=schema.read_text(file.attrs, "digest"),
        recordings=int(schema.read_number(file.attrs, "recordings")),
        # Stores of earlier versions have no notes.
        notes=(
            int(schema.read_number(file.attrs, "notes")) if "notes" in file.attrs else 0
        ),
        groups=groups,
        arrays=arrays,
        encodings=_read_encodings(file, spec),
        overlaps=overlaps,
    )


def _read_encodings(file: h5py.File, spec: FeatureSpec) -> dict[str, Encoding]:
    """Read how the values of every feature are stored.

    A feature whose class is registered must agree with it; of another one, the file
    is all that is known.
    """
    known, keys = registered(spec), ("scale", "offset", "lowest", "step")
    found = {}
    for name in spec.features:
        attributes = file[f"features/{name}"].attrs
        if name in known:
            encoding = known[name].encoding
            line = tuple(schema.read_number(attributes, key) for key in keys[:2])
            if line != (encoding.scale, encoding.offset):
                raise StoreError(
                    f"scale and offset of /features/{name} are {line}, expected"
                    f" {(encoding.scale, encoding.offset)} from its spec."
                )
        else:
            values = [schema.read_number(attributes, key) for key in keys]
            scale, offset, lowest, step = values
            if not (np.isfinite(values).all() and min(scale, step) > 0):
                raise StoreError(
                    f"{', '.join(keys)} of /features/{name} are not possible."
                    f" Got {tuple(values)}."
                )
            unit = schema.read_text(attributes, "unit")
            if unit and not schema.is_name(unit):
                raise StoreError(
                    f"the unit of /features/{name} is not valid. Got {unit!a}."
                )
            encoding = Encoding(spec.dtype, scale, offset, lowest, step, unit)
        found[name] = encoding
    return found


def _read_scenes(file: h5py.File) -> tuple[str, ...]:
    scenes = schema.read_json(file.attrs, "scenes", list)
    if not scenes or not all(map(schema.is_name, scenes)):
        raise StoreError("its scenes are not a list of names.")
    if len(set(scenes)) < len(scenes):
        raise StoreError("its scenes are listed more than once.")
    return tuple(scenes)


def _locate_rows(file: h5py.File, spec: FeatureSpec) -> dict[str, schema.Array]:
    rows = schema.row_count(file)
    arrays = {
        name: schema.locate(file, name, (rows, *shape), dtype)
        for name, (shape, dtype) in schema.row_columns(spec).items()
    }
    texts: dict[str, int | None] = {f"clips/{name}": rows for name in schema.TEXTS}
    texts |= {"failures/where": None, "failures/error": None}
    for name, length in texts.items():
        arrays[name] = schema.locate(file, name, (length,), "text")
    if len({arrays[f"failures/{name}"].shape for name in ("where", "error")}) > 1:
        raise StoreError("/failures/where and /failures/error differ in length.")
    return arrays


def _locate_groups(file: h5py.File, arrays: dict[str, schema.Array]) -> tuple[str, ...]:
    """Add the arrays of all groups, and return their names. There need not be any."""
    groups = file.get("groups", {})
    if not isinstance(groups, (h5py.Group, dict)) or len(groups) > MOST_GROUPS:
        raise StoreError(f"/groups is not a group of at most {MOST_GROUPS} columns.")
    rows = arrays["rows/status"].shape[0]
    for name in groups:
        if not is_group_name(name):
            raise StoreError(f"{name!a} is not a valid name of a group.")
        place = f"groups/{name}"
        arrays[place] = schema.locate(file, place, (rows,), "text")
    return tuple(sorted(groups))


def _locate_splits(
    file: h5py.File, arrays: dict[str, schema.Array]
) -> dict[str, tuple[float | None, ...]]:
    """Add the arrays of all splits, and return how much the splits leak."""
    rows = arrays["rows/status"].shape[0]
    splits = file.get("splits")
    if not isinstance(splits, h5py.Group) or len(splits) > _MOST_SPLITS:
        raise StoreError("/splits is not a group of splits.")
    overlaps = {}
    for name in splits:
        if not schema.is_name(name):
            raise StoreError(f"{name!a} is not a valid split name.")
        for part in PARTS:
            place = f"splits/{name}/{part}"
            arrays[place] = schema.locate(file, place, (None,), np.dtype("<i4"))
            if arrays[place].shape[0] > rows:
                raise StoreError(f"/{place} has more entries than there are rows.")
        attributes = splits[name].attrs
        shares = {"leakage": schema.read_number(attributes, "leakage")}
        # Stores of earlier versions lack these.
        shares["leakage_at_least"] = np.nan
        shares["adjacent"] = 0.0 if shares["leakage"] == 0 else np.nan
        for fact in shares:
            if fact in attributes:
                shares[fact] = schema.read_number(attributes, fact)
        for fact, share in shares.items():
            if not (np.isnan(share) or 0 <= share <= 1):
                raise StoreError(f"{fact} of split {name} is {share}, not a share.")
        overlaps[name] = tuple(
            None if np.isnan(shares[fact]) else float(shares[fact]) for fact in OVERLAPS
        )
    return overlaps
