"""Corpus to store: a plan, parallel workers, one writer.

Rows are numbered before work starts, workers return whole rows, and only this
process writes. So the bytes of a store do not depend on the number of workers,
on their order, or on interruptions.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asc import environment
from asc.corpus import Problem, make_splits
from asc.errors import (
    AscError,
    InputError,
    SettingsMismatch,
    StoreError,
    UsageError,
    counted,
)
from asc.extraction.planning import Plan
from asc.extraction.workers import Failed, results
from asc.store import FeatureStore, StoreWriter, partial_path, writing
from asc.store.fingerprint import (
    describe_difference,
    difference,
    fingerprint,
    provenance,
)
from asc.store.schema import DONE

#: Seconds between commits: what a crash can cost.
_COMMIT_SECONDS = 2.0

Progress = Callable[[int, int], None]


@dataclass
class Report:
    """What an extraction did.

    Attributes
    ----------
    store : Path
        The store, or the growing file if it could not be completed.
    complete : bool
    clips, computed, kept : int
        Rows of the store, rows computed now, and rows that were there.
    failures : list of Problem
    notes : list of str
    seconds : float
    """

    store: Path
    complete: bool
    clips: int
    computed: int = 0
    kept: int = 0
    failures: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def extract(
    plan: Plan,
    *,
    jobs: int = -1,
    allow_failures: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Make the store of a plan, or go on making it.

    Parameters
    ----------
    plan : Plan
    jobs : int
        Worker processes; -1 for as many as there are processors.
    allow_failures : bool
        Complete the store without the clips that fail, and record them.
    overwrite : bool
        Rebuild a store that was made with other settings.
    progress : callable(done, total), optional
        Called as clips are finished.

    Returns
    -------
    Report
        ``complete`` is False if clips failed and that is not allowed. The
        others are then kept in the growing file.

    Raises
    ------
    SettingsMismatch
        If the store, or its growing file, was made with other settings.
    Busy
        If another process is writing the store.
    """
    started = time.perf_counter()
    _demand_place(plan.store)
    with writing(plan.store):
        writer = _open_writer(plan, overwrite)
        if isinstance(writer, Report):
            return writer
        with writer:
            status = writer.status()
            # Failed rows are tried again: the user may have mended the files.
            todo = np.flatnonzero(status != DONE)
            report = Report(writer.path, False, len(status))
            report.kept = len(status) - len(todo)
            report.notes = list(plan.notes)
            try:
                silent = _compute(plan, writer, todo, jobs, progress)
            except UsageError:  # the spec turned out to be impossible
                if not report.kept:
                    writer.path.unlink()
                raise
            if silent:
                clips = counted(len(silent), "clip holds", "clips hold")
                report.notes.append(f"{clips} digital silence, such as {silent[0]}.")
            report.computed = int((writer.status() == DONE).sum()) - report.kept
            report.failures = writer.failures()
            some = report.kept + report.computed > 0
            if some and (allow_failures or not report.failures):
                store = writer.finish(plan.store)
                report.store, report.complete = store.path, True
                report.clips = len(store)
    report.seconds = time.perf_counter() - started
    return report


def _open_writer(plan: Plan, overwrite: bool) -> StoreWriter | Report:
    """Return the writer to go on with, or the report if nothing is to be done."""
    wanted = provenance(plan.spec, plan.corpus)
    growing = partial_path(plan.store)
    previous: FeatureStore | None = None
    if overwrite:
        _discard_other(plan.store, fingerprint(wanted))
    elif plan.store.exists():
        previous = FeatureStore(plan.store)
        _demand_same(previous, wanted)
        failures = previous.failures()
        paths = {clip.path for clip in plan.corpus.clips}
        if not any(problem.where in paths for problem in failures):
            return Report(
                plan.store,
                True,
                len(previous),
                kept=len(previous),
                failures=failures,
                notes=list(plan.notes),
            )
    if growing.exists():
        previous = _growing_store(plan.store)
        if previous.fingerprint == fingerprint(wanted):
            return StoreWriter(growing)
        _demand_same(previous, wanted, but_for="corpus.")
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
        if previous is not None:
            writer.reuse(previous, _same_size(previous, plan.corpus.root))
    os.replace(born, growing)
    return StoreWriter(growing)


def _discard_other(store: Path, wanted: str) -> None:
    """Remove a growing file, unless it is what an interrupted rebuild left."""
    try:
        same = _growing_store(store).fingerprint == wanted
    except (InputError, StoreError):
        same = False
    if not same:
        partial_path(store).unlink(missing_ok=True)


def _same_size(store: FeatureStore, root: Path) -> np.ndarray:
    """Return which clips have a file of the size that their row was made from.

    Corpora share file names (TUT 2016 and 2017 do), so a name alone says little.
    """
    sizes = store.measured("source_bytes")
    same = np.zeros(len(sizes), bool)
    for row, path in enumerate(store.paths()):
        try:
            same[row] = os.path.getsize(root / path) == sizes[row]
        except OSError:
            pass  # missing now: the worker will say so
    return same


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
    """Refuse to touch what was made with other settings.

    A growing store may differ in its list of clips (``but_for``): its user was
    told to mend the corpus and to run the command again.
    """
    fields = [name for name, _, _ in difference(found.provenance, wanted)]
    if not all(but_for and name.startswith(but_for) for name in fields):
        raise SettingsMismatch(
            f"{found.path} was made with other settings and is kept untouched.\n"
            f"{describe_difference(found.provenance, wanted)}\n"
            "  Use --overwrite to rebuild it, or write to another file."
        )


def _demand_place(store: Path) -> None:
    if store.is_dir():
        raise UsageError(f"{store} is a folder; STORE must be the name of a file.")
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"Cannot make {store.parent}: {error.strerror}.") from error
    if not os.access(store.parent, os.W_OK):
        raise UsageError(f"Cannot write into {store.parent}: permission denied.")


def _demand_space(plan: Plan) -> None:
    free = shutil.disk_usage(plan.store.parent).free
    if plan.bytes > free:
        raise AscError(
            f"{plan.store} needs {plan.bytes / 1e6:,.0f} MB, but only"
            f" {free / 1e6:,.0f} MB are free on its disk."
        )


def _compute(
    plan: Plan,
    writer: StoreWriter,
    todo: np.ndarray,
    jobs: int,
    progress: Progress | None,
) -> list[str]:
    """Compute and write rows; return the paths of digitally silent clips."""
    silent, committed = [], time.monotonic()
    try:
        for done, result in enumerate(results(plan, todo, jobs), start=1):
            if isinstance(result, Failed):
                writer.fail(result.row, result.message)
            else:
                writer.write(
                    result.row, result.features, result.digests, result.measured
                )
                if result.silent:
                    silent.append(plan.corpus.clips[result.row].path)
            if time.monotonic() - committed > _COMMIT_SECONDS:
                writer.commit()
                committed = time.monotonic()
            if progress:
                progress(done, len(todo))
        writer.commit()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise AscError(
            f"The disk of {writer.path} is full. Finished clips are kept there; make"
            " room and run the same command again."
        ) from error
    except BaseException:
        writer.commit()
        raise
    return silent
