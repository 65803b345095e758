"""The rows of a store that a run is tested on, and the facts of their evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.corpus.leakage import PARTS, Leakage, leakage
from asc.corpus.places import composed
from asc.errors import InputError, SettingsMismatch, StoreError, UsageError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.measure import GroupColumn, measure, seen_in
from asc.files import damaged
from asc.store import FeatureStore
from asc.text import describe_difference, printable
from asc.training.run import Run
from asc.training.session import Session
from asc.validation import check_choice

if TYPE_CHECKING:
    import keras


def part_of(
    store: FeatureStore, split: str | None, part: str | None
) -> tuple[str, str, np.ndarray]:
    """Return names of split and part, and the rows of a store that they mean.

    Without a split, that is all clips.
    """
    part = part or ("test" if split else "all")
    check_choice("part", part, (*PARTS, "all"))
    if part == "all":
        return split or "all clips", part, store.finished_rows()
    if split is None:
        raise UsageError(
            f"Part {part} of {store.path} needs a split. Name one of its splits."
        )
    return split, part, store.split(split).part(part)


def check_fits(run: Run, store: FeatureStore) -> None:
    """Raise an error unless the model of a run can be tested on a store.

    Raises
    ------
    SettingsMismatch
        If the store was made with another spec.
    UsageError
        If it has scenes that the model does not know.
    """
    if store.spec != run.spec:
        raise SettingsMismatch(
            f"{store.path} was made with another spec than {run.path} was trained"
            " on. They differ in:\n"
            + describe_difference(run.spec.to_dict(), store.spec.to_dict())
        )
    known = label_of(run.scenes)
    unknown = sorted(name for name in store.scenes if composed(name) not in known)
    if unknown:
        raise UsageError(
            f"{store.path} has scenes that {run.path} was not trained on. Got"
            f" {', '.join(unknown)}, expected some of {', '.join(run.scenes)}."
        )


def evaluation_of_rows(
    store: FeatureStore,
    rows: np.ndarray,
    scenes: tuple[str, ...],
    probabilities: np.ndarray,
    trained: Sequence[Session | None],
    **facts: Any,
) -> Evaluation:
    """Return the evaluation of probabilities for rows of a store.

    Parameters
    ----------
    store : FeatureStore
    rows : np.ndarray [shape=(clips,)]
    scenes : tuple of str
        Names of the columns of `probabilities`.
    probabilities : np.ndarray [shape=(clips, scenes)]
    trained : sequence of Session or None
        Of the models; None for one whose store is not known.
    **facts
        Those of `asc.evaluation.measure.measure` that do not follow from these.
    """
    truth = truth_of(store, rows, scenes)
    all_paths, origins = store.paths(), store.origins()
    recordings = origins.recordings[rows].tolist()
    columns = _group_columns(trained, store, rows)
    metrics = measure(
        truth,
        probabilities,
        recordings,
        scenes,
        named=origins.named[rows],
        groups=columns,
        store=printable(store.path.name),
        **facts,
    )
    return Evaluation(
        metrics,
        scenes,
        [all_paths[row] for row in rows],
        recordings,
        truth,
        probabilities,
        groups={name: columns[name].values for name in metrics.per_group or {}},
    )


def _group_columns(
    trained: Sequence[Session | None], store: FeatureStore, rows: np.ndarray
) -> dict[str, GroupColumn]:
    """Return the groups of rows, and which values a model was trained on."""
    columns = {}
    for name in store.groups:
        learned: list[str] = []
        for session in trained:
            if session is None or name not in session.store.groups:
                learned.append("")  # it may know any value
            else:
                learned += set(session.store.group(name)[session.rows["train"]])
        values = store.group(name)[rows].tolist()
        columns[name] = GroupColumn(values, seen_in(values, learned))
    return columns


def truth_of(
    store: FeatureStore, rows: np.ndarray, scenes: tuple[str, ...]
) -> np.ndarray:
    """Return the scene of rows of a store as an index into `scenes`."""
    labels = label_of(scenes)
    to_run = np.array([labels[composed(scene)] for scene in store.scenes])
    return to_run[store.labels()[rows]]


def label_of(scenes: tuple[str, ...]) -> dict[str, int]:
    """Return the output of a model for each scene, by its composed name.

    Stores of earlier versions may have names in another form of Unicode.
    """
    own = {name: label for label, name in enumerate(scenes)}
    return {composed(name): label for name, label in own.items()} | own


def open_session(run: Run) -> Session | None:
    """Return the session of a run, None if its store cannot be read here."""
    try:
        return Session.open(run)
    except (InputError, StoreError):
        return None  # the store can be on another machine


def leakage_into(
    trained: Sequence[Session | None], store: FeatureStore, rows: np.ndarray
) -> Leakage:
    """Return the share of clips whose recording some sessions trained on.

    Parameters
    ----------
    trained : sequence of Session or None
        None for one whose store is not known.
    store : FeatureStore
    rows : np.ndarray [shape=(clips,)]
    """
    known = [session for session in trained if session is not None]
    if not known:
        return Leakage(None, 0.0)
    learned = [session.store.origins() for session in known]
    train = [session.rows["train"] for session in known]
    tested = store.origins()
    names, named = tested.recordings[rows], tested.named[rows]
    if any(session.store is not store for session in known):
        # The same path in two stores is not the same clip.
        names = np.where(named, names, "")
    found = leakage(
        np.concatenate([o.recordings[r] for o, r in zip(learned, train, strict=True)]),
        names,
        np.concatenate([o.named[r] for o, r in zip(learned, train, strict=True)]),
        named,
    )
    return found if len(known) == len(trained) else Leakage(None, found.at_least)


def training_facts(run: Run, model: keras.Model) -> dict[str, Any]:
    """Return the fields of metrics that tell how a model was trained."""
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
        "epochs": int(history[-1].get("epoch", len(history))) if history else 0,
        "seconds": round(seconds, 1),
        "seed": run.recipe.seed,
    }
