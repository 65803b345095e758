"""Training and its one evaluation on the test part.

A recipe whose split is ``folds`` makes a folder with an ordinary run for each
fold in it (``fold1/``...), and the pooled evaluation of all of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc.corpus.splits import FOLDS
from asc.disk import writing_to
from asc.errors import AscError, Busy, SettingsMismatch, UsageError
from asc.evaluation.evaluate import evaluate_session
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.folds import fold_names, pool
from asc.evaluation.sentences import alternative_sentences, fold_sentences
from asc.experiments.extend import extend
from asc.experiments.outputs import draw_training, save_evaluation, write_results
from asc.files import check_no_links
from asc.store import FeatureStore, open_store
from asc.text import describe_difference, some_of
from asc.training.callback import TrainingCallback
from asc.training.new_run import create_run
from asc.training.parts import check_strengths, part_rows
from asc.training.recipe import MULTIWORKER, Recipe
from asc.training.recipes import choose
from asc.training.run import Run
from asc.training.session import Session
from asc.training.source import Source, check_source, drop_copy


def train(
    store: FeatureStore | str | os.PathLike[str],
    recipe: Recipe | str | os.PathLike[str] | None = None,
    run: str | os.PathLike[str] | None = None,
    *,
    command: tuple[str, ...] = (),
    sources: Mapping[str, str] | None = None,
    source: Source | None = None,
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
        (`asc.evaluation.folds`).
    run : path, optional
        Folder to make; under ``cache/runs`` if not given. All workers of strategy
        ``multiworker`` must see it.
    command, sources
        For the run's records, see `asc.training.new_run.create_run`.
    source : Source, optional
        The model to start from, in place of that of ``recipe.init_from``.
    **options
        keep_state: keep what only training for more epochs needs (`resume`), such as
        the moments of the optimizer. Others: see `asc.training.trainer.fit`:
        in_memory, tensorboard, threads, device, listener.

    Returns
    -------
    run : Run
    evaluation : Evaluation

    Examples
    --------
    >>> recipe = asc.Recipe(split="fold1", augment="none", epochs=1)
    >>> run, result = asc.train("store.h5", recipe, "trained")
    >>> result.metrics["clips"], result.metrics["leakage"]
    (8, 0.0)
    >>> 0 <= result.metrics["accuracy"] <= 1
    True
    """
    if not isinstance(recipe, Recipe):
        recipe, sources = choose(recipe)
    recipe.resolve()
    sources = sources and {**sources, **recipe.unused}
    recipe = recipe.effective()
    store = open_store(store)
    notes = []
    if (
        recipe.split == "recording"
        and "recording" not in store.splits
        and not (store.recordings_known)
    ):
        recipe = replace(recipe, split="random")
        sources = sources and {**sources, "split": "recordings unknown"}
        notes.append(
            f"{store.path} does not know the recordings of its clips, so there is no"
            " split recording. The split random is used instead; its leakage is"
            " unknown."
        )
    session = None
    records: dict[str, Any] = {"command": command, "sources": sources}
    if recipe.split == FOLDS:
        check(store, recipe)
        records["source"] = source or Source.find(recipe, store)
        made = create_run(run, recipe, store, **records)
    elif recipe.strategy == MULTIWORKER and (
        joined := _run_of_chief(run, recipe, options.get("listener"))
    ):
        return joined, _complete(joined, store, **options)
    else:
        records["source"] = source or Source.find(recipe, store)
        session = Session.create(store, recipe, run, **records)
        made = session.run
    for sentence in notes:
        _tell(made, sentence, options.get("listener"))
    try:
        return made, _complete(made, store, session, **options)
    except Busy:
        raise  # the folder is that of another process now
    except Exception as error:
        if not (made.path / "history.csv").exists() and not made.folds():
            shutil.rmtree(made.path, ignore_errors=True)
            error.__notes__ = []  # there is nothing to resume
        raise


def resume(
    run: Run | str | os.PathLike[str],
    *,
    store: FeatureStore | str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    patience: int | None = None,
    steps: int | None = None,
    **options: Any,
) -> tuple[Run, Evaluation]:
    """Resume an interrupted training, then evaluate it like any other.

    A finished run is not changed, but evaluated again without writing, unless it is to
    be trained further.

    Parameters
    ----------
    run : Run or path
    store : FeatureStore or path, optional
        If it has moved.
    epochs, patience, steps : int, optional
        Train on as if these had been in the recipe from the start
        (`asc.experiments.extend`). The result is the same, bit for bit, as exactly as
        the machine repeats itself, with a constant learning rate and if the state was
        kept (``keep_state``); otherwise a note says what differs.
    **options
        Those of `train`.

    Examples
    --------
    >>> run, result = asc.resume("interrupted", store="store.h5")
    >>> len(run.history()), run.is_finished()
    (2, True)
    """
    run = run if isinstance(run, Run) else Run(run)  # a bundle cannot be resumed
    store = run.open_store(store)
    if run.recipe.split == FOLDS:
        _check_own_folds(run, store)
    changes = {"epochs": epochs, "patience": patience, "steps": steps}
    if changes := {name: v for name, v in changes.items() if v is not None}:
        run, notes = extend(run, store, changes)
        for sentence in notes:
            _tell(run, sentence, options.get("listener"))
    return run, _complete(run, store, **options)


def _tell(run: Run, sentence: str, listener: TrainingCallback | None) -> None:
    run.log(f"note: {sentence}")
    if listener:
        listener.note(sentence)


def check(store: FeatureStore, recipe: Recipe) -> None:
    """Raise UsageError if a recipe cannot be one of several trained on a store."""
    if recipe.strategy == MULTIWORKER:
        raise UsageError(
            "--strategy multiworker works for one training at a time, such as that of"
            " --split fold1: TensorFlow connects workers once in a process."
        )
    recipe.resolve()
    names = fold_names(store) if recipe.split == FOLDS else (recipe.split,)
    check_strengths(store, recipe)
    for name in names:
        part_rows(store, replace(recipe, split=name))
        if recipe.init_from is not None:
            check_source(Run(recipe.init_from), replace(recipe, split=name), store)


def finish(
    store: FeatureStore,
    recipe: Recipe,
    path: Path,
    *,
    command: tuple[str, ...] = (),
    source: Source | None = None,
    **options: Any,
) -> Evaluation:
    """Return the evaluation of a run, after doing what is left of it.

    A run that is missing at this path is trained, an interrupted one is resumed, and
    the files of a finished one are read. Options are those of `train`.

    Raises
    ------
    SettingsMismatch
        If the run was trained with another recipe.
    StoreError
        If it was trained on another store.
    """
    if not (path / "recipe.json").exists():
        shutil.rmtree(path, ignore_errors=True)  # killed while it was made
        records: dict[str, Any] = {"command": command, "source": source}
        return train(store, recipe, path, **records, **options)[1]
    run, recipe = Run(path), recipe.effective()
    if run.recipe != recipe:
        raise SettingsMismatch(
            f"{path} was trained with another recipe.\n"
            + describe_difference(run.recipe.to_dict(), recipe.to_dict())
        )
    run.check_store(store)
    if run.is_finished():
        return Evaluation.load(path)
    return resume(run, store=store, **options)[1]


def _complete(
    run: Run, store: FeatureStore, session: Session | None = None, **options: Any
) -> Evaluation:
    """Do what is left of a run; add how to resume it to an interruption."""
    folds = run.recipe.split == FOLDS
    if not folds:
        session = session or Session.open(run, store)
    writes = not run.is_finished() and (session is None or session.is_chief)
    advice = "All saved epochs are kept."
    try:
        with run.locked() if writes else nullcontext(), writing_to(run.path, advice):
            if session is None:
                return _train_folds(run, store, **options)
            return _train_one(session, **options)
    except (Exception, KeyboardInterrupt) as error:
        of_disk = isinstance(error.__cause__, OSError)
        if folds or of_disk or isinstance(error, KeyboardInterrupt):
            # Instead of that of a single fold.
            error.__notes__ = [f"Resume with: asc-train --resume {run.path}"]
        raise


def _train_one(
    session: Session, *, keep_state: bool = False, **options: Any
) -> Evaluation:
    from asc.training.checkpoint import State  # it imports TensorFlow
    from asc.training.trainer import fit

    run = session.run
    try:
        session.summary()  # at the end, the store may be another one
        trained = fit(session, **options)
    except (Exception, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        with suppress(OSError, AscError):  # such as that of a full disk
            session.log("interrupted" if interrupted else f"failed: {error}")
            if session.is_chief and run.history():
                draw_training(session)
        raise
    if trained or not run.is_finished():
        evaluation = write_results(session)
        if session.is_chief and not keep_state:
            State.load(run).drop(run)
        return evaluation
    return evaluate_session(session, session.tested_part)


def _train_folds(run: Run, store: FeatureStore, **options: Any) -> Evaluation:
    """Finish the run of every fold, and pool their evaluations."""
    done = {}
    for name in fold_names(store):
        recipe = replace(run.recipe, split=name)
        check_no_links(run.path / name, run.path)
        source = Source.of_folds(run)
        done[name] = finish(store, recipe, run.path / name, source=source, **options)
    drop_copy(run)
    pooled = pool(done, store)
    if not run.is_finished():
        save_evaluation(pooled, run.path)
        for sentence in (
            pooled.title(),
            *fold_sentences(pooled.metrics),
            *alternative_sentences(pooled.metrics),
        ):
            run.log(sentence)
    return pooled


def _check_own_folds(run: Run, store: FeatureStore) -> None:
    """Raise SettingsMismatch if folds were trained on splits that are not made now.

    Earlier versions made folds of recordings also where no recordings are known.
    """
    names = fold_names(store)
    others = [
        name
        for name, fold in run.folds().items()
        if name not in names and fold.recipe == replace(run.recipe, split=name)
    ]
    if others:
        raise SettingsMismatch(
            f"{run.path} was trained on other folds. Got {some_of(others)}; the folds"
            f" of {store.path} are {some_of(names)}. Start a new run."
        )


def _run_of_chief(
    path: str | os.PathLike[str] | None,
    recipe: Recipe,
    listener: TrainingCallback | None,
) -> Run | None:
    """Return the run that the chief makes; None on the chief itself."""
    if path is None:
        raise UsageError(
            "--strategy multiworker needs a run folder that all workers see. Give it"
            " with --run."
        )
    from asc.training.distributed.tf_config import read_cluster

    cluster = read_cluster()
    if cluster.is_chief:
        return None
    listener = listener or TrainingCallback()
    return cluster.wait_for_run(Path(path), recipe, listener.note)
