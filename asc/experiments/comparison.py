"""The results of a grid of trainings, and the folder that keeps them.

====================  ====================================================
``grid.json``         the grid, and the store's fingerprint and digest
``runs/NAME/``        an ordinary run folder for each recipe
``results.csv``       one row for each run
``differences.csv``   paired tests: the best training of a split minus each other
                      one, each minus the linear model, the effect of each option
``results.json``      entries, cells, gaps, differences, and why a run failed
``log.txt``           one line for everything that happened
====================  ====================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from asc.display import Displayed, data_frame, html_table
from asc.errors import MissingInputError
from asc.evaluation.baseline import against_baselines
from asc.evaluation.evaluation import Evaluation
from asc.experiments.cells import Cell, Gap, gaps
from asc.experiments.differences import Difference, Training, best_against, choices
from asc.experiments.entry import DONE, PENDING, Entry
from asc.experiments.grid import Grid
from asc.files import damaged, log_line, read_json, write_csv, write_json
from asc.models.entries import LINEAR
from asc.text import counted
from asc.validation import check_path, check_text

#: Most bytes of results.json.
_MOST_RESULT_BYTES = 1 << 27
#: Columns of results.csv that are figures of a run.
_FIGURES = (
    "accuracy",
    "accuracy_mean",  # over folds
    "accuracy_deviation",
    "chance",
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
#: Columns of differences.csv that are figures of a test.
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


@dataclass(frozen=True, repr=False)
class Comparison(Displayed):
    """A grid and the state of each of its runs.

    Attributes
    ----------
    path : Path
        The folder.
    grid : Grid
    store : dict
        Path, fingerprint and digest of the store.
    entries : list of Entry
        In the order of `Grid.runs`: the linear baseline first.

    Examples
    --------
    >>> comparison = asc.Comparison.load("comparison")
    >>> [entry.recipe.feature for entry in comparison.entries]
    ['stft', 'mel']
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
        MissingInputError
            If it has no grid.
        InputError
            If it cannot be read.
        """
        path = check_path("comparison", folder)
        file = path / "grid.json"
        try:
            record = read_json(file, root=path)
            # Comparisons of earlier versions have no baseline.
            grid = Grid.from_dict({"baseline": False} | dict(record["grid"]))
            store = dict(record["store"])
        except MissingInputError as error:
            raise MissingInputError(
                f"{path} is not the folder of a comparison: it has no grid.json."
            ) from error
        except (LookupError, TypeError, ValueError) as error:
            raise damaged(file, error) from error
        errors = _recorded_errors(path)
        entries = [
            Entry.read(path / "runs" / name, recipe, errors.get(name), variant)
            for name, variant, recipe in grid.runs()
        ]
        return cls(path, grid, store, entries)

    def __repr__(self) -> str:
        done = sum(entry.status == DONE for entry in self.entries)
        runs = counted(len(self.entries), "run", "runs")
        return f"Comparison({str(self.path)!r}: {runs}, {done:,} done)"

    def __fspath__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        rows = [[*_setting(entry).values(), entry.title()] for entry in self.entries]
        header = [*_setting(self.entries[0]), "result"]
        return f"<b>Comparison</b>{html_table(header, rows)}"

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each run, as in results.csv.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        return data_frame([_row(entry) for entry in self.entries])

    def cells(self) -> list[Cell]:
        """Return the accuracies over seeds, split by split, in the grid's order."""
        return [cell for cell, _ in self._cells()]

    def _cells(self) -> list[tuple[Cell, list[Evaluation]]]:
        """Return the cells with their evaluations."""

        def place(entry: Entry) -> tuple[str, Training]:
            return entry.recipe.split, _training(entry)

        blocks = [
            (where, list(entries)) for where, entries in groupby(self.entries, place)
        ]
        return [
            (
                Cell.of_entries(*where, entries),
                [one.evaluation for one in entries if one.evaluation is not None],
            )
            for where, entries in blocks
        ]

    def gaps(self) -> list[Gap]:
        """Return what each leaking split adds to the accuracy of a training."""
        return gaps(self._cells())

    def differences(self) -> list[Difference]:
        """Return, for each split, the best training minus each of the others.

        Nothing for splits in which fewer than two trainings are done.
        """
        found = []
        for split, entries in self._done().items():
            trainings: dict[Training, list[Evaluation]] = {}
            for entry, result in entries:
                trainings.setdefault(_training(entry), []).append(result)
            best, tests = best_against(trainings)
            found += [
                Difference(split, best.options(), other.options(), 1, test)
                for other, test in tests.items()
            ]
        return found

    def baselines(self) -> list[Difference]:
        """Return, for each split, each training minus the linear model on its feature.

        Nothing for trainings whose linear model is not there.
        """
        found = []
        for split, entries in self._done().items():
            trainings: dict[Training, list[Evaluation]] = {}
            linear: dict[str, Training] = {}
            for entry, result in entries:
                training = _training(entry)
                trainings.setdefault(training, []).append(result)
                if training.model == LINEAR:
                    linear.setdefault(training.feature, training)
            others = {
                training: results
                for training, results in trainings.items()
                if training.model != LINEAR and training.feature in linear
            }
            tests = against_baselines(
                others, {each: trainings[linear[each.feature]] for each in others}
            )
            found += [
                Difference(
                    *(split, each.options(), linear[each.feature].options(), 1, test)
                )
                for each, test in tests.items()
            ]
        return found

    def choices(self) -> list[Difference]:
        """Return, for each split, the effect of each model, augmentation and feature.

        Each minus the first of its kind in the grid, over otherwise identical runs.
        """
        baselines = {run.name for run in self.grid.baselines()}
        return [
            each
            for split, entries in self._done().items()
            for each in choices(
                split,
                [
                    (_training(entry).options(), entry.recipe.seed, result)
                    for entry, result in entries
                    if entry.name not in baselines
                ],
            )
        ]

    def _done(self) -> dict[str, list[tuple[Entry, Evaluation]]]:
        """Return the entries that are done, with their evaluations, by split."""
        found: dict[str, list[tuple[Entry, Evaluation]]] = {}
        for entry in self.entries:
            if entry.evaluation is not None:
                runs = found.setdefault(entry.recipe.split, [])
                runs.append((entry, entry.evaluation))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON.

        Nothing is tested while runs are pending: each of them would change it.
        """
        pending = any(entry.status == PENDING for entry in self.entries)
        cells = self._cells()
        return {
            "grid": self.grid.to_dict(),
            "store": self.store,
            "entries": [entry.to_dict() for entry in self.entries],
            "cells": [cell.to_dict() for cell, _ in cells],
            "gaps": [vars(gap) for gap in gaps(cells)],
            "differences": [
                each.to_dict() for each in ([] if pending else self.differences())
            ],
            "baselines": [
                each.to_dict() | {"verdict": each.verdict}
                for each in ([] if pending else self.baselines())
            ],
            "choices": [each.to_dict() for each in ([] if pending else self.choices())],
        }

    def log(self, text: str) -> None:
        """Add a line with the time to log.txt."""
        log_line(self.path / "log.txt", text)

    def save(self) -> None:
        """Write results.csv, differences.csv and results.json."""
        rows = [_row(entry) for entry in self.entries]
        write_csv(
            self.path / "results.csv", list(rows[0]), (list(r.values()) for r in rows)
        )
        facts = self.to_dict()
        write_csv(
            self.path / "differences.csv",
            ["split", "first", "second", *_TESTED, "error"],
            map(
                _tested_row,
                facts["differences"] + facts["baselines"] + facts["choices"],
            ),
        )
        write_json(self.path / "results.json", facts)


def _training(entry: Entry) -> Training:
    recipe = entry.recipe
    return Training(recipe.model, recipe.augment, recipe.feature, entry.variant)


def _recorded_errors(path: Path) -> dict[str, str | None]:
    """Return the error of every run in results.json, by name."""
    file = path / "results.json"
    try:
        entries = read_json(file, limit=_MOST_RESULT_BYTES, root=path)["entries"]
        return {
            check_text("name", entry["name"]): (
                entry["error"] and check_text("error", entry["error"])
            )
            for entry in entries
        }
    except MissingInputError:
        return {}
    except (LookupError, TypeError, ValueError) as error:
        advice = "Delete it; a run that failed then counts as not begun."
        raise damaged(file, error, advice) from error


def _row(entry: Entry) -> dict[str, Any]:
    """Return the row of a run in results.csv, by column."""
    metrics = entry.metrics
    low, high = metrics.ci95 if metrics else (None, None)
    return {
        "name": entry.name,
        **_setting(entry),
        "status": entry.status,
        **{name: getattr(metrics, name, None) for name in _FIGURES},
        "ci95_low": low,
        "ci95_high": high,
        "error": entry.error,
    }


def _setting(entry: Entry) -> dict[str, Any]:
    """Return what runs of a comparison differ in, by column."""
    recipe = entry.recipe
    training = _training(entry)._asdict()
    return {"split": recipe.split, **training, "seed": recipe.seed}


def _tested_row(facts: Mapping[str, Any]) -> list[Any]:
    figures = dict(facts)
    for name, prefix in (("ci95", "ci95"), ("ci95_cautious", "cautious")):
        low, high = facts.get(name, (None, None))
        figures |= {f"{prefix}_low": low, f"{prefix}_high": high}
    names = [" ".join(facts[side].values()) for side in ("first", "second")]
    return [
        facts["split"],
        *names,
        *(figures.get(name) for name in _TESTED),
        facts["error"],
    ]
