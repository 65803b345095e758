"""The members of an ensemble: runs, their models, and the clips these may test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from asc.corpus.leakage import Leakage, pooled_leakage
from asc.corpus.places import composed
from asc.errors import UsageError
from asc.evaluation.folds import fold_runs
from asc.evaluation.inference import predict_rows
from asc.evaluation.rows import label_of, leakage_into, open_session, training_facts
from asc.files import short_names
from asc.store import FeatureStore
from asc.text import printable
from asc.training.run import Run
from asc.training.session import Session


@dataclass(frozen=True)
class Model:
    """One model of an ensemble.

    Attributes
    ----------
    member : int
        Index of the member that it belongs to.
    run : Run
    store : FeatureStore
        The one that it is tested on.
    own : bool
        Whether it was trained on that.
    """

    member: int
    run: Run
    store: FeatureStore
    own: bool

    @cached_property
    def session(self) -> Session | None:
        """Its training; None if the store of that is not there."""
        return (
            Session.open(self.run, self.store) if self.own else open_session(self.run)
        )

    @cached_property
    def learned(self) -> np.ndarray:
        """Whether it was trained on a clip with the features of each row, bool."""
        if self.session is None:
            return np.zeros(len(self.store), bool)
        feature = self.run.recipe.feature
        train = self.session.store.digests(feature)[self.session.rows["train"]]
        known = {digest.tobytes() for digest in train}
        every = np.asarray(self.store.digests(feature))
        return np.array([digest.tobytes() in known for digest in every], bool)

    def tests(self, part: str, base: np.ndarray) -> np.ndarray:
        """Return whether it may test each row of the store, bool.

        Those of a part of its split, or of another store the rows `base`.
        """
        own = self.session.rows[part] if self.own and self.session else base
        found = np.zeros(len(self.store), bool)
        found[own] = True
        return found & ~self.learned


class Members:
    """The runs of an ensemble.

    Parameters
    ----------
    runs : sequence of Run
        A single run of all folds has its folds as members.
    store : FeatureStore

    Attributes
    ----------
    names : list of str
    models : list of Model
    scenes : tuple of str
        Of the first run, in whose order all probabilities are.

    Raises
    ------
    UsageError
        If there are fewer than two, one is there twice, or their scenes differ.
    """

    def __init__(self, runs: Sequence[Run], store: FeatureStore) -> None:
        self.scenes = runs[0].scenes
        for run in runs:
            if set(label_of(run.scenes)) != set(label_of(self.scenes)):
                raise UsageError(
                    f"{run.path} and {runs[0].path} were trained on different scenes,"
                    " so there is no mean of their probabilities."
                )
        groups = [(run.path, _trainings(run, store)) for run in runs]
        if len(runs) == 1:
            _check_folds_alone(runs[0], store)
            groups = [(fold.path, [fold]) for fold in groups[0][1]]
        self.names = [printable(n) for n in short_names([path for path, _ in groups])]
        self.models = [
            Model(number, run, store, run.is_own(store))
            for number, (_, trainings) in enumerate(groups)
            for run in trainings
        ]
        self._store = store
        self._member = np.array([model.member for model in self.models])
        self._facts: dict[Path, dict[str, Any]] = {}
        given: dict[Path, Path] = {}
        for model in self.models:
            path = model.run.path
            if (first := given.setdefault(path.resolve(), path)) is not path:
                raise UsageError(f"{first} is given twice. Name every run once.")

    @property
    def asked(self) -> int:
        """How many models were asked for a clip so far."""
        return len(self._facts)

    @property
    def own(self) -> bool:
        """Whether any model was trained on the store."""
        return any(model.own for model in self.models)

    def tests(self, part: str, base: np.ndarray) -> np.ndarray:
        """Return which model may test which row [shape=(models, rows)], bool."""
        return np.stack([model.tests(part, base) for model in self.models])

    def learned(self) -> np.ndarray:
        """Return which model was trained on which row [shape=(models, rows)], bool."""
        return np.stack([model.learned for model in self.models])

    def any_model(self, of_models: np.ndarray) -> np.ndarray:
        """Return, for each member, what is true of any of its models."""
        members = range(len(self.names))
        return np.stack([of_models[self._member == m].any(axis=0) for m in members])

    def probabilities(
        self,
        tests: np.ndarray,
        rows: np.ndarray,
        tta: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Return the probabilities that each member gives for rows.

        Parameters
        ----------
        tests : np.ndarray [shape=(models, rows of the store)], bool
            Which model is asked for which row; every member is asked for all of `rows`.
        rows : np.ndarray [shape=(clips,)]
        tta : int
        progress : callable(done, total), optional

        Returns
        -------
        np.ndarray [shape=(members, tta, clips, scenes)], float32
            The mean of those models of a member that are asked for a clip.
        """
        asked = tests[:, rows]
        total, done = tta * int(asked.sum()), 0
        shape = (len(self.names), tta, len(rows), len(self.scenes))
        sums = np.zeros(shape, np.float64)

        def show(of_model: int, _: int) -> None:
            if progress is not None:
                progress(done + of_model, total)

        for model, own in zip(self.models, asked, strict=True):
            if own.any():
                found = self._ask(model, rows[own], tta, show)
                sums[model.member][:, own] += found
                done += tta * int(own.sum())
        counts = np.stack(
            [asked[self._member == m].sum(axis=0) for m in range(shape[0])]
        )
        return (sums / counts[:, None, :, None]).astype(np.float32)

    def _ask(
        self,
        model: Model,
        rows: np.ndarray,
        tta: int,
        progress: Callable[[int, int], None],
    ) -> np.ndarray:
        """Return what one model gives, in the order of `scenes`."""
        from asc.training.machine import release_variables

        run = model.run
        loaded = run.load_model()
        self._facts.setdefault(run.path, training_facts(run, loaded))
        found = predict_rows(
            loaded,
            self._store,
            run.recipe.feature,
            rows,
            name=run.path,
            tta=tta,
            progress=progress,
        )
        release_variables(loaded)
        labels = label_of(run.scenes)
        return found[..., [labels[composed(scene)] for scene in self.scenes]]

    def facts(self) -> dict[str, Any]:
        """Return the fields of metrics that tell how the models were trained.

        Of those that were asked for a clip so far.
        """
        each = list(self._facts.values())
        texts = {
            key: ", ".join(dict.fromkeys(fact[key] for fact in each))
            for key in ("model", "feature", "augment")
        }
        sums = {
            key: sum(fact[key] for fact in each)
            for key in ("parameters", "epochs", "seconds")
        }
        return texts | sums | {"seed": each[0]["seed"]}

    def leakage(self, tests: np.ndarray, rows: np.ndarray) -> Leakage:
        """Return the share of rows whose recording a model was trained on.

        Of a row, those models count that are asked for it.
        """
        found, sizes = [], []
        patterns, which = np.unique(tests[:, rows], axis=1, return_inverse=True)
        for number, asked in enumerate(patterns.T):
            some = rows[which == number]
            sessions = [self.models[m].session for m in np.flatnonzero(asked)]
            found.append(leakage_into(sessions, self._store, some))
            sizes.append(len(some))
        return pooled_leakage(found, sizes)


def _trainings(run: Run, store: FeatureStore) -> list[Run]:
    """Return a run, or the runs of its folds."""
    if not run.has_folds:
        return [run]
    return list(fold_runs(run, store if run.is_own(store) else None).values())


def _check_folds_alone(run: Run, store: FeatureStore) -> None:
    """Raise UsageError unless a single run makes an ensemble: of its folds."""
    if not run.has_folds:
        raise UsageError(
            f"An ensemble needs two runs or more, or one of all folds. Got {run.path}."
        )
    if run.is_own(store):
        raise UsageError(
            f"Each clip of {store.path} is tested by one fold of {run.path}, so there"
            " is nothing to average. Name another store with --store, or another run of"
            " all folds."
        )
