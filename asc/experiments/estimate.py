"""What a comparison will take: trainings, room on the disk, and time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asc.corpus.splits import FOLDS
from asc.evaluation.folds import fold_names
from asc.experiments import experiment
from asc.experiments.grid import Grid
from asc.store import FeatureStore
from asc.training.length import Length
from asc.training.parts import part_rows
from asc.training.recipe import Recipe

#: Bytes of a weight in a model, and in a state: with the two moments of Adam.
_MODEL_BYTES, _STATE_BYTES = 4, 12
#: Part of the speed of a matrix product that trainings reach, as measured with the
#: registered models on two cores.
_EFFICIENCY = 0.35


@dataclass(frozen=True)
class Estimate:
    """What a comparison will take, at most.

    Attributes
    ----------
    runs, finished : int
        Runs of the grid, and those that are finished in its folder.
    trainings : int
        Trainings to do; a run of all folds has one for each.
    bytes : int
        Of the models that are kept.
    working_bytes : int
        Of the states of the trainings at work, on top of that.
    seconds : float
        If no training stops before its last epoch. A rough figure: the multiply-adds
        at the speed of a matrix product on this machine.
    """

    runs: int
    finished: int
    trainings: int
    bytes: int
    working_bytes: int
    seconds: float


def estimate(store: FeatureStore, grid: Grid, folder: Path, jobs: int = 1) -> Estimate:
    """Return what the trainings of a grid will take that are left to do.

    Parameters
    ----------
    store : FeatureStore
    grid : Grid
    folder : Path
        Of the comparison; it need not be there.
    jobs : int
        Trainings at a time.

    Raises
    ------
    UsageError
        If a recipe does not fit the store.
    """
    runs = grid.runs()
    for run in runs:
        experiment.check(store, run.recipe)
    left = [run.recipe for run in runs if not _is_finished(folder, run.name)]
    costs: dict[tuple[str, str], tuple[int, int]] = {}
    trainings = size = 0
    products, largest = 0.0, 0
    for recipe in left:
        key = recipe.model, recipe.feature
        if key not in costs:
            costs[key] = _cost(store, *key)
        parameters, multiply_adds = costs[key]
        splits = fold_names(store) if recipe.split == FOLDS else (recipe.split,)
        trainings += len(splits)
        size += len(splits) * _MODEL_BYTES * parameters
        largest = max(largest, 2 * _STATE_BYTES * parameters)  # the old one and the new
        for split in splits:
            products += multiply_adds * _clips(store, replace(recipe, split=split))
    seconds = products / (_EFFICIENCY * _speed()) if products else 0.0
    return Estimate(
        *(len(runs), len(runs) - len(left), trainings),
        *(size, largest * min(jobs, trainings), seconds),
    )


def _is_finished(folder: Path, name: str) -> bool:
    return (folder / "runs" / name / "metrics.json").is_file()


def _cost(store: FeatureStore, model: str, feature: str) -> tuple[int, int]:
    """Return the parameters of a model and its multiply-adds for a clip."""
    from asc.models import build_model, multiply_adds, parameter_counts

    built = build_model(
        model,
        input_shape=store.features(feature).shape[1:],
        num_scenes=len(store.scenes),
        weights="none",
    )
    return parameter_counts(built)[0], multiply_adds(built)


def _clips(store: FeatureStore, recipe: Recipe) -> int:
    """Return the forward passes of a training; a step of it counts as three."""
    rows = part_rows(store, recipe)
    length = Length.of(recipe, len(rows["train"]))
    trained = recipe.augmentation().rows_per_epoch(len(rows["train"]))
    trained = min(trained, length.batches * recipe.batch_size)
    validated = len(length.validated) * len(rows["validation"])
    return 3 * trained * length.epochs + validated


def _speed(size: int = 1024) -> float:
    """Measure the multiply-adds of a matrix product in a second."""
    matrix = np.ones((size, size), np.float32)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - began)
    return size**3 / min(times)
