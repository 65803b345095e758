"""A training and its one look at the test part.

A recipe whose split is ``folds`` makes a folder with an ordinary run for each
fold in it (``fold1/``...), and the pooled evaluation of all of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc import plots
from asc.corpus.splits import FOLDS
from asc.errors import AscError, SettingsMismatch, UsageError
from asc.evaluation.evaluate import Evaluation, evaluate, training_sentence
from asc.experiments.folds import fold_names, fold_sentences, pool
from asc.files import is_full_disk
from asc.store import FeatureStore
from asc.text import describe_difference
from asc.training import trainer
from asc.training.distributed.workers import team
from asc.training.recipe import MULTIWORKER, Recipe
from asc.training.recipes import choose
from asc.training.run import Run


def train(
    store: FeatureStore | str | os.PathLike[str],
    recipe: Recipe | str | os.PathLike[str] | None = None,
    run: str | os.PathLike[str] | None = None,
    *,
    command: tuple[str, ...] = (),
    sources: Mapping[str, str] | None = None,
    **options: Any,
) -> tuple[Run, Evaluation]:
    """Train a recipe, then evaluate the best epoch on the test part, once.

    Parameters
    ----------
    store : FeatureStore or path
    recipe : Recipe, str or path, optional
        Or the name of one, or a file of fields (`asc.training.recipes`). The
        documented system (simple CNN on Mel) if not given. Its split may also be
        ``folds``: all folds, one after the other, and their pooled evaluation
        (`asc.experiments.folds`).
    run : path, optional
        Folder to make; under ``cache/runs`` if not given.
    command, sources
        For the run's records, see `asc.training.trainer.prepare`.
    **options
        See `asc.training.trainer.carry_out`: in_memory, tensorboard, threads,
        device, listener.

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
    if not isinstance(recipe, Recipe):
        recipe, sources = choose(recipe)
    if recipe.split == FOLDS:
        check(store, recipe)
        prepared = Run.create(run, recipe, store, sources=sources)
        prepared.record_environment(command)
    elif recipe.strategy == MULTIWORKER and not team().leads:
        return resume(team().join(recipe, _teller(options)), store=store, **options)
    else:
        prepared = trainer.prepare(store, recipe, run, command=command, sources=sources)
    try:
        return resume(prepared, store=store, **options)
    except Exception:
        if not prepared.history() and not any(prepared.path.glob("*/recipe.json")):
            shutil.rmtree(prepared.path)  # nothing in it to go on from
        raise


def check(store: FeatureStore, recipe: Recipe) -> None:
    """Raise UsageError if a recipe cannot be one of several trained on a store."""
    if recipe.strategy == MULTIWORKER:
        raise UsageError(
            "TensorFlow connects workers once in a process, so --strategy multiworker"
            " is for one training at a time, such as that of --split fold1."
        )
    names = fold_names(store) if recipe.split == FOLDS else (recipe.split,)
    for name in names:
        trainer.part_rows(store, replace(recipe, split=name))


def finish(
    store: FeatureStore,
    recipe: Recipe,
    path: Path,
    *,
    command: tuple[str, ...] = (),
    **options: Any,
) -> Evaluation:
    """Return the evaluation of a run, after whatever is left to do of it.

    Parameters
    ----------
    path : Path
        The run's folder. If there is no run in it, it is trained; if it was
        interrupted, it goes on; if it is finished, its files are read.
    command, **options
        See `train`.

    Raises
    ------
    SettingsMismatch
        If the run that is there was trained by another recipe.
    StoreError
        If it was trained on another store.
    """
    if not (path / "recipe.json").exists():
        shutil.rmtree(path, ignore_errors=True)  # killed before it was a run
        return train(store, recipe, path, command=command, **options)[1]
    run = Run(path)
    if run.recipe != recipe:
        raise SettingsMismatch(
            f"{path} was trained by another recipe.\n"
            + describe_difference(run.recipe.to_dict(), recipe.to_dict())
        )
    run.check_store(store)
    if run.is_finished():
        return Evaluation.load(path)
    return resume(run, store=store, **options)[1]


def resume(
    run: Run | str | os.PathLike[str],
    *,
    store: FeatureStore | None = None,
    **options: Any,
) -> tuple[Run, Evaluation]:
    """Go on with an interrupted training, then evaluate it like any other.

    A run that is finished stays as it is; it is evaluated again without writing.
    Options are those of `train`.
    """
    if not isinstance(run, Run):
        run = _open(Path(run), _teller(options))
    if store is None:
        store = run.open_store()
    try:
        if run.recipe.split == FOLDS:
            return run, _resume_folds(run, store, **options)
        return run, _resume_one(run, store, **options)
    except KeyboardInterrupt as error:
        # Of all folds and one of them, the caller knows the former.
        error.__notes__ = [f"Go on with: asc-train --resume {run.place}"]
        raise
    except OSError as error:
        if not is_full_disk(error):
            raise
        raise AscError(
            f"The disk of {run.path} is full. All epochs that were kept there still"
            f" are; make room, and go on with: asc-train --resume {run.place}"
        ) from error


def _open(path: Path, tell: Callable[[str], Any]) -> Run:
    """Return the run of a folder; on other workers than the first, a copy of it."""
    if (path / "recipe.json").exists() or "TF_CONFIG" not in os.environ:
        run = Run(path)
        if run.recipe.strategy != MULTIWORKER or run.is_finished() or team().leads:
            return run
        return team().join(run.recipe, tell)
    return Run(path) if team().leads else team().join(None, tell)


def _teller(options: Mapping[str, Any]) -> Callable[[str], Any]:
    return (options.get("listener") or trainer.Listener()).note


def _resume_one(run: Run, store: FeatureStore, **options: Any) -> Evaluation:
    try:
        trained = trainer.carry_out(run, store=store, **options)
    except (Exception, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        with suppress(OSError, AscError):  # such as that of a full disk
            run.log("interrupted" if interrupted else f"failed: {error}")
            if run.history():
                _draw(run, store)
        raise
    if trained or not run.is_finished():
        return _conclude(run, store)
    return evaluate(run, store=store, part=_tested_part(run, store))


def _resume_folds(run: Run, store: FeatureStore, **options: Any) -> Evaluation:
    """Finish the run of every fold, and pool their evaluations."""
    run.check_store(store)
    done = {}
    for name in fold_names(store):
        recipe = replace(run.recipe, split=name)
        try:
            done[name] = finish(store, recipe, run.path / name, **options)
        except (Exception, KeyboardInterrupt) as error:
            # In place of what the run of the fold says.
            error.__notes__ = [f"Go on with: asc-train --resume {run.place}"]
            raise
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
    run.check_unchanged(store)
    _draw(run, store)
    evaluation = evaluate(run, store=store, part=_tested_part(run, store))
    evaluation.save(run.path)
    run.log(evaluation.title())
    return evaluation


def _draw(run: Run, store: FeatureStore) -> None:
    history = run.history()
    better = max if run.recipe.monitor.endswith("accuracy") else min
    best = better(history, key=lambda record: record[run.recipe.monitor])
    figure = plots.curves_figure(
        {name: [record[name] for record in history] for name in history[0]},
        best_epoch=int(best["epoch"]),
        title=training_sentence(run, store),
        augmented=run.recipe.augment != "none",
    )
    plots.save(figure, run.path / "curves.png")
    features, labels = trainer.first_batch(run, store)
    drawing = store.drawing(run.recipe.feature)
    values = store.decode(run.recipe.feature, features)[..., 0]
    figure = plots.batch_sheet(
        [plots.feature_panel(each, drawing, run.spec.seconds) for each in values],
        labels,
        run.scenes,
        title=f"The first batch, augmentation {run.recipe.augment}",
    )
    plots.save(figure, run.path / "batch.png")
