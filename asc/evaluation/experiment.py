"""A training and its one look at the test part."""

from __future__ import annotations

import os
import shutil

from asc.evaluation import plots
from asc.evaluation.evaluate import Evaluation, evaluate
from asc.store import FeatureStore
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
        The documented system (simple CNN on Mel) if not given.
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
    prepared = trainer.prepare(store, recipe, path, command=command)
    try:
        return resume(prepared, store=store, in_memory=in_memory, listener=listener)
    except Exception:
        if not prepared.history():
            shutil.rmtree(prepared.path)  # nothing in it to go on from
        raise


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
    return run, evaluate(run, store=store)


def _conclude(run: Run, store: FeatureStore) -> Evaluation:
    _draw_curves(run)
    evaluation = evaluate(run, store=store)
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
