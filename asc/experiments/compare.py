"""Training a grid: run by run, in parallel processes, or on a cluster."""

from __future__ import annotations

import gc
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from asc import environment, parallel
from asc.disk import writing_to
from asc.errors import AscError, SettingsMismatch
from asc.experiments.comparison import Comparison
from asc.experiments.entry import DONE, Entry
from asc.experiments.grid import GRIDS, Grid, named_grid
from asc.files import check_no_links, write_json
from asc.locking import locked
from asc.models import register_model
from asc.models.entries import ModelEntry, describe
from asc.pipeline.transforms import TRANSFORMS, Transform
from asc.store import FeatureStore, open_store
from asc.store.fingerprint import canonical_json
from asc.text import describe_difference
from asc.training.new_run import store_record
from asc.training.recipe import Recipe
from asc.validation import check_choice, check_path

#: Called after each run: its entry, runs done, runs in all, and the estimated seconds
#: until the end.
Progress = Callable[[Entry, int, int, float], None]
#: Index of a run, and the message and traceback of its error if it failed.
_Result = tuple[int, str | None, str]


#: Trainings have a process of their own: not ``threading``, whose threads would share
#: random numbers and a graph.
BACKENDS = tuple(name for name in parallel.BACKENDS if name != "threading")

#: Random seeds belong to the process, and a Dask worker may have several threads.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class _Task:
    """Everything that a worker needs to train one run."""

    index: int
    store: Path
    recipe: Recipe
    path: Path
    model: ModelEntry
    transforms: dict[str, Callable[..., Transform]]
    threads: int | None
    in_memory: bool
    command: tuple[str, ...]


def compare(
    store: FeatureStore | str | os.PathLike[str],
    grid: Grid | str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    jobs: int = 1,
    backend: str = "local",
    scheduler: str | None = None,
    in_memory: bool = False,
    command: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Train every recipe of a grid and evaluate each once on its test part.

    After an interruption the same call resumes, run by run and within a run epoch
    by epoch. A run that fails is recorded, and the others continue; the next call
    retries it.

    Parameters
    ----------
    store : FeatureStore or path
    grid : Grid, str or path
        Or the name of one, or a JSON file.
    folder : path, optional
        The folder of the comparison; `default_folder` if not given.
    jobs : int > 0
        Runs at a time. With 1 they are trained in this process, otherwise in
        processes of their own, which share the processors.
    backend : {'local', 'loky', 'dask', 'ray'}
        ``local`` for this machine, ``loky`` for the same with processes even for one
        run at a time, the others for a cluster whose workers see store and folder
        under the same paths.
    scheduler : str, optional
        Address of the cluster; a local one is started if not given.
    in_memory : bool
        Keep the train part in memory.
    command : tuple of str
        For the records of the runs.
    progress : callable, optional
        ``progress(entry, done, total, seconds_left)``, after each run.

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        If a recipe does not fit the store. Nothing was trained then.
    SettingsMismatch
        If the folder has another grid, or the same on another store.
    Busy
        If another process uses the folder.
    AscError
        If a worker process was killed.

    Examples
    --------
    >>> short = {"epochs": 1, "batches_per_epoch": 1}
    >>> splits = ("random", "recording")
    >>> grid = asc.Grid(splits=splits, augments=("none",), settings=short)
    >>> comparison = asc.compare("store.h5", grid, "leakage")
    >>> [(gap.model, gap.leaking, gap.apart) for gap in comparison.gaps()]
    [('linear', 'random', 'recording'), ('simple-cnn', 'random', 'recording')]
    """
    from asc.experiments import experiment

    check_choice("backend", backend, BACKENDS)
    store = open_store(store)
    if not isinstance(grid, Grid):
        grid = named_grid(grid)
    for run in grid.runs():
        experiment.check(store, run.recipe)
    path = default_folder(store, grid)
    if folder is not None:
        path = check_path("folder", folder)
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path), writing_to(path):
        comparison = _open(path, grid, store)
        for entry in comparison.entries:
            check_no_links(entry.path, path)
        threads = max(1, environment.usable_cores() // jobs) if jobs > 1 else None
        tasks = [
            _Task(
                index,
                store.path.resolve(),
                entry.recipe,
                entry.path.resolve(),
                describe(entry.recipe.model),
                {
                    name: TRANSFORMS.get(name)
                    for name in entry.recipe.augmentation().transforms()
                },
                threads,
                in_memory,
                command,
            )
            for index, entry in enumerate(comparison.entries)
            if entry.status != DONE
        ]
        comparison.log(f"{len(tasks)} of {len(comparison.entries)} runs to do")
        try:
            for entry, done, left in _finished(
                comparison, _train_all(tasks, jobs, backend, scheduler), len(tasks)
            ):
                if progress:
                    progress(entry, done, len(comparison.entries), left)
        except KeyboardInterrupt as stop:
            comparison.log("interrupted")
            # This replaces the note of the single run.
            stop.__notes__ = [
                f"Finished runs are kept in {path}. Resume with the same command."
            ]
            raise
        if not tasks:
            comparison.save()
    return comparison


def _finished(
    comparison: Comparison, results: Iterator[_Result], count: int
) -> Iterator[tuple[Entry, int, float]]:
    """Record each result; yield its entry, runs done, and estimated seconds left."""
    began = time.monotonic()
    before = len(comparison.entries) - count
    for done, (index, message, trace) in enumerate(results, 1):
        entry = comparison.entries[index]
        entry = Entry.read(entry.path, entry.recipe, message, entry.variant)
        comparison.entries[index] = entry
        comparison.save()
        comparison.log(f"{entry.name}: {entry.title()}\n{trace}".rstrip())
        each = (time.monotonic() - began) / done
        yield entry, before + done, each * (count - done)


def default_folder(store: FeatureStore, grid: Grid) -> Path:
    """Return the folder of a comparison: the same for the same grid and store.

    It is ``cache/comparisons/STORE-GRID``. A grid without a name has a hash of its
    values.
    """
    grid = replace(grid, baseline=True)  # with or without it is the same comparison
    named = (name for name, known in GRIDS.items() if Grid(**known) == grid)
    values = {n: v for n, v in grid.to_dict().items() if n != "baseline"}
    number = sha256(canonical_json(values).encode()).hexdigest()[:8]
    name = f"{store.path.stem}-{next(named, number)}"
    return environment.cache_dir() / "comparisons" / name


def _open(path: Path, grid: Grid, store: FeatureStore) -> Comparison:
    """Make the folder, or check that it is one of this grid and store."""
    wanted: dict[str, Any] = {"grid": grid.to_dict(), "store": store_record(store)}
    if not (path / "grid.json").exists():
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise SettingsMismatch(
                f"{path} is not the folder of a comparison, and not empty. Name"
                " another folder."
            )
        path.mkdir(exist_ok=True)
        write_json(path / "grid.json", wanted)
    comparison = Comparison.load(path)
    found = {"grid": comparison.grid.to_dict(), "store": dict(comparison.store)}
    # A store may have moved, and the baseline be added or left out.
    found["store"]["path"] = wanted["store"]["path"]
    found["grid"]["baseline"] = grid.baseline
    if canonical_json(found) != canonical_json(wanted):
        raise SettingsMismatch(
            f"{path} has another comparison; nothing was changed. Name another"
            " folder for this one. They differ in:\n"
            + describe_difference(found, wanted)
        )
    if comparison.grid.baseline != grid.baseline:
        write_json(path / "grid.json", wanted | {"store": comparison.store})
        comparison = Comparison.load(path)
    return comparison


def _train_all(
    tasks: list[_Task], jobs: int, backend: str, scheduler: str | None
) -> Iterator[_Result]:
    """Yield the result of each run, in any order."""
    if backend in parallel.CLUSTERS:
        folders = {task.path.parent.parent for task in tasks}
        folders |= {task.store.parent for task in tasks}
        return parallel.on_cluster(
            backend,
            scheduler,
            _train,
            tasks,
            folders=sorted(folders),
            describe_task=_describe_task,
            ahead=1,
        )
    jobs = min(jobs, len(tasks))
    if not tasks or (jobs <= 1 and backend == "local"):
        return map(_train, (replace(task, threads=None) for task in tasks))
    return parallel.in_processes(
        _train,
        dict(enumerate(tasks)),
        jobs=jobs,
        threads=tasks[0].threads or environment.usable_cores(),
        describe_task=_describe_task,
    )


def _describe_task(task: _Task) -> str:
    return f"run {task.path.name}"


def _train(task: _Task) -> _Result:
    """Train one run. It raises no exception: one run must not stop the others."""
    from asc.experiments import experiment
    from asc.pipeline.tensorflow import keras, tf

    tf.get_logger().setLevel("ERROR")  # else it warns about retracing by every model
    # A worker of a cluster may have several threads, but Keras has one generator of
    # random numbers, which clear_session resets too.
    with _ONE_AT_A_TIME:
        try:
            # A worker does not have what the parent has registered.
            register_model(**vars(task.model), replace=True)
            for name, transform in task.transforms.items():
                TRANSFORMS.add(name, transform, replace=True)
            experiment.finish(
                FeatureStore(task.store),
                task.recipe,
                task.path,
                command=task.command,
                in_memory=task.in_memory,
                threads=task.threads,
            )
            return task.index, None, ""
        except Exception as error:  # noqa: BLE001 - see above
            message = " ".join(str(error).split())
            if not isinstance(error, AscError):
                message = f"{type(error).__name__}: {message}"
            return task.index, message, traceback.format_exc()
        finally:
            keras.backend.clear_session()
            gc.collect()
