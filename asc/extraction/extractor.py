"""Corpus to store: a plan, parallel workers, one writer.

Rows are numbered before work starts, and workers write each at its place in the file.
This process alone sets their flags, after the data is flushed. So the bytes of a store
do not depend on the number or order of workers, or on interruptions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asc.corpus import Problem
from asc.disk import is_full_disk, writing_to
from asc.errors import UsageError
from asc.extraction.planning import ExtractionPlan, check_target
from asc.extraction.reuse import find_previous, killers, open_writer
from asc.extraction.workers import Outcome, compute_rows
from asc.locking import locked
from asc.parallel import BACKENDS, InWork
from asc.store import FeatureStore, StoreWriter, partial_path
from asc.store.schema import DONE
from asc.text import counted, some_of
from asc.validation import check_choice

#: Seconds between commits: the work that a crash can lose.
_COMMIT_SECONDS = 2.0

Progress = Callable[[int, int], None]


@dataclass
class Report:
    """What an extraction did.

    Attributes
    ----------
    store : Path
        The store, or its partial file if it could not be completed.
    complete : bool
    clips, computed, kept : int
        Rows of the store, rows computed now, and rows that were there.
    failures : list of Problem
        Clips without a row, and rows of the metadata that were left out.
    notes : list of str
        Sentences for the user.
    seconds : float
        Time that it took.
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
    plan: ExtractionPlan,
    *,
    jobs: int = -1,
    allow_failures: bool = False,
    overwrite: bool = False,
    update: bool = False,
    backend: str = "local",
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make the store of a plan, or resume making it.

    Parameters
    ----------
    plan : ExtractionPlan
    jobs : int
        Threads or processes; -1 for one on each core.
    allow_failures : bool
        Complete the store without the clips that fail, and record them.
    overwrite : bool
        Rebuild a store that was made with other settings.
    update : bool
        Bring a complete store up to date: compute the clips that were added or
        whose files have changed, keep the others, leave out removed ones.
    backend : {'local', 'threading', 'loky', 'dask', 'ray'}
        Threads or processes (loky) of this machine, or a cluster, whose workers see
        the audio under the same path. Threads take less memory, but all end if a
        decoder crashes; of processes one ends, and its clip is a failure. After a
        crash, the next call reads the clips that were in work in a process of their
        own. ``local`` is threads for up to eight jobs, else processes.
    scheduler : str, optional
        Address of the Dask or Ray cluster; a new one on this machine if not given.
    progress : callable(done, total), optional
        Called as clips are finished.

    Returns
    -------
    Report
        ``complete`` is False if clips failed and that is not allowed. The others are
        then kept in the partial file.

    Raises
    ------
    SettingsMismatch
        If the store, or its partial file, was made with other settings, or if the
        audio has changed since and ``update`` is not set.
    UsageError
        If it is not a plan, if the backend is unknown or not installed, or if the
        store cannot be there.
    Busy
        If another process is writing the store.
    AscError
        If the disk is full, or workers or the cluster are lost.

    Examples
    --------
    >>> plan = asc.plan("corpus", "new.h5", rows=16, columns=16)
    >>> report = asc.extract(plan, jobs=1)
    >>> report.complete, report.computed, report.kept
    (True, 36, 0)
    """
    if not isinstance(plan, ExtractionPlan):
        raise UsageError(
            f"asc.extract takes a plan. Got {plan!r}. Make one with asc.plan(corpus,"
            " store)."
        )
    check_choice("backend", backend, BACKENDS)
    started = time.perf_counter()
    check_target(plan.store)
    advice = (
        f"Finished clips are kept in {partial_path(plan.store)}. Fix the problem and"
        " run the same command again."
    )
    with writing_to(plan.store):
        plan.store.parent.mkdir(parents=True, exist_ok=True)
    with locked(plan.store), writing_to(plan.store, advice):
        previous = find_previous(plan, overwrite=overwrite, update=update)
        if previous is not None and previous.up_to_date:
            store = previous.store
            kept, failures = len(store), store.failures()
            notes = [*plan.notes, *_accepted(store), *_lacking(previous.lacking)]
            return Report(store.path, True, kept, 0, kept, failures, notes)
        in_work = InWork(plan.store.with_name(partial_path(plan.store).name + ".work"))
        if previous is None or not previous.current:
            in_work.remove()  # its rows are those of another file
        with open_writer(plan, previous) as writer:
            status = writer.status()
            # Failed rows are tried again: the user may have fixed the files.
            todo = np.flatnonzero(status != DONE)
            report = Report(writer.path, False, len(status))
            report.kept = len(status) - len(todo)
            report.notes = list(plan.notes)
            killed, clips = killers(writer), plan.corpus.clips
            suspects = {int(row) for row in todo if clips[row].path in killed}
            outcomes = compute_rows(
                plan,
                writer.rows,
                todo,
                jobs=jobs,
                backend=backend,
                scheduler=scheduler,
                in_work=in_work,
                suspects=sorted(suspects.union(in_work.numbers())),
            )
            try:
                report.notes += _record(plan, writer, outcomes, len(todo), progress)
            except UsageError:  # the spec turned out to be impossible
                if not report.kept:
                    writer.path.unlink()
                raise
            finally:
                in_work.remove()
            report.computed = int((writer.status() == DONE).sum()) - report.kept
            report.failures = writer.failures()
            some = report.kept + report.computed > 0
            if some and (allow_failures or not report.failures):
                store = writer.finish(plan.store)
                report.store, report.complete = store.path, True
                report.clips = len(store)
                report.notes += _accepted(store)
    report.seconds = time.perf_counter() - started
    return report


def _record(
    plan: ExtractionPlan,
    writer: StoreWriter,
    outcomes: Generator[Outcome, None, None],
    total: int,
    progress: Progress | None,
) -> list[str]:
    """Record the outcomes of rows; return notes on some of them."""
    silent, retried, committed = [], [], time.monotonic()
    try:
        with closing(outcomes):  # ends the workers, also after an interruption
            for done, outcome in enumerate(outcomes, start=1):
                if outcome.failure is None:
                    writer.done(outcome.row)
                else:
                    writer.fail(outcome.row, outcome.failure)
                path = plan.corpus.clips[outcome.row].path
                if outcome.silent:
                    silent.append(path)
                if outcome.retried:
                    retried.append(path)
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
    notes = []
    if silent:
        clips = counted(len(silent), "clip holds", "clips hold")
        notes.append(f"{clips} digital silence, such as {silent[0]}.")
    if retried:
        clips = counted(len(retried), "clip was", "clips were")
        notes.append(
            f"{clips} in work when a process was killed, and tried again in a process"
            f" of their own: {some_of(sorted(retried))}."
        )
    return notes


def _lacking(groups: tuple[str, ...]) -> Iterator[str]:
    """Yield a note on groups that the store lacks."""
    if groups:
        yield (
            f"the store lacks the groups {some_of(groups)}, which the corpus has now."
            " --update adds them; no feature is computed again."
        )


def _accepted(store: FeatureStore) -> Iterator[str]:
    """Yield a note on clips that were accepted though truncated."""
    if notes := store.notes():
        clips = counted(len(notes), "truncated clip is", "truncated clips are")
        yield f"{clips} accepted, such as {notes[0]}"
