"""What came out of a grid of trainings: entries, cells of a table, gaps.

====================  ====================================================
``grid.json``         the grid, and the store's fingerprint and digest
``runs/NAME/``        an ordinary run folder for each recipe
``results.csv``       one row for each run
``differences.csv``   paired tests: the best of a split less each other training,
                      and what each choice brings
``results.json``      entries, cells, gaps, differences, and why a run failed
``log.txt``           one line for everything that happened
====================  ====================================================
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from asc.errors import InputError
from asc.evaluation.evaluation import Evaluation, pooled_intervals
from asc.evaluation.metrics import Metrics
from asc.experiments.differences import Difference, best_against, choices
from asc.experiments.grid import Grid, run_name
from asc.files import write_csv, write_json
from asc.training.recipe import Recipe

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
_TRAINING = ("model", "augment", "feature")
_TESTED = (
    "pairs",
    "difference",
    "ci95_low",
    "ci95_high",
    "cautious_low",
    "cautious_high",
    "p_value",
    "p_holm",
    "clips",
    "recordings",
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
    evaluation : Evaluation or None
        Predictions with their metrics; None unless done.
    error : str or None
        Why it failed.
    """

    recipe: Recipe
    path: Path
    status: str
    evaluation: Evaluation | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.path.name

    @property
    def metrics(self) -> Metrics | None:
        """The figures; None unless done."""
        return None if self.evaluation is None else self.evaluation.metrics

    def title(self) -> str:
        """Return accuracy with what it must never be shown without, or why not."""
        if self.evaluation is not None:
            return self.evaluation.title()
        return f"failed: {self.error}" if self.status == FAILED else self.status

    def to_dict(self) -> dict[str, Any]:
        """Return what happened as plain values for JSON."""
        return {
            "name": self.name,
            "status": self.status,
            "error": self.error,
            "recipe": self.recipe.to_dict(),
            "metrics": None if self.metrics is None else self.metrics.to_dict(),
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
    ci95_cautious : (float, float) or None
        To go by where recordings are few.
    recordings : int or None
        Of the test clips; None if they are not known.
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
    ci95_cautious: tuple[float, float] | None
    recordings: int | None
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
            If it is none, or if its grid cannot be read.
        """
        path = Path(folder)
        try:
            record = json.loads((path / "grid.json").read_text("utf-8"))
            values, store = dict(record["grid"]), dict(record["store"])
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

    def differences(self) -> list[Difference]:
        """Return, of each split, what its best training gains on each of the others.

        Nothing of splits in which fewer than two trainings are done.
        """
        found = []
        for split, runs in self._results().items():
            trainings: dict[tuple[str, ...], list[Evaluation]] = {}
            for training, _, result in runs:
                trainings.setdefault(tuple(training.values()), []).append(result)
            best, tests = best_against(trainings)
            found += [
                Difference(split, _named(best), _named(other), 1, test)
                for other, test in tests.items()
            ]
        return found

    def choices(self) -> list[Difference]:
        """Return, of each split, what models, augmentations and features bring.

        Each less the first of its kind in the grid, over all trainings that differ
        in nothing else.
        """
        return [
            each
            for split, runs in self._results().items()
            for each in choices(split, runs)
        ]

    def _results(self) -> dict[str, list[tuple[dict[str, str], int, Evaluation]]]:
        """Return training, seed and evaluation of all that is done, by split."""
        found: dict[str, list] = {}
        for entry in self.entries:
            if entry.evaluation is not None:
                recipe = entry.recipe
                training = _named((recipe.model, recipe.augment, recipe.feature))
                found.setdefault(recipe.split, []).append(
                    (training, recipe.seed, entry.evaluation)
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON.

        Nothing is tested as long as runs are pending: it would be done again after
        each of them.
        """
        pending = any(entry.status == PENDING for entry in self.entries)
        return {
            "grid": self.grid.to_dict(),
            "store": self.store,
            "entries": [entry.to_dict() for entry in self.entries],
            "cells": [vars(cell) for cell in self.cells()],
            "gaps": [vars(gap) for gap in self.gaps()],
            "differences": [] if pending else _told(self.differences()),
            "choices": [] if pending else _told(self.choices()),
        }

    def log(self, text: str) -> None:
        """Add a line with the time to log.txt."""
        with open(self.path / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    def save(self) -> None:
        """Write results.csv, differences.csv and results.json."""
        header = ["name", "split", "model", "augment", "feature", "seed", "status"]
        header += [*_FIGURES, "ci95_low", "ci95_high", "error"]
        write_csv(self.path / "results.csv", header, map(_row, self.entries))
        facts = self.to_dict()
        write_csv(
            self.path / "differences.csv",
            ["split", "first", "second", *_TESTED, "error"],
            map(_tested_row, facts["differences"] + facts["choices"]),
        )
        write_json(self.path / "results.json", facts)


def read_entry(path: Path, recipe: Recipe, error: str | None = None) -> Entry:
    """Return a run of a comparison as its folder and the last failure tell it.

    A run whose evaluation is damaged counts as failed.
    """
    if not (path / "metrics.json").exists():
        return Entry(recipe, path, FAILED if error else PENDING, None, error)
    try:
        return Entry(recipe, path, DONE, Evaluation.load(path))
    except InputError as damage:
        return Entry(recipe, path, FAILED, None, str(damage))


def _recorded_errors(path: Path) -> dict[str, str | None]:
    """Return the error of every run that results.json tells of, by name."""
    try:
        record = json.loads((path / "results.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return {entry["name"]: entry["error"] for entry in record["entries"]}


def _cell(place: tuple[str, str, str, str], entries: list[Entry]) -> Cell:
    metrics = [entry.metrics for entry in entries if entry.metrics is not None]
    accuracies = tuple(each.accuracy for each in metrics)
    interval, cautious = _intervals(entries)
    return Cell(
        *place,
        accuracies=accuracies,
        mean=_mean(metrics, "accuracy"),
        deviation=float(np.std(accuracies, ddof=1)) if len(metrics) > 1 else None,
        ci95=interval,
        ci95_cautious=cautious,
        recordings=metrics[0].recordings if metrics else None,
        leakage=_mean(metrics, "leakage"),
        failed=sum(entry.status == FAILED for entry in entries),
        pending=sum(entry.status == PENDING for entry in entries),
        class_mean=_mean(metrics, "class_accuracy"),
        fold_mean=_mean(metrics, "accuracy_mean"),
        fold_deviation=_mean(metrics, "accuracy_deviation"),
    )


def _mean(metrics: Sequence[Metrics], name: str) -> float | None:
    """Return the mean of a figure over runs, or None if one of them has none."""
    values: list[Any] = [getattr(each, name) for each in metrics]
    return float(np.mean(values)) if values and None not in values else None


def _intervals(
    entries: Sequence[Entry],
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Return the bootstrap interval and the cautious one, over all seeds."""
    metrics = [entry.metrics for entry in entries if entry.metrics is not None]
    if not metrics:
        return None, None
    if len(metrics) == 1:
        return metrics[0].ci95, metrics[0].ci95_cautious or metrics[0].ci95
    return pooled_intervals(
        [entry.evaluation for entry in entries if entry.evaluation is not None]
    )


def _told(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    return [each.to_dict() for each in differences]


def _named(training: Sequence[str]) -> dict[str, str]:
    return dict(zip(_TRAINING, training, strict=True))


def _training(cell: Cell) -> tuple[str, str, str]:
    return cell.model, cell.augment, cell.feature


def _row(entry: Entry) -> list[Any]:
    recipe, metrics = entry.recipe, entry.metrics
    low, high = metrics.ci95 if metrics else (None, None)
    return [
        entry.name,
        recipe.split,
        recipe.model,
        recipe.augment,
        recipe.feature,
        recipe.seed,
        entry.status,
        *(getattr(metrics, name, None) for name in _FIGURES),
        low,
        high,
        entry.error,
    ]


def _tested_row(facts: Mapping[str, Any]) -> list[Any]:
    low, high = facts.get("ci95", (None, None))
    least, most = facts.get("ci95_cautious", (None, None))
    limits = {"ci95_low": low, "ci95_high": high}
    limits |= {"cautious_low": least, "cautious_high": most}
    names = [" ".join(facts[side].values()) for side in ("first", "second")]
    figures = [(limits | dict(facts)).get(name) for name in _TESTED]
    return [facts["split"], *names, *figures, facts["error"]]
