"""A training and its one look at the test part.

A recipe whose split is ``folds`` makes a folder with an ordinary run for each
fold in it (``fold1/``...), and the pooled evaluation of all of them.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from asc.corpus.splits import FOLDS
from asc.errors import SettingsMismatch
from asc.evaluation import plots
from asc.evaluation.evaluate import Evaluation, evaluate
from asc.evaluation.folds import fold_names, fold_sentences, pool
from asc.store import FeatureStore
from asc.store.fingerprint import describe_difference
from asc.training import trainer
from asc.training.recipe import Recipe
from asc.training.run import Run, default_run_path
from asc.training.trainer import Listener


def train(
    store: FeatureStore | str | os.PathLike[str],
    recipe: Recipe | None = None,
    run: str | os.PathLike[str] | None = None,
    *,
    command: tuple[str, ...] = (),
    in_memory: bool = False,
    listener: Listener | None = None,
) -> tuple[Run, Evaluation]:
    """Train a recipe, then evaluate the best epoch on the test part, once.

    Parameters
    ----------
    store : FeatureStore or path
    recipe : Recipe, optional
        The documented system (simple CNN on Mel) if not given. Its split may
        also be ``folds``: all folds, one after the other, and their pooled
        evaluation (`asc.evaluation.folds`).
    run : path, optional
        Folder to make; under ``cache/runs`` if not given.
    command, in_memory, listener
        See `asc.training.trainer`.

    Returns
    -------
    run : Run
    evaluation : Evaluation

    Examples
    --------
    >>> recipe = asc.Recipe(split="fold1", epochs=3)            # doctest: +SKIP
    >>> run, result = asc.train("cache/esc10.h5", recipe)       # doctest: +SKIP
    >>> result.metrics["accuracy"]                              # doctest: +SKIP
    0.275
    """
    if not isinstance(store, FeatureStore):
        store = FeatureStore(store)
    recipe = recipe or Recipe()
    path = run or default_run_path(store, recipe)
    if recipe.split == FOLDS:
        check(store, recipe)
        prepared = Run.create(path, recipe, store)
        prepared.record_environment(command)
    else:
        prepared = trainer.prepare(store, recipe, path, command=command)
    try:
        return resume(prepared, store=store, in_memory=in_memory, listener=listener)
    except Exception:
        if not prepared.history() and not any(prepared.path.glob("*/recipe.json")):
            shutil.rmtree(prepared.path)  # nothing in it to go on from
        raise


def check(store: FeatureStore, recipe: Recipe) -> None:
    """Raise UsageError if a recipe cannot be trained on a store."""
    names = fold_names(store) if recipe.split == FOLDS else (recipe.split,)
    for name in names:
        trainer.part_rows(store, replace(recipe, split=name))


def finish(
    store: FeatureStore,
    recipe: Recipe,
    path: Path,
    *,
    command: tuple[str, ...] = (),
    in_memory: bool = False,
    listener: Listener | None = None,
) -> Evaluation:
    """Return the evaluation of a run, after whatever is left to do of it.

    Parameters
    ----------
    path : Path
        The run's folder. If there is no run in it, it is trained; if it was
        interrupted, it goes on; if it is finished, its files are read.

    Raises
    ------
    SettingsMismatch
        If the run that is there was trained by another recipe.
    StoreError
        If it was trained on another store.
    """
    if not (path / "recipe.json").exists():
        shutil.rmtree(path, ignore_errors=True)  # killed before it was a run
        return train(
            store,
            recipe,
            path,
            command=command,
            in_memory=in_memory,
            listener=listener,
        )[1]
    run = Run(path)
    if run.recipe != recipe:
        raise SettingsMismatch(
            f"{path} was trained by another recipe.\n"
            + describe_difference(run.recipe.to_dict(), recipe.to_dict())
        )
    run.check_store(store)
    if run.is_finished():
        return Evaluation.load(path)
    return resume(run, store=store, in_memory=in_memory, listener=listener)[1]


def resume(
    run: Run | str | os.PathLike[str],
    *,
    store: FeatureStore | None = None,
    in_memory: bool = False,
    listener: Listener | None = None,
) -> tuple[Run, Evaluation]:
    """Go on with an interrupted training, then evaluate it like any other.

    A run that is finished stays as it is; it is evaluated again without writing.
    """
    if not isinstance(run, Run):
        run = Run(run)
    if store is None:
        store = run.open_store()
    if run.recipe.split == FOLDS:
        return run, _resume_folds(run, store, in_memory, listener)
    try:
        trained = trainer.carry_out(
            run, store=store, in_memory=in_memory, listener=listener
        )
    except (Exception, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        run.log("interrupted" if interrupted else f"failed: {error}")
        if run.history():
            _draw_curves(run)
        raise
    if trained or not run.is_finished():
        return run, _conclude(run, store)
    return run, evaluate(run, store=store, part=_tested_part(run, store))


def _resume_folds(
    run: Run, store: FeatureStore, in_memory: bool, listener: Listener | None
) -> Evaluation:
    """Finish the run of every fold, and pool their evaluations."""
    run.check_store(store)
    done = {
        name: finish(
            store,
            replace(run.recipe, split=name),
            run.path / name,
            in_memory=in_memory,
            listener=listener,
        )
        for name in fold_names(store)
    }
    pooled = pool(done, store)
    if not run.is_finished():
        pooled.save(run.path)
        for sentence in (pooled.title(), *fold_sentences(pooled.metrics)):
            run.log(sentence)
    return pooled


def _tested_part(run: Run, store: FeatureStore) -> str:
    """Return test, or validation if the split keeps nothing for a test."""
    rows = trainer.part_rows(store, run.recipe)
    return next(part for part in ("test", "validation", "train") if len(rows[part]))


def _conclude(run: Run, store: FeatureStore) -> Evaluation:
    _draw_curves(run)
    evaluation = evaluate(run, store=store, part=_tested_part(run, store))
    evaluation.save(run.path)
    run.log(evaluation.title())
    return evaluation


def _draw_curves(run: Run) -> None:
    history = run.history()
    better = max if run.recipe.monitor.endswith("accuracy") else min
    best = better(history, key=lambda record: record[run.recipe.monitor])
    figure = plots.curves_figure(
        {name: [record[name] for record in history] for name in history[0]},
        best_epoch=int(best["epoch"]),
        title=f"{run.recipe.model}, {run.recipe.feature}, split {run.recipe.split}",
        augmented=run.recipe.augment != "none",
    )
    plots.save(figure, run.path / "curves.png")
