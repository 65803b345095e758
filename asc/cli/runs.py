"""asc runs: the runs on disk, and the room they take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import (
    PATH,
    Choice,
    GroupedCommand,
    IntRange,
    NearestGroup,
    json_option,
    note,
    print_json,
    verbose_option,
)
from asc.errors import UsageError
from asc.text import counted, leakage_percent, megabytes, percent, printable, table

if TYPE_CHECKING:
    from asc.experiments.runs import RunFacts

_HEADER = "run started model split accuracy leakage size state".split()
#: Most damaged runs that are explained, one line each.
_MOST_ERRORS = 20
_ALIGNED = "<<<<>>>>"
_FOLDERS = click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=PATH)


@click.group(cls=NearestGroup)
def runs() -> None:
    """List runs and comparisons on disk, or remove what only --resume needs.

    FOLDER is a run, a comparison, or a folder of these  [default: cache/runs and
    cache/comparisons].
    """


_LIST_GROUPS = {
    "Which runs": ("model", "feature", "split", "status"),
    "Order": ("sort", "limit"),
}


@runs.command("list", cls=GroupedCommand, groups=_LIST_GROUPS)
@_FOLDERS
@click.option(
    "--sort",
    type=Choice(("accuracy", "leakage", "started", "size")),
    help="Best, lowest, newest or largest first.  [default: by folder and time]",
)
@click.option("--model", metavar="NAME", help="Only runs of this model.")
@click.option("--feature", metavar="NAME", help="Only runs on this feature.")
@click.option("--split", metavar="NAME", help="Only runs on this split.")
@click.option(
    "--status",
    type=Choice(("finished", "unfinished", "damaged")),
    help="Only such runs.",
)
@click.option("--limit", type=IntRange(min=1), help="At most so many.")
@json_option
@verbose_option
def list_command(
    folders: tuple[Path, ...],
    sort: str | None,
    limit: int | None,
    as_json: bool,
    **wanted: str | None,
) -> int:
    """List runs: date, model, split, accuracy with its leakage, and sizes.

    The size is that of the whole run; state is the part of it that only
    asc-train --resume needs.

    \b
    Example:
        asc runs list --sort accuracy --split fold1 --limit 10
    """
    found = [
        run
        for run in _found(folders)
        if all(value in (None, getattr(run, name)) for name, value in wanted.items())
    ]
    if sort is not None:
        found.sort(key=_ORDERS[sort])
    found = found[:limit]
    if as_json:
        print_json(
            {
                "bytes": sum(run.bytes for run in found),
                "state_bytes": sum(run.state_bytes for run in found),
                "runs": [_facts(run) for run in found],
            }
        )
        return 0
    if sort is not None:
        rows = [_row(run, str(run.path)) for run in found]
        for line in table([_HEADER, *rows], _ALIGNED):
            click.echo(line)
    for folder, some in groupby([] if sort else found, lambda run: run.path.parent):
        click.echo(f"{printable(str(folder))}:")
        rows = [_row(run, run.path.name) for run in some]
        for line in table([_HEADER, *rows], _ALIGNED):
            click.echo(f"  {line}")
    errors = [run.error for run in found if run.error is not None]
    for error in errors[:_MOST_ERRORS]:
        note(printable(error))
    if len(errors) > _MOST_ERRORS:
        more = counted(len(errors) - _MOST_ERRORS, "more is", "more are")
        note(f"{more} damaged: --status damaged --json has all")
    total, state = (megabytes(sum(sizes)) for sizes in _sizes(found))
    click.echo(f"{counted(len(found), 'run', 'runs')}, {total}, of it {state} of state")
    return 0


@runs.command()
@_FOLDERS
@click.option("--dry-run", is_flag=True, help="Print what would be removed.")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
@json_option
@verbose_option
def clean(folders: tuple[Path, ...], dry_run: bool, yes: bool, as_json: bool) -> int:
    """Remove the state of finished runs: weights and optimizer for --resume.

    Model, figures, predictions and pictures are kept, and unfinished runs with all
    they have.

    \b
    Example:
        asc runs clean --dry-run
    """
    from asc.experiments.runs import drop_state

    found = [
        run for run in _found(folders) if run.status == "finished" and run.state_bytes
    ]
    _, state = _sizes(found)
    what = f"{megabytes(sum(state))} of {counted(len(found), 'run', 'runs')}"
    if not as_json:
        for run in found:
            click.echo(f"{megabytes(run.state_bytes):>9}  {printable(str(run.path))}")
    if found and not dry_run and not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                f"This would remove {what}. Give --yes to do so, or --dry-run to see"
                " more."
            )
        click.confirm(f"Remove {what}?", abort=True, err=True)
    freed = 0 if dry_run else sum(map(drop_state, found))
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "freed_bytes": freed,
                "state_bytes": sum(state),
                "runs": [str(run.path) for run in found],
            }
        )
    else:
        click.echo(f"would free {what}" if dry_run else f"{megabytes(freed)} freed")
    return 0


def _by_accuracy(run: RunFacts) -> float:
    return 0.0 if run.metrics is None else -1 - run.metrics.accuracy


def _by_leakage(run: RunFacts) -> float:
    known = None if run.metrics is None else run.metrics.known_leakage.share
    return 2.0 if known is None else known


_ORDERS: dict[str, Callable[[RunFacts], float]] = {
    "accuracy": _by_accuracy,
    "leakage": _by_leakage,
    "started": lambda run: -run.started.timestamp(),
    "size": lambda run: -run.bytes,
}


def _found(folders: tuple[Path, ...]) -> list[RunFacts]:
    from asc.experiments.runs import default_places, list_runs

    return list_runs(folders or default_places())


def _sizes(found: Iterable[RunFacts]) -> tuple[list[int], list[int]]:
    return [run.bytes for run in found], [run.state_bytes for run in found]


def _row(run: RunFacts, name: str) -> tuple[str, ...]:
    accuracy, leakage = run.status, ""
    if run.metrics is not None:
        accuracy = percent(run.metrics.accuracy)
        leakage = leakage_percent(*run.metrics.known_leakage)
    return (
        printable(name),
        f"{run.started:%Y-%m-%d}",
        printable(run.model or "-"),
        printable(run.split or "-"),
        *(accuracy, leakage, megabytes(run.bytes), megabytes(run.state_bytes)),
    )


def _facts(run: RunFacts) -> dict[str, Any]:
    metrics = run.metrics
    return {
        "path": str(run.path),
        "status": run.status,
        "started": run.started.isoformat(timespec="seconds"),
        "model": run.model,
        "feature": run.feature,
        "split": run.split,
        "accuracy": None if metrics is None else metrics.accuracy,
        "leakage": None if metrics is None else metrics.leakage,
        "leakage_at_least": metrics and metrics.known_leakage.at_least,
        "bytes": run.bytes,
        "state_bytes": run.state_bytes,
        "error": run.error,
    }
