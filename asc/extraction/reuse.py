"""What an earlier run left, and which of its rows can be kept.

A store, or its growing file, is touched only if it was made with the same
settings. Of its rows, those are kept whose audio is the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc import environment
from asc.corpus.splits import make_splits
from asc.errors import InputError, SettingsMismatch, StoreError, UsageError
from asc.extraction.planning import ExtractionPlan
from asc.extraction.workers import KILLED
from asc.features import fit, read_audio
from asc.features.audio import checksum
from asc.files import check_free_space, replacing
from asc.store import FeatureStore, PartialStore, StoreWriter, partial_path
from asc.store.fingerprint import fingerprint, provenance
from asc.store.schema import DONE
from asc.text import counted, describe_difference, differing_fields

#: Fields of a provenance that a changed corpus changes.
_CORPUS = "corpus."
#: What every HDF5 file begins with.
_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Previous:
    """What an earlier run left.

    Attributes
    ----------
    store : FeatureStore
        The store, or the growing file.
    usable : np.ndarray [shape=(len(store),)], bool
        Rows whose audio is still the same.
    current : bool
        True if it can stay as it is: a complete store is what the plan would make, a
        growing one only lacks rows.
    """

    store: FeatureStore
    usable: np.ndarray
    current: bool

    @property
    def up_to_date(self) -> bool:
        """True if nothing is to be done."""
        return self.current and self.store.complete


def find_previous(
    plan: ExtractionPlan, *, overwrite: bool, update: bool
) -> Previous | None:
    """Return what an earlier run left, or None if there is nothing to reuse.

    Raises
    ------
    SettingsMismatch
        If it was made with other settings, or from other audio.
    """
    wanted = provenance(plan.spec, plan.corpus)
    previous = None
    if overwrite:
        _check_is_store(plan.store)
        _discard_other(plan.store, fingerprint(wanted))
    elif plan.store.exists():
        store = FeatureStore(plan.store)
        _check_settings(store, wanted, except_for=_CORPUS if update else None)
        usable = _unchanged(store, plan.corpus.root, by_content=update)
        if not update:
            _check_unchanged(store, usable)
        current = _is_up_to_date(store, plan, wanted, usable)
        previous = Previous(store, usable, current)
        if current:
            return previous
    if partial_path(plan.store).exists():
        growing = _growing_store(plan.store)
        # Its user was told to fix the corpus and to run the command again.
        _check_settings(growing, wanted, except_for=_CORPUS)
        usable = _unchanged(growing, plan.corpus.root, by_content=False)
        stale = (growing.status() == DONE) & ~usable
        current = _lists_the_same(growing, plan, wanted) and not stale.any()
        previous = Previous(growing, usable, current)
    return previous


def open_writer(plan: ExtractionPlan, previous: Previous | None) -> StoreWriter:
    """Return the writer to resume with, or a new one with the rows to be reused."""
    path = partial_path(plan.store)
    if previous is not None and previous.current:
        return StoreWriter(path)
    check_free_space(plan.store, plan.bytes)
    with replacing(path) as tmp_path:
        with StoreWriter.create(
            tmp_path,
            plan.spec,
            plan.corpus,
            make_splits(plan.corpus),
            provenance(plan.spec, plan.corpus),
            environment.describe(),
        ) as writer:
            if previous is not None:
                writer.reuse(previous.store, previous.usable)
    return StoreWriter(path)


def _is_up_to_date(
    store: FeatureStore,
    plan: ExtractionPlan,
    wanted: dict[str, Any],
    usable: np.ndarray,
) -> bool:
    """Return True if no clip is new or changed, and none that failed works now."""
    # A clip that ends the process that reads it is not tried here, in this process.
    failed = {
        problem.where
        for problem in store.failures()
        if not problem.message.startswith(KILLED)
    }
    return (
        _lists_the_same(store, plan, wanted)
        and bool(usable.all())
        and not any(
            clip.path in failed and _is_usable(plan.corpus.root / clip.path, plan)
            for clip in plan.corpus.clips
        )
    )


def _lists_the_same(
    store: FeatureStore, plan: ExtractionPlan, wanted: dict[str, Any]
) -> bool:
    """Return True if clips, and rows of metadata left out, are those of the plan."""
    clips = {clip.path for clip in plan.corpus.clips}
    left_out = [item for item in store.failures() if item.where not in clips]
    same_problems = left_out == list(plan.corpus.problems)
    return same_problems and store.fingerprint == fingerprint(wanted)


def _is_usable(path: Path, plan: ExtractionPlan) -> bool:
    try:
        fit(read_audio(path), plan.spec)
    except InputError:
        return False
    return True


def _unchanged(store: FeatureStore, root: Path, *, by_content: bool) -> np.ndarray:
    """Return which rows were made from the file that is there now, [shape=(clips,)].

    Files that were touched after the store are compared by content; with `by_content`
    all of them. Of the others the size must be the same. Names are not enough: TUT
    2016 and 2017 share them.
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
            pass  # missing now: it becomes a failure of the extraction
    return same


def _check_unchanged(store: FeatureStore, same: np.ndarray) -> None:
    changed = np.flatnonzero(~same)
    if len(changed):
        files = counted(len(changed), "source file has", "source files have")
        raise SettingsMismatch(
            f"{files} changed or gone since {store.path} was made; the first is"
            f" {store.paths()[changed[0]]}. Nothing was touched. --update computes"
            " what has changed and keeps the rest."
        )


def _check_is_store(path: Path) -> None:
    """Raise UsageError for a file that is not a store: it is never overwritten."""
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


def _growing_store(store: Path) -> PartialStore:
    try:
        return PartialStore(partial_path(store))
    except StoreError as error:
        raise StoreError(
            f"{error} It is the growing file of {store}. Use --overwrite to start"
            " again."
        ) from error


def _check_settings(
    found: FeatureStore, wanted: dict[str, Any], except_for: str | None = None
) -> None:
    """Raise SettingsMismatch if other fields differ than those with a prefix."""
    fields = [name for name, _, _ in differing_fields(found.provenance, wanted)]
    if not all(except_for and name.startswith(except_for) for name in fields):
        raise SettingsMismatch(
            f"{found.path} was made with other settings and is kept untouched.\n"
            f"{describe_difference(found.provenance, wanted)}\n"
            f"  {_advice(fields)}"
        )


def _advice(fields: list[str]) -> str:
    if all(name.startswith(_CORPUS) for name in fields):
        return "Its corpus lists other clips now: --update brings the store up to date."
    return "Use --overwrite to rebuild it, or write to another file."
