"""What a report is about: runs and evaluations read back, and what is missing."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc.corpus.splits import FOLDS
from asc.errors import AscError, InputError
from asc.evaluation.evaluate import Evaluation
from asc.experiments.comparison import DONE, Comparison, Entry
from asc.store import FeatureStore
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import part_rows

#: What curves have room for.
_MOST_EPOCHS, _GREATEST_VALUE = 10**6, 1e30

History = list[dict[str, float]]


@dataclass(frozen=True)
class Subject:
    """One result that the page tells about.

    Attributes
    ----------
    key : str
        What the page links to.
    name : str
    recipe : Recipe, optional
        None for an evaluation without its run.
    evaluation : Evaluation, optional
        None if there is none yet.
    histories : dict of str to list of dict
        Every epoch as in ``history.csv``, by fold; a single training has no name.
    environment : dict
        As in ``environment.json``; empty if there is none.
    store : FeatureStore, optional
        The one it was trained on, if that is still there.
    fingerprints : dict of str to str
        Of the store.
    missing : tuple of str
        One sentence for everything that could not be had.
    """

    key: str
    name: str
    recipe: Recipe | None = None
    evaluation: Evaluation | None = None
    histories: dict[str, History] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    store: FeatureStore | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The figures of the evaluation; empty if there is none."""
        return {} if self.evaluation is None else self.evaluation.metrics

    @property
    def leakage(self) -> float | None:
        """Share of the evaluated clips whose recording the model was trained on."""
        return self.metrics.get("leakage")

    @property
    def leaks(self) -> bool:
        """Whether the accuracy must not be taken for one on new recordings."""
        return bool(self.leakage)

    def rows(self) -> list[int] | None:
        """Return the store rows of the evaluated clips; None if not all are there."""
        if self.store is None or self.evaluation is None:
            return None
        places = {path: row for row, path in enumerate(self.store.paths())}
        found = [places.get(path) for path in self.evaluation.paths]
        return None if None in found else [row for row in found if row is not None]

    def train_rows(self, fold: str | None = None) -> np.ndarray | None:
        """Return the store rows that the model was trained on, if they are known.

        A run of all folds has several models, so a fold must be named.
        """
        if self.store is None or self.recipe is None:
            return None
        recipe = replace(self.recipe, split=fold or self.recipe.split)
        try:
            return part_rows(self.store, recipe)["train"]
        except AscError:
            return None


def gather(paths: Sequence[str | os.PathLike[str]]) -> list[Subject]:
    """Read runs, comparisons, and folders that ``asc evaluate --output`` wrote.

    Raises
    ------
    InputError
        If a path is none of these.
    """
    found: dict[Path, Entry | None] = {}
    for path in map(Path, paths):
        if (path / "grid.json").is_file():
            for entry in Comparison.load(path).entries:
                found.setdefault(entry.path.resolve(), entry)
        else:
            found.setdefault(path.resolve(), None)
    stores: dict[str, FeatureStore | str] = {}
    return [
        _subject(f"result-{number}", name, folder, found[folder], stores)
        for number, (folder, name) in enumerate(
            zip(found, _names(list(found)), strict=True)
        )
    ]


def _subject(
    key: str,
    name: str,
    folder: Path,
    entry: Entry | None,
    stores: dict[str, FeatureStore | str],
) -> Subject:
    if entry is None:
        if (folder / "recipe.json").is_file():
            return _run(key, name, folder, stores)
        return _evaluation(key, name, folder)
    subject = Subject(key, name, recipe=entry.recipe)
    try:
        if folder.exists():
            subject = _run(key, name, folder, stores)
    except InputError as error:  # it must not keep the others from being told
        return replace(subject, missing=(_told(error, folder, name),))
    if entry.status != DONE:
        told = f"No result, {_told(entry.title(), folder, name).rstrip('.')}."
        subject = replace(subject, missing=(told,))
    return subject


def _run(
    key: str, name: str, folder: Path, stores: dict[str, FeatureStore | str]
) -> Subject:
    run = Run(folder)
    missing = []
    evaluation = None
    try:
        evaluation = Evaluation.load(folder)
        if evaluation.scenes != run.scenes:
            raise InputError("The evaluation has other scenes than the run.")
    except InputError as error:
        evaluation = None
        missing.append(_told(error, folder, name))
    if run.store["path"] not in stores:
        try:
            opened = FeatureStore(run.store["path"])
            opened.labels()  # they may be damaged
            stores[run.store["path"]] = opened
        except AscError:
            stores[run.store["path"]] = (
                "The store that it was trained on is no longer where it was, or cannot"
                " be read, so there are no spectrograms."
            )
    store = stores[run.store["path"]]
    if isinstance(store, FeatureStore) and not run.is_own(store):
        store = (
            "Where the store was that it was trained on there is another one now, so"
            " there are no spectrograms."
        )
    if isinstance(store, str):
        missing.append(store)
    histories: dict[str, History] = {}
    for fold, training in _trainings(run).items():
        try:
            history = [_drawable(record) for record in training.history()]
            histories |= {fold: history} if history else {}
        except (AttributeError, KeyError, TypeError, ValueError, OSError):
            where = f" of {fold}" if fold else ""
            missing.append(f"history.csv{where} is damaged, so it has no curves.")
    return Subject(
        key,
        name,
        recipe=run.recipe,
        evaluation=evaluation,
        histories=histories,
        environment=_environment(folder),
        store=store if isinstance(store, FeatureStore) else None,
        fingerprints={
            "store": Path(run.store["path"]).name,
            "fingerprint": run.store["fingerprint"],
            "digest": run.store["digest"],
        },
        missing=tuple(missing),
    )


def _drawable(record: dict[str, float]) -> dict[str, float]:
    """Return an epoch without the values that no axis can hold.

    Raises
    ------
    ValueError
        If it is not the number of an epoch.
    """
    if not 0 <= record["epoch"] <= _MOST_EPOCHS:
        raise ValueError("no epoch has such a number")
    return {
        name: value for name, value in record.items() if abs(value) < _GREATEST_VALUE
    }


def _trainings(run: Run) -> dict[str, Run]:
    """Return the trainings of a run: itself, or one for each of its folds."""
    if run.recipe.split != FOLDS:
        return {"": run}
    found = {}
    for record in sorted(run.path.glob("*/recipe.json")):
        try:
            found[record.parent.name] = Run(record.parent)
        except InputError:
            continue  # its part of the pooled evaluation tells of it
    return found


def _evaluation(key: str, name: str, folder: Path) -> Subject:
    if not (folder / "metrics.json").is_file():
        raise InputError(
            f"{folder} is neither a run nor an evaluation: it has no recipe.json and"
            " no metrics.json. Name folders that asc-train or asc evaluate --output"
            " wrote."
        )
    evaluation = Evaluation.load(folder)
    return Subject(
        key,
        name,
        evaluation=evaluation,
        fingerprints={"store": str(evaluation.metrics.get("store", "unknown"))},
        missing=(
            "This is an evaluation without its run, so there are no curves, no"
            " recipe and no spectrograms.",
        ),
    )


def _environment(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "environment.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _told(error: Exception | str, folder: Path, name: str) -> str:
    """Return a sentence without the place of the folder on this machine."""
    return str(error).replace(str(folder), name)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return short names; folders of one name are told apart by where they are."""
    names = [""] * len(folders)
    for depth in range(1, max(len(folder.parts) for folder in folders) + 1):
        ends = ["/".join(folder.parts[-depth:]) for folder in folders]
        count = Counter(ends)
        names = [
            name or (end if count[end] == 1 else "")
            for name, end in zip(names, ends, strict=True)
        ]
    return names
