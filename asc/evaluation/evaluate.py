"""The best model of a run on clips of a store."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from asc.corpus.splits import FOLDS
from asc.errors import UsageError
from asc.evaluation.alternatives import with_shifts, with_temperature
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.folds import fold_runs, pool
from asc.evaluation.inference import predict_rows, time_shifts
from asc.evaluation.measure import leakage_facts
from asc.evaluation.rows import (
    check_fits,
    evaluation_of_rows,
    leakage_into,
    open_session,
    part_of,
    training_facts,
)
from asc.evaluation.temperature import run_temperature
from asc.store import FeatureStore, open_store
from asc.training.bundle import load_run
from asc.training.run import Run
from asc.training.session import Session
from asc.validation import check_whole


def evaluate(
    run: Run | str | os.PathLike[str],
    *,
    store: FeatureStore | str | os.PathLike[str] | None = None,
    split: str | None = None,
    part: str | None = None,
    tta: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate the best model of a run.

    Parameters
    ----------
    run : Run or path
        A run folder or a bundle.
    store : FeatureStore or path, optional
        Another store of the same spec, such as that of an evaluation set. The
        store that the run was trained on if not given.
    split : str, optional
        The run's own if not given.
    part : {'train', 'validation', 'test', 'all'}, optional
        ``test`` of the run's own store or of a split that is named, ``all`` clips
        of another store.
    tta : int > 0
        Test-time averaging: also average the probabilities of this many circular shifts
        along time, spread evenly over a clip, of which the first is the clip as it is.
        The figures are ``metrics.tta``, beside the plain ones; the probabilities are
        those of its ``averaged``.
    progress : callable(done, total), optional
        Called with clips.

    Returns
    -------
    Evaluation
        Its leakage is the share of these clips whose recording the model was
        trained on, whatever split they come from. Of a run of all folds it is
        the pooled one, as it was saved. Its ``metrics.temperature`` is of calibrated
        probabilities (`asc.evaluation.temperature`).

    Raises
    ------
    SettingsMismatch
        If the store was made with another spec.
    UsageError
        If split or part do not exist, if the store has scenes that the model
        does not know, or if a store, split or part is named for a run of all folds.

    See Also
    --------
    asc.evaluate_ensemble : the mean of the probabilities of several runs.

    Examples
    --------
    >>> result = asc.evaluate("run", store="store.h5")
    >>> result.metrics["clips"], result.metrics["leakage"]
    (8, 0.0)
    >>> result.metrics["accuracy"]
    0.25
    """
    run = load_run(run)
    check_whole("tta", tta, 1)
    if store is not None:
        store = open_store(store)
    if run.has_folds:
        if split or part or (store is not None and not run.is_own(store)):
            raise UsageError(
                f"{run.path} has a model for each fold. Evaluate those one by one,"
                f" such as {run.path / 'fold1'}, or on another store the mean of their"
                " probabilities, with --ensemble."
            )
        if tta == 1:
            return Evaluation.load(run.path)
        return _evaluate_folds(run, store or run.open_store(), tta, progress)
    if store is None:
        store = run.open_store()
    check_fits(run, store)
    own = run.is_own(store)
    if own and run.recipe.split == FOLDS:
        raise UsageError(
            f"{run.path} has the models of all folds, which were trained on all clips"
            f" of {store.path}. Evaluate it on another store, or the folds one by one."
        )
    if own and split is None:
        split, part = run.recipe.split, part or "test"
    name, part, rows = part_of(store, split, part)
    trained = Session.open(run, store) if own else open_session(run)
    if trained is not None and own and part != "all" and name == run.recipe.split:
        rows = trained.rows[part]
    return _evaluate(run, trained, store, rows, name, part, tta, progress)


def evaluate_session(session: Session, part: str) -> Evaluation:
    """Evaluate the best model of a session on a part of its split."""
    split, rows = session.run.recipe.split, session.rows[part]
    return _evaluate(session.run, session, session.store, rows, split, part)


def _evaluate(
    run: Run,
    trained: Session | None,
    store: FeatureStore,
    rows: np.ndarray,
    split: str,
    part: str,
    tta: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate rows; `trained` has the store of the training if it is there."""
    if not len(rows):
        raise UsageError(f"Part {part} of split {split} has no clips.")
    feature = run.recipe.feature
    time_shifts(tta, store.features(feature).shape[2])  # before a model is loaded
    model = run.load_model()
    probabilities = predict_rows(
        model, store, feature, rows, name=run.path, tta=tta, progress=progress
    )
    evaluation = evaluation_of_rows(
        store,
        rows,
        run.scenes,
        probabilities[0],
        [trained],
        split=split,
        part=part,
        **leakage_facts(leakage_into([trained], store, rows)),
        **training_facts(run, model),
    )
    evaluation = with_temperature(evaluation, run_temperature(run, trained, model))
    if tta == 1:
        return evaluation
    return with_shifts(evaluation, probabilities.mean(axis=0), tta)


def _evaluate_folds(
    run: Run,
    store: FeatureStore,
    tta: int,
    progress: Callable[[int, int], None] | None,
) -> Evaluation:
    """Evaluate the folds of a run again, and pool them."""
    done, total = 0, tta * Evaluation.load(run.path).metrics.clips
    results = {}

    def show(of_fold: int, _: int) -> None:
        if progress is not None:
            progress(done + of_fold, total)

    for name, fold in fold_runs(run, store).items():
        results[name] = evaluate(fold, store=store, tta=tta, progress=show)
        done += tta * results[name].metrics.clips
    return pool(results, store)
