"""The best model of a run on clips of a store."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.corpus.leakage import PARTS, Leakage, leakage
from asc.corpus.places import composed
from asc.corpus.splits import FOLDS
from asc.errors import InputError, SettingsMismatch, StoreError, UsageError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.measure import leakage_facts, measure
from asc.files import damaged
from asc.models.outputs import are_probabilities
from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches, translate_read_errors
from asc.store import FeatureStore, open_store
from asc.text import describe_difference, printable
from asc.training.run import Run, load_run
from asc.training.session import Session
from asc.validation import check_choice

if TYPE_CHECKING:
    import keras

#: Clips at a time.
_BATCH = 16


def evaluate(
    run: Run | str | os.PathLike[str],
    *,
    store: FeatureStore | str | os.PathLike[str] | None = None,
    split: str | None = None,
    part: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate the best model of a run.

    Parameters
    ----------
    run : Run or path
    store : FeatureStore or path, optional
        Another store of the same spec, such as that of an evaluation set. The
        store that the run was trained on if not given.
    split : str, optional
        The run's own if not given.
    part : {'train', 'validation', 'test', 'all'}, optional
        ``test`` of the run's own store or of a split that is named, ``all`` clips
        of another store.
    progress : callable(done, total), optional
        Called with clips.

    Returns
    -------
    Evaluation
        Its leakage is the share of these clips whose recording the model was
        trained on, whatever split they come from. Of a run of all folds it is
        the pooled one, as it was saved.

    Raises
    ------
    SettingsMismatch
        If the store was made with another spec.
    UsageError
        If split or part do not exist, if the store has scenes that the model
        does not know, or if a store, split or part is named for a run of all folds.

    Examples
    --------
    >>> result = asc.evaluate("run", store="store.h5")
    >>> result.metrics["clips"], result.metrics["leakage"]
    (8, 0.0)
    >>> result.metrics["accuracy"]
    0.25
    """
    run = load_run(run)
    if run.recipe.split == FOLDS:
        if store or split or part:
            raise UsageError(
                f"{run.path} has a model for each fold. Evaluate those one by one,"
                f" such as {run.path / 'fold1'}."
            )
        return Evaluation.load(run.path)
    if store is None:
        store = run.open_store()
    else:
        store = open_store(store)
    if store.spec != run.spec:
        raise SettingsMismatch(
            f"{store.path} was made with another spec than {run.path} was trained"
            " on. They differ in:\n"
            + describe_difference(run.spec.to_dict(), store.spec.to_dict())
        )
    known = _label_of(run)
    unknown = sorted(name for name in store.scenes if composed(name) not in known)
    if unknown:
        raise UsageError(
            f"{store.path} has scenes that {run.path} was not trained on. Got"
            f" {', '.join(unknown)}, expected some of {', '.join(run.scenes)}."
        )
    own = run.is_own(store)
    part = part or ("test" if own or split else "all")
    check_choice("part", part, (*PARTS, "all"))
    if split is None and not own and part != "all":
        raise UsageError(
            f"Part {part} of {store.path} needs a split. Name one of its splits."
        )
    name = split or (run.recipe.split if own else "all clips")
    trained = Session.open(run, store) if own else _open_session(run)
    if part == "all":
        rows = store.finished_rows()
    elif own and name == run.recipe.split and trained is not None:
        rows = trained.rows[part]
    else:
        rows = store.split(name).part(part)
    return _evaluate(run, trained, store, rows, name, part, progress)


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
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate rows; `trained` has the store of the training if it is there."""
    if not len(rows):
        raise UsageError(f"Part {part} of split {split} has no clips.")
    model = run.load_model()
    probabilities = _probabilities(model, store, run.recipe.feature, rows, progress)
    if bad := int((~are_probabilities(probabilities)).sum()):
        raise InputError(
            f"The model of {run.path} gives NaN or values outside [0, 1] for {bad:,} of"
            f" {len(rows):,} clips. Its training diverged, or model.keras is damaged."
        )
    label_of = _label_of(run)
    to_run = np.array([label_of[composed(scene)] for scene in store.scenes])
    truth = to_run[store.labels()[rows]]
    all_paths, origins = store.paths(), store.origins()
    recordings = origins.recordings[rows].tolist()
    metrics = measure(
        truth,
        probabilities,
        recordings,
        run.scenes,
        named=origins.named[rows],
        split=split,
        part=part,
        **leakage_facts(_leakage(trained, store, rows)),
        store=printable(store.path.name),
        **_training_facts(run, model),
    )
    return Evaluation(
        metrics,
        run.scenes,
        [all_paths[row] for row in rows],
        recordings,
        truth,
        probabilities,
    )


def _label_of(run: Run) -> dict[str, int]:
    """Return the output of the model of each scene, by its composed name.

    Stores of earlier versions may have names in another form of Unicode.
    """
    own = {name: label for label, name in enumerate(run.scenes)}
    return {composed(name): label for name, label in own.items()} | own


def _probabilities(
    model: keras.Model,
    store: FeatureStore,
    feature: str,
    rows: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> np.ndarray:
    from asc.pipeline.tensorflow import keras

    def show(batch: int, logs: Any = None) -> None:
        if progress is not None:
            progress(min((batch + 1) * _BATCH, len(rows)), len(rows))

    batches = Batches.from_store(store, feature, rows, batch_size=_BATCH, mapped=False)
    callback = keras.callbacks.LambdaCallback(on_predict_batch_end=show)
    with translate_read_errors(batches):
        return np.asarray(
            model.predict(stream_batches(batches), verbose=0, callbacks=[callback])
        )


def _open_session(run: Run) -> Session | None:
    try:
        return Session.open(run)
    except (InputError, StoreError):
        return None  # the store can be on another machine


def _leakage(trained: Session | None, store: FeatureStore, rows: np.ndarray) -> Leakage:
    """Return the share of clips whose recording the model was trained on."""
    if trained is None:
        return Leakage(None, 0.0)
    learned, tested = trained.store.origins(), store.origins()
    train, names = trained.rows["train"], tested.recordings[rows]
    if trained.store is not store:
        # The same path in two stores is not the same clip.
        names = np.where(tested.named[rows], names, "")
    return leakage(
        learned.recordings[train], names, learned.named[train], tested.named[rows]
    )


def _training_facts(run: Run, model: keras.Model) -> dict[str, Any]:
    from asc.models import parameter_counts

    history = run.history()
    try:
        seconds = sum(record["seconds"] for record in history)
    except KeyError:
        raise damaged(run.path / "history.csv", "it has no column seconds") from None
    return {
        "model": run.recipe.model,
        "feature": run.recipe.feature,
        "augment": run.recipe.augment,
        "parameters": parameter_counts(model)[0],
        "epochs": len(history),
        "seconds": round(seconds, 1),
        "seed": run.recipe.seed,
    }
