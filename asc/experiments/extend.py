"""Training a run for more epochs than it was made for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asc.corpus.splits import FOLDS
from asc.errors import InputError, UsageError
from asc.files import read_json, write_json
from asc.training.recipe import MULTIWORKER, Recipe
from asc.training.run import Run

if TYPE_CHECKING:
    from asc.training.checkpoint import State


def extend(
    run: Run, epochs: int | None = None, patience: int | None = None
) -> tuple[Run, list[str]]:
    """Give a run a larger number of epochs, or another patience, before it is resumed.

    The result is that of a training with these values from its start, if the learning
    rate does not depend on the number of epochs and if the state was kept.

    Parameters
    ----------
    run : Run
        Finished or not, also one of all folds. Folds that patience stopped stay as
        they are.
    epochs : int, optional
    patience : int, optional

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
    changes = {"epochs": epochs, "patience": patience}
    flags: dict[str, Any] = {
        name: value for name, value in changes.items() if value is not None
    }
    recipe = replace(run.recipe, **flags)
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
        states = [
            _state(each, replace(recipe, split=each.recipe.split)) for each in runs
        ]
        left = [state for state in states if not state.stopped]
        if runs and not left:
            raise UsageError(_stopped_sentence(runs[0], states[0], recipe))
        notes = _notes(recipe, left)
        for each, state in zip(runs, states, strict=True):
            if state.epoch:
                state.write(each)
            _record(each, replace(recipe, split=each.recipe.split), flags, not notes)
            if not state.stopped:
                (each.path / "metrics.json").unlink(missing_ok=True)
        if recipe.split == FOLDS:
            _record(run, recipe, flags, not notes)
            (run.path / "metrics.json").unlink(missing_ok=True)
    return Run(run.path), notes


def _state(run: Run, recipe: Recipe) -> State:
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
        if again.stopped or again.epoch >= recipe.epochs:
            break
        again.update(record, recipe)
    if again.epoch < state.epoch:
        if again.stopped:
            raise UsageError(_stopped_sentence(run, again, recipe))
        raise UsageError(
            f"{run.path} has {state.epoch} epochs already. Got --epochs"
            f" {recipe.epochs}. Give a larger number."
        )
    if again.epoch == recipe.epochs and not again.stopped:
        raise UsageError(
            f"{run.path} has all of {recipe.epochs} epochs. Give a larger --epochs."
        )
    return again


def _stopped_sentence(run: Run, state: State, recipe: Recipe) -> str:
    return (
        f"A patience of {recipe.patience} ends the training of {run.path} after epoch"
        f" {state.epoch}, whatever --epochs is: {recipe.monitor} was best in epoch"
        f" {state.best_epoch}. Add --patience with a larger number, or 0 for none."
    )


def _notes(recipe: Recipe, states: list[State]) -> list[str]:
    notes = []
    trained = [state for state in states if state.epoch]
    if trained and recipe.schedule != "constant":
        notes.append(
            f"schedule {recipe.schedule} depends on the number of epochs: the learning"
            " rate jumps to where it is in a training of"
            f" {recipe.epochs} epochs, and the result is not that of one."
        )
    if any(not state.kept for state in trained):
        notes.append(
            "the state of the optimizer was dropped when the training finished, so it"
            " continues from the best epoch with a new optimizer, and the result is not"
            f" that of a training of {recipe.epochs} epochs. --keep-state keeps it."
        )
    return notes


def _record(run: Run, recipe: Recipe, flags: dict[str, Any], exact: bool) -> None:
    """Write the recipe, and that it was changed, into the run's record."""
    file = run.path / "recipe.json"
    record = read_json(file, root=run.path)
    before = {name: getattr(run.recipe, name) for name in flags}
    earlier = record.get("extended")
    record["extended"] = [
        *(earlier if isinstance(earlier, list) else []),
        {"before": before, "after": flags, "exact": exact},
    ]
    sources = record.get("sources")
    record["sources"] = (sources if isinstance(sources, dict) else {}) | dict.fromkeys(
        flags, "flag"
    )
    record["recipe"] = recipe.to_dict()
    write_json(file, record)
