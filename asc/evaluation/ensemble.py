"""The mean of the probabilities of several runs, on clips that none of them knows.

Each model is asked only for clips of the test part of its own split, and a clip counts
if every run has a model that tests it. So a run of all folds is a run like any other: a
clip is given by the fold that tests it. On a store that a run was not trained on, its
models are asked for all clips. Clips with the features of a clip that the model was
trained on are never asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from asc.errors import SettingsMismatch, UsageError
from asc.evaluation.alternatives import (
    beside,
    predicted_otherwise,
    with_shifts,
    with_temperature,
)
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.inference_metrics import EnsembleMetrics, MemberMetrics
from asc.evaluation.measure import leakage_facts
from asc.evaluation.members import Members
from asc.evaluation.rows import check_fits, evaluation_of_rows, part_of, truth_of
from asc.evaluation.significance import PairedTest, paired_tests
from asc.evaluation.temperature import FittedTemperature, fit_temperature
from asc.store import FeatureStore, open_store
from asc.text import counted, some_of
from asc.training.bundle import load_run
from asc.training.run import Run
from asc.validation import check_whole, one_or_several

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EnsembleEvaluation:
    """The result of an ensemble, and of its members alone on the same clips.

    Attributes
    ----------
    evaluation : Evaluation
        Of the mean probabilities. Its ``metrics.ensemble`` has the figures of the
        members.
    members : dict of str to Evaluation
        By name: runs, or the folds of a single one.
    tests : list of PairedTest
        The ensemble minus each member, with Holm's correction.
    notes : tuple of str
        Sentences on clips that are left out and on what is missing.
    """

    evaluation: Evaluation
    members: dict[str, Evaluation]
    tests: list[PairedTest]
    notes: tuple[str, ...]


def evaluate_ensemble(
    runs: Run | str | os.PathLike[str] | Iterable[Run | str | os.PathLike[str]],
    *,
    store: FeatureStore | str | os.PathLike[str] | None = None,
    split: str | None = None,
    part: str | None = None,
    tta: int = 1,
    progress: Progress | None = None,
) -> EnsembleEvaluation:
    """Evaluate the mean of the probabilities of several runs.

    Parameters
    ----------
    runs : iterable of Run or path
        Every run counts equally, also one of all folds. A single run of all folds is
        the ensemble of its folds, which needs another store.
    store : FeatureStore or path, optional
        Another store of the same spec. If not given, the one that all runs were trained
        on.
    split, part : str, optional
        Of another store, as `asc.evaluate` takes them.
    tta : int > 0
        As `asc.evaluate` takes it, for every model.
    progress : callable(done, total), optional
        Called with clips, each counted once for every model and shift.

    Returns
    -------
    EnsembleEvaluation
        On the clips that every run has in its test part and none was trained on. The
        temperature is that of the mean, fitted on clips that every run has in its
        validation part, if there are any.

    Raises
    ------
    SettingsMismatch
        If the runs were trained on several stores and `store` is not given, or if the
        store was made with another spec.
    UsageError
        If there are fewer than two runs, one is given twice, their scenes differ, or
        no clip counts.

    Examples
    --------
    >>> recipe = asc.Recipe(split="fold1", augment="none", epochs=1, seed=1)
    >>> second, _ = asc.train("store.h5", recipe, "second")
    >>> result = asc.evaluate_ensemble(["run", second], store="store.h5")
    >>> metrics = result.evaluation.metrics
    >>> metrics["clips"], metrics["leakage"], len(metrics["ensemble"]["members"])
    (8, 0.0, 2)
    """
    check_whole("tta", tta, 1)
    given = [load_run(run) for run in one_or_several("runs", runs, Run)]
    if not given:
        raise UsageError("An ensemble needs runs. Got none.")
    if store is None:
        store = _common_store(given)
    else:
        store = open_store(store)
    for run in given:
        check_fits(run, store)
    members = Members(given, store)
    if members.own and (split or part):
        raise UsageError(
            "The clips of an ensemble are those that all its runs test. Leave out"
            " --split and --part."
        )
    name, part, base = part_of(store, split, part)
    if members.own:
        splits = (run.recipe.split for run in given)
        name, part = ", ".join(dict.fromkeys(splits)), "test"
    asked, counts, left_out = _clips(members, base)
    rows = np.flatnonzero(counts)
    given_by = members.probabilities(asked, rows, tta, progress)
    mean = given_by.mean(axis=0)
    evaluation = evaluation_of_rows(
        store,
        rows,
        members.scenes,
        mean[0],
        [model.session for model in members.models],
        split=name,
        part=part,
        **leakage_facts(members.leakage(asked, rows)),
        **members.facts(),
    )
    if tta > 1:
        evaluation = with_shifts(evaluation, mean.mean(axis=0), tta)
    facts = left_out | {"models": members.asked}
    evaluation = with_temperature(evaluation, _temperature(members, store))
    return _with_members(evaluation, members, given_by[:, 0], facts)


def _common_store(runs: Sequence[Run]) -> FeatureStore:
    """Return the store that all runs were trained on."""
    store = runs[0].open_store()
    for run in runs:
        if not run.is_own(store):
            raise SettingsMismatch(
                f"{run.path} was not trained on {store.path}, the store of"
                f" {runs[0].path}. An ensemble is tested on one store. Name another one"
                " of the same spec with --store."
            )
    return store


def _clips(
    members: Members, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Return which model is asked for which row, and which rows count or are left out.

    Returns
    -------
    asked : np.ndarray [shape=(models, rows)], bool
    counts : np.ndarray [shape=(rows,)], bool
    left_out : dict of str to int
        Rows that a model tests and that do not count: ``trained`` and ``untested``, as
        in `EnsembleMetrics`.
    """
    asked = members.tests("test", base)
    tests = members.any_model(asked)
    counts = np.asarray(tests.all(axis=0))
    left = tests.any(axis=0) & ~counts
    if not members.own:
        left = ~counts & np.isin(np.arange(len(counts)), base)
    knows = (members.any_model(members.learned()) & ~tests).any(axis=0)
    left_out = {
        "trained": int((left & knows).sum()),
        "untested": int((left & ~knows).sum()),
    }
    if not counts.any():
        raise UsageError(
            "There is no clip that all runs test and none was trained on."
            f" {_left_out_sentence(left_out)} Train the runs on the same split, or name"
            " another store with --store."
        )
    return asked, counts, left_out


def _left_out_sentence(left_out: Mapping[str, int]) -> str:
    trained, untested = left_out["trained"], left_out["untested"]
    reasons = []
    if trained:
        reasons.append(f"a run was trained on {trained:,}")
    if untested:
        more = " more" if trained else ""
        reasons.append(f"{untested:,}{more} are not in the test part of every run")
    clips = counted(trained + untested, "clip is", "clips are")
    return f"{clips} left out: {' and '.join(reasons)}."


def _temperature(members: Members, store: FeatureStore) -> FittedTemperature | None:
    """Return the temperature of the mean, from clips that all have in validation."""
    asked = members.tests("validation", np.zeros(0, int))
    rows = np.flatnonzero(members.any_model(asked).all(axis=0))
    if not len(rows):
        return None
    mean = members.probabilities(asked, rows)[:, 0].mean(axis=0)
    truth = truth_of(store, rows, members.scenes)
    return FittedTemperature(fit_temperature(truth, mean), len(rows))


def _with_members(
    evaluation: Evaluation,
    members: Members,
    probabilities: np.ndarray,
    facts: Mapping[str, int],
) -> EnsembleEvaluation:
    """Return the evaluation of an ensemble with the figures of its members."""
    alone = {
        name: predicted_otherwise(evaluation, own)
        for name, own in zip(members.names, probabilities, strict=True)
    }
    tests = [
        test
        for test in paired_tests((evaluation, other) for other in alone.values())
        if isinstance(test, PairedTest)
    ]
    figures = {
        name: beside(MemberMetrics, other, test)
        for (name, other), test in zip(alone.items(), tests, strict=True)
    }
    added = EnsembleMetrics(members=figures, **facts)
    metrics = replace(evaluation.metrics, ensemble=added)
    notes = [_left_out_sentence(facts)] if facts["trained"] + facts["untested"] else []
    lost = [str(m.run.path) for m in members.models if m.session is None]
    if lost:
        notes.append(
            f"The store that {some_of(lost)} was trained on is not there, so leakage is"
            " unknown and clips of its train part cannot be left out."
        )
    return EnsembleEvaluation(
        replace(evaluation, metrics=metrics), alone, tests, tuple(notes)
    )
