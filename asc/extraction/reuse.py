"""What is there already, and what of it still holds.

A store, or its growing file, is touched only if it was made with the same
settings. Of the rows that are there, those are kept whose audio is the same.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from asc import environment
from asc.corpus.splits import make_splits
from asc.errors import AscError, InputError, SettingsMismatch, StoreError, UsageError
from asc.extraction.planning import Plan
from asc.features import fit, read_audio
from asc.features.audio import checksum
from asc.store import FeatureStore, StoreWriter, partial_path
from asc.store.fingerprint import fingerprint, provenance
from asc.store.schema import DONE
from asc.text import counted, describe_difference, differing_fields

#: Fields of a provenance that a changed corpus changes.
_CORPUS = "corpus."
#: What every HDF5 file begins with.
_HDF5 = b"\x89HDF\r\n\x1a\n"


def open_writer(
    plan: Plan, *, overwrite: bool, update: bool
) -> StoreWriter | FeatureStore:
    """Return the writer to go on with, or the store if nothing is to be done.

    Raises
    ------
    SettingsMismatch
        If what is there was made with other settings, or from other audio.
    """
    wanted = provenance(plan.spec, plan.corpus)
    growing = partial_path(plan.store)
    previous = usable = None
    if overwrite:
        _demand_store(plan.store)
        _discard_other(plan.store, fingerprint(wanted))
    elif plan.store.exists():
        previous = FeatureStore(plan.store)
        _demand_same(previous, wanted, but_for=_CORPUS if update else None)
        usable = _unchanged(previous, plan.corpus.root, by_content=update)
        if not update:
            _demand_unchanged(previous, usable)
        if _is_up_to_date(previous, plan, wanted, usable):
            return previous
    if growing.exists():
        previous = _growing_store(plan.store)
        # Its user was told to mend the corpus and to run the command again.
        _demand_same(previous, wanted, but_for=_CORPUS)
        usable = _unchanged(previous, plan.corpus.root, by_content=False)
        stale = (previous.status() == DONE) & ~usable
        if _lists_the_same(previous, plan, wanted) and not stale.any():
            return StoreWriter(growing)
    _demand_space(plan)
    born = growing.with_name(growing.name + ".next")
    with StoreWriter.create(
        born,
        plan.spec,
        plan.corpus,
        make_splits(plan.corpus),
        wanted,
        environment.describe(),
    ) as writer:
        if previous is not None and usable is not None:
            writer.reuse(previous, usable)
    os.replace(born, growing)
    return StoreWriter(growing)


def _is_up_to_date(
    store: FeatureStore, plan: Plan, wanted: dict[str, Any], usable: np.ndarray
) -> bool:
    """Return True if no clip is new or changed, and none that failed works now."""
    failed = {problem.where for problem in store.failures()}
    return (
        _lists_the_same(store, plan, wanted)
        and bool(usable.all())
        and not any(
            clip.path in failed and _is_usable(plan.corpus.root / clip.path, plan)
            for clip in plan.corpus.clips
        )
    )


def _lists_the_same(store: FeatureStore, plan: Plan, wanted: dict[str, Any]) -> bool:
    """Return True if clips, and rows of metadata left out, are those of the plan."""
    clips = {clip.path for clip in plan.corpus.clips}
    left_out = [item for item in store.failures() if item.where not in clips]
    same_problems = left_out == list(plan.corpus.problems)
    return same_problems and store.fingerprint == fingerprint(wanted)


def _is_usable(path: Path, plan: Plan) -> bool:
    try:
        fit(read_audio(path), plan.spec)
    except InputError:
        return False
    return True


def _unchanged(store: FeatureStore, root: Path, *, by_content: bool) -> np.ndarray:
    """Return which rows were made from the file that is there now, [shape=(clips,)].

    Files that were touched after the store are compared by content, and all of them
    if that is asked for. Of the others the size must be the same. Names alone would
    say little: TUT 2016 and 2017 share them.
    """
    sizes, sums = store.measured("source_bytes"), store.measured("source_crc32")
    done = store.status() == DONE
    made = 0.0 if by_content else store.path.stat().st_mtime
    same = np.zeros(len(sizes), bool)
    for row, path in enumerate(store.paths()):
        try:
            found = os.stat(root / path)
            same[row] = done[row] and found.st_size == sizes[row]
            # What was moved into the place of another file may have been written
            # long ago, but its status was changed then.
            if same[row] and max(found.st_mtime, found.st_ctime) >= made:
                same[row] = checksum(root / path) == sums[row]
        except (OSError, InputError):
            pass  # missing now: the worker will say so
    return same


def _demand_unchanged(store: FeatureStore, same: np.ndarray) -> None:
    changed = np.flatnonzero(~same)
    if len(changed):
        files = counted(len(changed), "source file has", "source files have")
        raise SettingsMismatch(
            f"{files} changed or gone since {store.path} was made; the first is"
            f" {store.paths()[changed[0]]}. Nothing was touched. --update computes"
            " what has changed and keeps the rest."
        )


def _demand_store(path: Path) -> None:
    """Refuse to overwrite a file that no store ever was."""
    if path.exists() and _first_bytes(path) != _HDF5:
        raise UsageError(
            f"{path} is not a store, so it is not overwritten. Name another file."
        )


def _first_bytes(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(len(_HDF5))


def _discard_other(store: Path, wanted: str) -> None:
    """Remove a growing file, unless it is what an interrupted rebuild left."""
    try:
        same = _growing_store(store).fingerprint == wanted
    except (InputError, StoreError):
        same = False
    if not same:
        partial_path(store).unlink(missing_ok=True)


def _growing_store(store: Path) -> FeatureStore:
    try:
        return FeatureStore(partial_path(store), partial=True)
    except StoreError as error:
        raise StoreError(
            f"{error} It is the growing file of {store}; use --overwrite to start"
            " again."
        ) from error


def _demand_same(
    found: FeatureStore, wanted: dict[str, Any], but_for: str | None = None
) -> None:
    """Refuse to touch what was made with other settings, but for some fields."""
    fields = [name for name, _, _ in differing_fields(found.provenance, wanted)]
    if not all(but_for and name.startswith(but_for) for name in fields):
        raise SettingsMismatch(
            f"{found.path} was made with other settings and is kept untouched.\n"
            f"{describe_difference(found.provenance, wanted)}\n"
            f"  {_way_out(fields)}"
        )


def _demand_space(plan: Plan) -> None:
    free = shutil.disk_usage(plan.store.parent).free
    if plan.bytes > free:
        raise AscError(
            f"{plan.store} needs {plan.bytes / 1e6:,.0f} MB, but only"
            f" {free / 1e6:,.0f} MB are free on its disk."
        )


def _way_out(fields: list[str]) -> str:
    if all(name.startswith(_CORPUS) for name in fields):
        return "Its corpus lists other clips now: --update brings the store up to date."
    return "Use --overwrite to rebuild it, or write to another file."
