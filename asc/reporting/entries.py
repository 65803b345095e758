"""The entries of a report: runs and evaluations read back, and what is missing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asc.corpus.leakage import Leakage
from asc.corpus.splits import FOLDS
from asc.errors import AscError, InputError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.metrics import Metrics
from asc.experiments.comparison import Comparison
from asc.experiments.entry import DONE, Entry
from asc.files import check_no_links, short_names
from asc.kinds import not_a
from asc.store import FeatureStore
from asc.training.recipe import Recipe
from asc.training.run import Run, read_environment
from asc.training.session import Session

#: Limits of the axes of curves.
_MAX_EPOCH, _MAX_VALUE = 10**6, 1e30

History = list[dict[str, float]]


@dataclass(frozen=True, eq=False)
class ReportEntry:
    """One run, or one evaluation, of a report.

    Attributes
    ----------
    key : str
        Its anchor in the page.
    name : str
    recipe : Recipe, optional
        None for an evaluation without its run.
    evaluation : Evaluation, optional
        None if there is none yet.
    histories : dict of str to list of dict
        Epochs as in ``history.csv``, by fold; the fold of a single training is ``""``.
    sessions : dict of str to Session
        By fold, if the store is still there.
    environment : dict
        As in ``environment.json``; empty if there is none.
    store : FeatureStore, optional
        The one it was trained on, if it is still there.
    store_facts : dict of str to str
        Its name, fingerprint and digest, as recorded by the run.
    variant : str
        Name of the variant of a comparison's grid; empty if it has none.
    missing : tuple of str
        A sentence for each thing that is missing or damaged.
    """

    key: str
    name: str
    recipe: Recipe | None = None
    evaluation: Evaluation | None = None
    histories: dict[str, History] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    store: FeatureStore | None = None
    store_facts: dict[str, str] = field(default_factory=dict)
    variant: str = ""
    missing: tuple[str, ...] = ()

    @property
    def metrics(self) -> Metrics:
        """Those of the evaluation, which must be there."""
        if self.evaluation is None:
            raise ValueError(f"{self.name} was not evaluated")
        return self.evaluation.metrics

    @property
    def split(self) -> str:
        """The split of the evaluation, with its part unless that is test."""
        return self.metrics.tested_on()

    @property
    def leakage(self) -> float | None:
        """Share of the evaluated clips whose recording is also in train."""
        return self.known_leakage.share

    @property
    def known_leakage(self) -> Leakage:
        """The same with its bound."""
        if self.evaluation is None:
            return Leakage(None, 0.0)
        return self.metrics.known_leakage

    @property
    def leaks(self) -> bool:
        """Whether recordings seen in training surely inflate the accuracy."""
        return self.known_leakage.at_least > 0

    def rows(self) -> list[int] | None:
        """Return the store rows of the evaluated clips; None if any is missing."""
        if self.store is None or self.evaluation is None:
            return None
        row_of = {path: row for row, path in enumerate(self.store.paths())}
        try:
            return [row_of[path] for path in self.evaluation.paths]
        except KeyError:
            return None


def evaluated(entries: Sequence[ReportEntry]) -> list[ReportEntry]:
    """Return the entries that have an evaluation."""
    return [entry for entry in entries if entry.evaluation is not None]


def gather(paths: Sequence[str | os.PathLike[str]]) -> list[ReportEntry]:
    """Read runs, comparisons, and folders that ``asc evaluate --output`` wrote.

    Raises
    ------
    InputError
        If a path is none of these.
    """
    found: dict[Path, Entry | None] = {}
    for path in map(Path, paths):
        if (path / "grid.json").is_file():
            # The place of a run is not resolved: no link in the folder is followed.
            for entry in Comparison.load(path.resolve()).entries:
                found.setdefault(entry.path, entry)
        else:
            found.setdefault(path.resolve(), None)
    stores: dict[str, FeatureStore | str] = {}
    names = short_names(list(found))
    return [
        _read(f"result-{number}", name, folder, compared, stores)
        for number, (name, (folder, compared)) in enumerate(
            zip(names, found.items(), strict=True)
        )
    ]


def _read(
    key: str,
    name: str,
    folder: Path,
    compared: Entry | None,
    stores: dict[str, FeatureStore | str],
) -> ReportEntry:
    if compared is None:
        if (folder / "recipe.json").is_file():
            return read_run(key, name, folder, stores)
        return _evaluation(key, name, folder)
    entry = ReportEntry(key, name, recipe=compared.recipe)
    try:
        check_no_links(folder, folder.parents[1])
        if folder.exists():
            entry = read_run(key, name, folder, stores)
        entry = replace(entry, variant=compared.variant)
    except InputError as error:  # one damaged run does not hide the others
        return replace(entry, missing=(private_message(error, folder, name),))
    if compared.status != DONE:
        reason = private_message(compared.title(), folder, name).rstrip(".")
        entry = replace(entry, missing=(f"No result, {reason}.",))
    return entry


def read_run(
    key: str, name: str, folder: Path, stores: dict[str, FeatureStore | str]
) -> ReportEntry:
    """Return the entry of a run folder; `stores` are those opened, by path."""
    run = Run(folder)
    missing = []
    evaluation = None
    try:
        evaluation = Evaluation.load(folder)
        if evaluation.scenes != run.scenes:
            evaluation = None
            missing.append("The evaluation has other scenes than the run.")
    except InputError as error:
        missing.append(private_message(error, folder, name))
    path = run.store["path"]
    if path not in stores:
        stores[path] = _open(path)
    store = stores[path]
    if isinstance(store, FeatureStore) and not run.is_own(store):
        store = (
            "Another store is at the place of the one that the run was trained on, so"
            " there are no spectrograms."
        )
    if isinstance(store, str):
        missing.append(store)
    histories: dict[str, History] = {}
    sessions: dict[str, Session] = {}
    for fold, training in _trainings(run).items():
        if isinstance(store, FeatureStore):
            with suppress(AscError):  # its split cannot be read
                sessions[fold] = Session.open(training, store)
        try:
            history = [_drawable(record) for record in training.history()]
            histories |= {fold: history} if history else {}
        except (KeyError, ValueError):
            where = f" of {fold}" if fold else ""
            missing.append(f"history.csv{where} is damaged, so there are no curves.")
    return ReportEntry(
        key,
        name,
        recipe=run.recipe,
        evaluation=evaluation,
        histories=histories,
        sessions=sessions,
        environment=read_environment(folder),
        store=store if isinstance(store, FeatureStore) else None,
        store_facts={  # without its path, which is private
            "store": Path(path).name,
            "fingerprint": run.store["fingerprint"],
            "digest": run.store["digest"],
        },
        missing=tuple(missing),
    )


def _open(path: str) -> FeatureStore | str:
    """Return a store, or the sentence why there is none."""
    try:
        store = FeatureStore(path)
        store.labels()  # may be damaged
    except AscError:
        return (
            "The store that the run was trained on has moved or cannot be read, so"
            " there are no spectrograms."
        )
    return store


def _drawable(record: dict[str, float]) -> dict[str, float]:
    """Return an epoch without the values that no axis can show."""
    if not 0 <= record["epoch"] <= _MAX_EPOCH:
        raise ValueError("not the number of an epoch")
    return {name: value for name, value in record.items() if abs(value) < _MAX_VALUE}


def _trainings(run: Run) -> dict[str, Run]:
    """Return the trainings of a run: itself, or one for each of its folds."""
    if run.recipe.split != FOLDS:
        return {"": run}
    return run.folds()  # the pooled evaluation has the clips of a damaged one


def _evaluation(key: str, name: str, folder: Path) -> ReportEntry:
    if not (folder / "metrics.json").is_file():
        advice = "Give folders of asc-train, asc compare or asc evaluate --output."
        raise InputError(not_a("a run, comparison or evaluation", folder, advice))
    evaluation = Evaluation.load(folder)
    return ReportEntry(
        key,
        name,
        evaluation=evaluation,
        store_facts={"store": evaluation.metrics.store or "unknown"},
        missing=(
            "This is an evaluation without its run, so there are no curves, no recipe"
            " and no spectrograms.",
        ),
    )


def private_message(error: Exception | str, folder: Path, name: str) -> str:
    """Return a message without the path of the folder, which is private."""
    return str(error).replace(str(folder), name)
