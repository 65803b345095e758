"""Corpus to store: a plan, parallel workers, one writer.

Rows are numbered before work starts, workers return whole rows, and only this
process writes. So the bytes of a store do not depend on the number of workers,
on their order, or on interruptions.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from asc.corpus import Problem
from asc.errors import AscError, UsageError
from asc.extraction.planning import Plan
from asc.extraction.reuse import open_writer
from asc.extraction.workers import Computed, Failed, results
from asc.files import is_full_disk, locked
from asc.store import FeatureStore, StoreWriter, partial_path
from asc.store.schema import DONE
from asc.text import counted

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
    update: bool = False,
    backend: str = "local",
    scheduler: str | None = None,
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
    update : bool
        Bring a complete store up to date: compute the clips that were added or
        whose files have changed, keep the others, leave out removed ones.
    backend : {'local', 'dask', 'ray'}
        What runs the workers; see `asc.processes.BACKENDS`.
    scheduler : str, optional
        Address of the Dask or Ray cluster.
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
        If the store, or its growing file, was made with other settings, or if
        the audio has changed since and ``update`` is not set.
    Busy
        If another process is writing the store.
    """
    started = time.perf_counter()
    _demand_place(plan.store)
    with _telling_full_disk(plan.store), locked(plan.store):
        writer = open_writer(plan, overwrite=overwrite, update=update)
        if isinstance(writer, FeatureStore):
            return Report(
                writer.path,
                True,
                len(writer),
                kept=len(writer),
                failures=writer.failures(),
                notes=list(plan.notes),
            )
        rows = partial(results, plan, jobs=jobs, backend=backend, scheduler=scheduler)
        with writer:
            status = writer.status()
            # Failed rows are tried again: the user may have mended the files.
            todo = np.flatnonzero(status != DONE)
            report = Report(writer.path, False, len(status))
            report.kept = len(status) - len(todo)
            report.notes = list(plan.notes)
            try:
                silent = _compute(plan, writer, rows(todo), len(todo), progress)
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


def _demand_place(store: Path) -> None:
    if store.is_dir():
        raise UsageError(f"{store} is a folder; STORE must be the name of a file.")
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"Cannot make {store.parent}: {error.strerror}.") from error
    if not os.access(store.parent, os.W_OK):
        raise UsageError(f"Cannot write into {store.parent}: permission denied.")


def _compute(
    plan: Plan,
    writer: StoreWriter,
    rows: Iterator[Computed | Failed],
    total: int,
    progress: Progress | None,
) -> list[str]:
    """Compute and write rows; return the paths of digitally silent clips."""
    silent, committed = [], time.monotonic()
    try:
        for done, result in enumerate(rows, start=1):
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
                progress(done, total)
        writer.commit()
    except BaseException as error:
        if not is_full_disk(error):
            writer.commit()
        raise
    return silent


@contextmanager
def _telling_full_disk(store: Path) -> Iterator[None]:
    """Turn the error of a full disk, from whatever step, into a sentence."""
    try:
        yield
    except OSError as error:
        if not is_full_disk(error):
            raise
        raise AscError(
            f"The disk of {store} is full. Finished clips are kept in"
            f" {partial_path(store)}; make room and run the same command again."
        ) from error
