"""What came out of a grid of trainings: entries, cells of a table, gaps.

====================  ====================================================
``grid.json``         the grid, and the store's fingerprint and digest
``runs/NAME/``        an ordinary run folder for each recipe
``results.csv``       one row for each run
``results.json``      entries, cells and gaps, and why a run failed
``log.txt``           one line for everything that happened
====================  ====================================================
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from asc.errors import InputError
from asc.evaluation.evaluate import Evaluation, accuracy_sentence
from asc.evaluation.grid import Grid, run_name
from asc.evaluation.significance import recording_interval
from asc.models import import_models
from asc.training.recipe import Recipe
from asc.training.run import write_csv, write_json

DONE, FAILED, PENDING = "done", "failed", "pending"

_FIGURES = (
    "accuracy",
    "accuracy_mean",  # over folds
    "accuracy_deviation",
    "class_accuracy",
    "macro_f1",
    "log_loss",
    "leakage",
    "clips",
    "recordings",
    "parameters",
    "epochs",
    "seconds",
)


@dataclass(frozen=True)
class Entry:
    """One run of a comparison.

    Attributes
    ----------
    recipe : Recipe
    path : Path
        The run folder, whether it is there yet or not. Of split ``folds`` it
        holds a run folder for each fold.
    status : {'done', 'failed', 'pending'}
    metrics : dict or None
        As in ``metrics.json``; None unless done.
    error : str or None
        Why it failed.
    """

    recipe: Recipe
    path: Path
    status: str
    metrics: dict[str, Any] | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.path.name

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Predictions with their metrics, read when first asked for.

        Raises
        ------
        InputError
            If the files of the run are damaged.
        """
        return Evaluation.load(self.path) if self.status == DONE else None

    def title(self) -> str:
        """Return accuracy with what it must never be shown without, or why not."""
        if self.metrics is not None:
            return accuracy_sentence(self.metrics)
        return f"failed: {self.error}" if self.status == FAILED else self.status

    def to_dict(self) -> dict[str, Any]:
        """Return what happened as plain values for JSON."""
        return {
            "name": self.name,
            "status": self.status,
            "error": self.error,
            "recipe": self.recipe.to_dict(),
            "metrics": self.metrics,
        }


@dataclass(frozen=True)
class Cell:
    """One figure of the table: what differs in nothing but the seed.

    Attributes
    ----------
    split, model, augment, feature : str
    accuracies : tuple of float
        Of the runs that are done, by seed.
    mean : float or None
        Of `accuracies`; None if there are none.
    deviation : float or None
        Standard deviation over seeds (n - 1); None for fewer than two.
    ci95 : (float, float) or None
        Bootstrap interval of the mean over recordings. With several seeds a drawn
        recording brings its predictions of all seeds.
    leakage : float or None
        Of the test clips, over all seeds; None if it is not known.
    failed, pending : int
        Runs that count for nothing.
    class_mean : float or None
        Mean of the recalls of the scenes, also the mean over seeds.
    fold_mean, fold_deviation : float or None
        Of split ``folds``: mean and standard deviation (n - 1) of accuracy over the
        folds, and of each the mean over seeds.
    """

    split: str
    model: str
    augment: str
    feature: str
    accuracies: tuple[float, ...]
    mean: float | None
    deviation: float | None
    ci95: tuple[float, float] | None
    leakage: float | None
    failed: int
    pending: int
    class_mean: float | None = None
    fold_mean: float | None = None
    fold_deviation: float | None = None


@dataclass(frozen=True)
class Gap:
    """What a leaking split promises beyond one that keeps recordings apart.

    Attributes
    ----------
    model, augment, feature : str
    leaking, apart : str
        Names of the two splits.
    points : float
        Difference of the mean accuracies in percentage points.
    """

    model: str
    augment: str
    feature: str
    leaking: str
    apart: str
    points: float


@dataclass(frozen=True)
class Comparison:
    """A grid and what has become of each of its runs.

    Attributes
    ----------
    path : Path
        The folder.
    grid : Grid
    store : dict
        Path, fingerprint and digest of the store.
    entries : list of Entry
        In the order of `Grid.recipes`.
    """

    path: Path
    grid: Grid
    store: dict[str, str]
    entries: list[Entry]

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Comparison:
        """Read the folder of a comparison, finished or not.

        Raises
        ------
        InputError
            If it is none, or if its grid or a run of it cannot be read.
        """
        path = Path(folder)
        try:
            record = json.loads((path / "grid.json").read_text("utf-8"))
            values, store = dict(record["grid"]), dict(record["store"])
            imports = dict(values.get("settings", {})).get("imports", ())
            import_models(imports, outside=path)
            grid = Grid.from_dict(values)
            errors = _recorded_errors(path)
        except FileNotFoundError as error:
            raise InputError(
                f"{path} is not the folder of a comparison: it has no grid.json."
            ) from error
        except (OSError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"{path} is not a comparison that can be used:"
                f" {type(error).__name__}: {error}"
            ) from error
        runs = path / "runs"
        entries = [
            read_entry(runs / run_name(recipe), recipe, errors.get(run_name(recipe)))
            for recipe in grid.recipes()
        ]
        return cls(path, grid, store, entries)

    def cells(self) -> list[Cell]:
        """Return the figures of the table, split by split, in the grid's order."""

        def place(entry: Entry) -> tuple[str, str, str, str]:
            recipe = entry.recipe
            return recipe.split, recipe.model, recipe.augment, recipe.feature

        return [
            _cell(where, list(entries))
            for where, entries in groupby(self.entries, place)
        ]

    def gaps(self) -> list[Gap]:
        """Return, for the same training, what each leaking split adds to accuracy.

        Splits that leak are set against those with a leakage of zero.
        """
        cells = [cell for cell in self.cells() if cell.mean is not None]
        return [
            Gap(
                *_training(leaking),
                leaking.split,
                apart.split,
                100 * (leaking.mean - apart.mean),
            )
            for leaking in cells
            for apart in cells
            if leaking.mean is not None
            and apart.mean is not None
            and leaking.leakage
            and apart.leakage == 0
            and _training(leaking) == _training(apart)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        return {
            "grid": self.grid.to_dict(),
            "store": self.store,
            "entries": [entry.to_dict() for entry in self.entries],
            "cells": [vars(cell) for cell in self.cells()],
            "gaps": [vars(gap) for gap in self.gaps()],
        }

    def log(self, text: str) -> None:
        """Add a line with the time to log.txt."""
        with open(self.path / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    def save(self) -> None:
        """Write results.csv and results.json."""
        header = ["name", "split", "model", "augment", "feature", "seed", "status"]
        header += [*_FIGURES, "ci95_low", "ci95_high", "error"]
        write_csv(self.path / "results.csv", header, map(_row, self.entries))
        write_json(self.path / "results.json", self.to_dict())


def read_entry(path: Path, recipe: Recipe, error: str | None = None) -> Entry:
    """Return a run of a comparison as its folder and the last failure tell it.

    Raises
    ------
    InputError
        If its metrics.json is damaged.
    """
    try:
        metrics = json.loads((path / "metrics.json").read_text("utf-8"))
        accuracy_sentence(metrics)  # what is needed to show it is there
    except FileNotFoundError:
        return Entry(recipe, path, FAILED if error else PENDING, None, error)
    except (OSError, LookupError, TypeError, ValueError) as damage:
        raise InputError(
            f"{path / 'metrics.json'} is damaged ({type(damage).__name__}: {damage})."
        ) from damage
    return Entry(recipe, path, DONE, metrics)


def _recorded_errors(path: Path) -> dict[str, str | None]:
    """Return the error of every run that results.json tells of, by name."""
    try:
        record = json.loads((path / "results.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return {entry["name"]: entry["error"] for entry in record["entries"]}


def _cell(place: tuple[str, str, str, str], entries: list[Entry]) -> Cell:
    done = [entry for entry in entries if entry.metrics is not None]
    metrics = [entry.metrics for entry in done if entry.metrics is not None]
    accuracies = tuple(each["accuracy"] for each in metrics)
    return Cell(
        *place,
        accuracies=accuracies,
        mean=_mean(metrics, "accuracy"),
        deviation=float(np.std(accuracies, ddof=1)) if len(done) > 1 else None,
        ci95=_interval(done),
        leakage=_mean(metrics, "leakage"),
        failed=sum(entry.status == FAILED for entry in entries),
        pending=sum(entry.status == PENDING for entry in entries),
        class_mean=_mean(metrics, "class_accuracy"),
        fold_mean=_mean(metrics, "accuracy_mean"),
        fold_deviation=_mean(metrics, "accuracy_deviation"),
    )


def _mean(metrics: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Return the mean of a figure over runs, or None if one of them has none."""
    values: list[Any] = [each.get(name) for each in metrics]
    return float(np.mean(values)) if values and None not in values else None


def _interval(done: Sequence[Entry]) -> tuple[float, float] | None:
    if not done:
        return None
    if len(done) == 1 and done[0].metrics is not None:
        low, high = done[0].metrics["ci95"]
        return low, high
    right: list[np.ndarray] = []
    recordings: list[str] = []
    for entry in done:
        evaluation = entry.evaluation
        if evaluation is None:
            continue
        right.append(evaluation.probabilities.argmax(axis=1) == evaluation.truth)
        recordings += evaluation.recordings
    return recording_interval(np.concatenate(right), recordings)


def _training(cell: Cell) -> tuple[str, str, str]:
    return cell.model, cell.augment, cell.feature


def _row(entry: Entry) -> list[Any]:
    recipe, metrics = entry.recipe, entry.metrics or {}
    low, high = metrics.get("ci95", (None, None))
    return [
        entry.name,
        recipe.split,
        recipe.model,
        recipe.augment,
        recipe.feature,
        recipe.seed,
        entry.status,
        *(metrics.get(name) for name in _FIGURES),
        low,
        high,
        entry.error,
    ]
