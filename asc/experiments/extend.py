"""Training a run for more epochs than it was made for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from asc.corpus.splits import FOLDS
from asc.errors import InputError, UsageError
from asc.files import read_json, write_json
from asc.store import FeatureStore
from asc.training.length import Length
from asc.training.parts import part_rows
from asc.training.recipe import MULTIWORKER, Recipe
from asc.training.run import Run

if TYPE_CHECKING:
    from asc.training.checkpoint import State


def extend(
    run: Run, store: FeatureStore, changes: dict[str, int]
) -> tuple[Run, list[str]]:
    """Give a run more epochs or steps, or another patience, before it is resumed.

    The result is that of a training with these values from its start, if the learning
    rate does not depend on the number of epochs and if the state was kept.

    Parameters
    ----------
    run : Run
        Finished or not, also one of all folds. Folds that patience stopped stay as
        they are.
    store : FeatureStore
        That of the run.
    changes : mapping of str to int
        ``epochs`` or ``steps``, and ``patience``.

    Returns
    -------
    run : Run
        With the new recipe, and unfinished.
    notes : list of str
        Sentences on what will differ from such a training.

    Raises
    ------
    UsageError
        If such a training would have stopped already. Nothing was changed then.
    InputError
        If the run has no record of its epochs.
    """
    recipe = Recipe.from_dict(run.recipe.to_dict() | changes)
    if recipe.steps is not None and "epochs" in changes:
        raise UsageError(
            f"--epochs has no effect on {run.path}: it is trained for {recipe.steps:,}"
            " steps. Give a larger --steps."
        )
    if recipe.strategy == MULTIWORKER:
        raise UsageError("A training of several machines cannot be extended.")
    if recipe.fitted_at_once:
        raise UsageError(
            f"{run.path} cannot be trained further: {recipe.model} is fitted at once,"
            " without epochs."
        )
    with run.locked():
        if recipe.split == FOLDS:
            runs = [
                fold
                for name, fold in run.folds().items()
                if fold.recipe == replace(run.recipe, split=name)
            ]
        else:
            runs = [run]
        # All are checked before one is changed.
        lengths = [_length(each, recipe, store) for each in runs]
        states = [
            _state(each, replace(recipe, split=each.recipe.split), length)
            for each, length in zip(runs, lengths, strict=True)
        ]
        left = [state for state in states if not state.stopped]
        if runs and not left:
            raise UsageError(_stopped_sentence(runs[0], states[0], recipe))
        notes = _notes(recipe, left, lengths)
        for each, state in zip(runs, states, strict=True):
            if state.epoch:
                state.write(each)
            _record(each, replace(recipe, split=each.recipe.split), changes, not notes)
            if not state.stopped:
                (each.path / "metrics.json").unlink(missing_ok=True)
        if recipe.split == FOLDS:
            _record(run, recipe, changes, not notes)
            (run.path / "metrics.json").unlink(missing_ok=True)
    return Run(run.path), notes


def _length(run: Run, recipe: Recipe, store: FeatureStore) -> Length:
    recipe = replace(recipe, split=run.recipe.split)
    return Length.of(recipe, len(part_rows(store, recipe)["train"]))


def _state(run: Run, recipe: Recipe, length: Length) -> State:
    """Return the state of a run as a recipe with other epochs or patience has it."""
    from asc.training.checkpoint import State  # it imports TensorFlow

    state = State.load(run)
    if run.is_finished() and not state.epoch:
        raise InputError(
            f"{run.path} cannot be trained further: it has no state/state.json."
        )
    # Its model may also have been removed to free the disk.
    again = State(kept=state.kept and state.model_file(run).is_file())
    for record in state.history:
        if again.stopped or again.epoch >= length.epochs:
            break
        again.update(record, recipe)
    if again.epoch < state.epoch:
        if again.stopped:
            raise UsageError(_stopped_sentence(run, again, recipe))
        raise UsageError(
            f"{run.path} has {state.epoch} epochs already. Got {length.epochs}. Give a"
            f" larger {_option(recipe)}."
        )
    if again.epoch == length.epochs and not again.stopped:
        raise UsageError(
            f"{run.path} has all of {length.epochs} epochs. Give a larger"
            f" {_option(recipe)}."
        )
    return again


def _option(recipe: Recipe) -> str:
    return "--epochs" if recipe.steps is None else "--steps"


def _stopped_sentence(run: Run, state: State, recipe: Recipe) -> str:
    return (
        f"A patience of {recipe.patience} ends the training of {run.path} after epoch"
        f" {state.epoch}, whatever {_option(recipe)} is: {recipe.monitor} was best"
        f" in epoch {state.best_epoch}. Add --patience with a larger number, or 0 for"
        " none."
    )


def _notes(recipe: Recipe, states: list[State], lengths: list[Length]) -> list[str]:
    notes = []
    trained = [state for state in states if state.epoch]
    epochs = max((length.epochs for length in lengths), default=recipe.epochs)
    if trained and recipe.schedule != "constant":
        notes.append(
            f"schedule {recipe.schedule} depends on the number of epochs: the learning"
            " rate jumps to where it is in a training of"
            f" {epochs} epochs, and the result is not that of one."
        )
    if any(not state.kept for state in trained):
        notes.append(
            "the state of the optimizer was dropped when the training finished, so it"
            " continues from the best epoch with a new optimizer, and the result is not"
            f" that of a training of {epochs} epochs. --keep-state keeps it."
        )
    if any(state.epoch % lengths[0].every for state in trained):
        notes.append(
            "the last epoch so far is not one that a longer training validates, so the"
            " result is not that of one."
        )
    return notes


def _record(run: Run, recipe: Recipe, flags: dict[str, int], exact: bool) -> None:
    """Write the recipe, and that it was changed, into the run's record."""
    file = run.path / "recipe.json"
    record = read_json(file, root=run.path)
    before = {name: getattr(run.recipe, name) for name in flags}
    earlier = record.get("extended")
    record["extended"] = [
        *(earlier if isinstance(earlier, list) else []),
        {"before": before, "after": dict(flags), "exact": exact},
    ]
    sources = record.get("sources")
    record["sources"] = (sources if isinstance(sources, dict) else {}) | dict.fromkeys(
        flags, "flag"
    )
    record["recipe"] = recipe.to_dict()
    write_json(file, record)
