"""What an earlier run left, and which of its rows can be kept.

A store, or its partial file, is touched only if it was made with the same settings.
Rows whose audio is the same are kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc import environment
from asc.audio import checksums
from asc.corpus.segments import split_segment
from asc.disk import check_free_space
from asc.errors import InputError, SettingsMismatch, StoreError
from asc.extraction.planning import ExtractionPlan
from asc.extraction.workers import KILLED
from asc.features import read_clip
from asc.files import replacing
from asc.store import FeatureStore, PartialStore, StoreWriter, partial_path
from asc.store.fingerprint import fingerprint, provenance
from asc.store.schema import DONE
from asc.text import counted, describe_difference, differing_fields

#: Prefix of the fields of a provenance that depend on the corpus.
_CORPUS = "corpus."


@dataclass(frozen=True)
class Previous:
    """What an earlier run left.

    Attributes
    ----------
    store : FeatureStore
        The store, or its partial file.
    usable : np.ndarray [shape=(len(store),)], bool
        Rows whose audio is still the same.
    current : bool
        It can stay as it is: a complete store is what the plan would make, but for
        groups that it lacks; a partial file only lacks rows.
    lacking : tuple of str
        Groups that the corpus has and the store does not.
    """

    store: FeatureStore
    usable: np.ndarray
    current: bool
    lacking: tuple[str, ...] = ()

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
        _discard_other(plan.store, fingerprint(wanted))
    elif plan.store.exists():
        store = FeatureStore(plan.store)
        # Groups are an optional addition: a store without them is complete.
        lacking = () if update else _lacking_groups(store, wanted)
        asked = _without_groups(wanted, lacking)
        _check_settings(store, asked, except_for=_CORPUS if update else None)
        usable = _unchanged(store, plan.corpus.root, by_content=update)
        if not update:
            _check_unchanged(store, usable)
        current = (
            bool(usable.all())
            and _lists_the_same(store, plan, asked)
            and not _is_fixed(store, plan)
        )
        previous = Previous(store, usable, current, lacking)
        if current:
            return previous
    if partial_path(plan.store).exists():
        partial = _partial_store(plan.store)
        # The corpus may differ: a failure asks the user to fix it and to rerun.
        _check_settings(partial, wanted, except_for=_CORPUS)
        usable = _unchanged(partial, plan.corpus.root, by_content=False)
        stale = (partial.status() == DONE) & ~usable
        current = _lists_the_same(partial, plan, wanted) and not stale.any()
        previous = Previous(partial, usable, current)
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
            plan.splits,
            provenance(plan.spec, plan.corpus),
            environment.describe(),
        ) as writer:
            if previous is not None:
                writer.reuse(previous.store, previous.usable)
    return StoreWriter(path)


def _lacking_groups(store: FeatureStore, wanted: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(wanted["corpus"].get("groups", {}).keys() - {*store.groups}))


def _without_groups(provenance: dict[str, Any], names: tuple[str, ...]) -> dict:
    corpus = dict(provenance["corpus"])
    groups = corpus.pop("groups", {})
    if left := {name: groups[name] for name in groups if name not in names}:
        corpus["groups"] = left
    return provenance | {"corpus": corpus}


def _lists_the_same(
    store: FeatureStore, plan: ExtractionPlan, wanted: dict[str, Any]
) -> bool:
    """Return True if clips, and rows of metadata left out, are those of the plan."""
    clips = {clip.path for clip in plan.corpus.clips}
    left_out = [item for item in store.failures() if item.where not in clips]
    same_problems = left_out == list(plan.corpus.problems)
    return same_problems and store.fingerprint == fingerprint(wanted)


def killers(store: FeatureStore | StoreWriter) -> set[str]:
    """Return the paths of clips that killed the process that read them."""
    return {item.where for item in store.failures() if item.message.startswith(KILLED)}


def _is_fixed(store: FeatureStore, plan: ExtractionPlan) -> bool:
    """Return True if a clip that failed can be read now."""
    # One that killed a process is not read in this one.
    failed = {problem.where for problem in store.failures()} - killers(store)
    for path in failed & {clip.path for clip in plan.corpus.clips}:
        try:
            read_clip(
                plan.corpus.root / path,
                plan.spec,
                accept_truncated=plan.accept_truncated,
            )
        except InputError:
            continue
        return True
    return False


def _unchanged(store: FeatureStore, root: Path, *, by_content: bool) -> np.ndarray:
    """Return which rows were made from the file that is there now, [shape=(clips,)].

    Sizes are compared, for TUT 2016 and 2017 share names. Files that are newer than
    the store are compared by content; with `by_content` all of them.
    """
    sizes, sums = store.measured("source_bytes"), store.measured("source_crc32")
    done = store.status() == DONE
    made = 0.0 if by_content else store.path.stat().st_mtime
    same = np.zeros(len(sizes), bool)
    known: dict[str, int] = {}
    for row, path in enumerate(store.paths()):
        try:
            file = split_segment(path)[0]
            found = os.stat(root / file)
            same[row] = done[row] and found.st_size == sizes[row]
            # A file that was moved here may have an old mtime, but its ctime is new.
            if same[row] and max(found.st_mtime, found.st_ctime) >= made:
                if file not in known:  # once, however many segments it has
                    found_sums = checksums(root / file)
                    known[file] = next((s for s in found_sums if s == sums[row]), -1)
                same[row] = known[file] == sums[row]
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


def _discard_other(store: Path, wanted: str) -> None:
    """Remove a partial file, unless it is what an interrupted rebuild left."""
    try:
        same = _partial_store(store).fingerprint == wanted
    except (InputError, StoreError):
        same = False
    if not same:
        partial_path(store).unlink(missing_ok=True)


def _partial_store(store: Path) -> PartialStore:
    try:
        return PartialStore(partial_path(store))
    except StoreError as error:
        raise StoreError(
            f"{error} It is the partial file of {store}. Use --overwrite to start"
            " again."
        ) from error


def _check_settings(
    found: FeatureStore, wanted: dict[str, Any], except_for: str | None = None
) -> None:
    """Raise SettingsMismatch if fields differ, except for those with a prefix."""
    fields = [name for name, _, _ in differing_fields(found.provenance, wanted)]
    if all(except_for and name.startswith(except_for) for name in fields):
        return
    advice = "Use --overwrite to rebuild it, or write to another file."
    if all(name.startswith(_CORPUS) for name in fields):
        advice = (
            "The corpus lists other clips or groups now: --update brings it up to date."
        )
    raise SettingsMismatch(
        f"{found.path} was made with other settings and is kept untouched.\n"
        f"{describe_difference(found.provenance, wanted)}\n  {advice}"
    )
