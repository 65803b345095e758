"""Runs on disk: what they are, how much room they take, and what can be removed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asc.environment import cache_dir
from asc.errors import AscError, InputError
from asc.evaluation.metrics import Metrics
from asc.kinds import RUNS, kind_of, not_a
from asc.training.run import Run, read_environment

#: Folders between a given one and its runs: those of a comparison are in NAME/runs.
_DEPTH = 3


@dataclass(frozen=True)
class RunFacts:
    """What is known of the folder of a run.

    Attributes
    ----------
    path : Path
    started : datetime
    model, feature, split : str or None
        None if the folder is damaged.
    metrics : Metrics or None
        None if the run is not finished.
    bytes : int
        Size of all its files.
    state_bytes : int
        Of these, the weights and the optimizer that only ``--resume`` needs.
    error : str or None
        Why the folder cannot be read.
    """

    path: Path
    started: datetime
    model: str | None
    feature: str | None
    split: str | None
    metrics: Metrics | None
    bytes: int
    state_bytes: int
    error: str | None = None

    @property
    def status(self) -> str:
        """``finished``, ``unfinished`` or ``damaged``."""
        if self.error is not None:
            return "damaged"
        return "unfinished" if self.metrics is None else "finished"


def default_places() -> list[Path]:
    """Return the folders in the cache that hold runs, if they are there."""
    places = (cache_dir() / name for name in ("runs", "comparisons"))
    return [place for place in places if place.is_dir()]


def list_runs(places: Iterable[Path]) -> list[RunFacts]:
    """Return the runs at some places, by folder and time.

    Parameters
    ----------
    places : iterable of Path
        Runs, comparisons, or folders of these.

    Raises
    ------
    InputError
        If one of them is not a folder.
    """
    found = {}
    for place in places:
        if not place.is_dir():
            raise InputError(not_a("a folder of runs", place))
        found.update({path.resolve(): path for path in _run_folders(place, _DEPTH)})
    facts = map(_facts, found.values())
    return sorted(facts, key=lambda each: (each.path.parent, each.started))


def drop_state(run: RunFacts) -> int:
    """Remove what only a resume needs; return the bytes that are free now.

    Raises
    ------
    Busy
        If the run is being trained for more epochs.
    """
    freed = 0
    with Run(run.path).locked():
        for file in _state_files(run.path):
            size = file.lstat().st_size
            file.unlink()
            freed += size
    return freed


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    if kind_of(folder) in RUNS:
        yield folder  # the runs of its folds are a part of it
    elif depth:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _run_folders(folder / entry.name, depth - 1)


def _facts(path: Path) -> RunFacts:
    sizes = [
        (Path(place) / name).lstat().st_size
        for place, _, names in os.walk(path)
        for name in names
    ]
    state = sum(file.lstat().st_size for file in _state_files(path))
    model = feature = split = metrics = error = None
    try:
        run = Run(path)
        recipe = run.recipe
        model, feature, split = recipe.model, recipe.feature, recipe.split
        if run.is_finished():
            metrics = Metrics.of_run(run)
    except AscError as failure:
        error = str(failure)
    return RunFacts(
        *(path, _started(path), model, feature, split, metrics),
        *(sum(sizes), state, error),
    )


def _started(path: Path) -> datetime:
    """Return when a run was started; as far as is known, when it was copied."""
    try:
        started = read_environment(path)["started"]
        return datetime.fromisoformat(started).astimezone()
    except (LookupError, TypeError, ValueError, OverflowError):
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()


def _state_files(path: Path) -> list[Path]:
    """Return the weights and optimizers in a run, and in the runs of its folds."""
    return [
        Path(place) / name
        for place, _, names in os.walk(path)
        # The run itself may be called so.
        if Path(place) != path and Path(place).name == "state"
        for name in names
        if name.endswith(".keras")
    ]
