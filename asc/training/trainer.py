"""Recipe and store to a trained model in a run folder."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from asc.corpus.splits import PARTS
from asc.errors import UsageError
from asc.models import build_model, parameter_counts
from asc.pipeline.dataset import dataset
from asc.pipeline.statistics import row_statistics
from asc.store import FeatureStore
from asc.training.recipe import Recipe
from asc.training.run import Run

if TYPE_CHECKING:
    import keras

    from asc.training.state import State


class Listener:
    """Hears how a training goes. Does nothing; override what you need."""

    def start(self, run: Run, batches: int, epochs: int, first: int) -> None:
        """Training begins with epoch ``first`` (from 0) of at most ``epochs``."""

    def batch(self, done: int, loss: float) -> None:
        """So many batches of the epoch are done."""

    def epoch(self, record: dict[str, float], best: bool) -> None:
        """An epoch is done; ``best`` if it is the best one so far."""


def prepare(
    store: FeatureStore | str | os.PathLike[str],
    recipe: Recipe,
    run_path: str | os.PathLike[str],
    *,
    command: tuple[str, ...] = (),
) -> Run:
    """Make the run folder of a training that `carry_out` then does.

    Parameters
    ----------
    store : FeatureStore or path
    recipe : Recipe
    run_path : path-like
        Folder to make.
    command : tuple of str
        Kept in the run's records.

    Raises
    ------
    UsageError
        If recipe and store do not fit, or if the run folder is there.
    """
    if not isinstance(store, FeatureStore):
        store = FeatureStore(store)
    part_rows(store, recipe)
    run = Run.create(run_path, recipe, store)
    run.record_environment(command)
    return run


def carry_out(
    run: Run,
    *,
    store: FeatureStore | None = None,
    in_memory: bool = False,
    listener: Listener | None = None,
) -> bool:
    """Train as the run's recipe says. The test part is not touched.

    A training that was interrupted goes on after its last whole epoch, and the
    result is that of an uninterrupted one, as exactly as the machine repeats
    itself.

    Parameters
    ----------
    run : Run
    store : FeatureStore, optional
        Where the run's store is now; where it was if not given.
    in_memory : bool
        Keep the train part in memory, as it is stored.
    listener : Listener, optional

    Returns
    -------
    bool
        False if there was nothing left to train.

    Raises
    ------
    StoreError
        If it is another store.
    AscError
        If the loss is no longer finite. The best model so far is kept.
    """
    if store is None:
        store = run.open_store()
    run.check_store(store)
    rows = part_rows(store, run.recipe)
    if run.is_finished():
        return False
    return _fit(run, store, rows, in_memory, listener or Listener())


def part_rows(store: FeatureStore, recipe: Recipe) -> dict[str, np.ndarray]:
    """Return the store rows of each part that a recipe uses.

    Raises
    ------
    UsageError
        If the split or the feature does not exist, or if a part is empty that
        the recipe needs.
    """
    store.features(recipe.feature)
    split = store.split(recipe.split)
    rows = {}
    for part in PARTS:
        rows[part] = split.part(part)
        if recipe.limit is not None and len(rows[part]) > recipe.limit:
            rng = np.random.default_rng(recipe.seed)
            rows[part] = np.sort(rng.permutation(rows[part])[: recipe.limit])
    if not len(rows["train"]):
        raise UsageError(f"Part train of split {recipe.split!r} has no clips.")
    if not len(rows["validation"]) and recipe.monitor.startswith("val_"):
        raise UsageError(
            f"Part validation of split {recipe.split!r} has no clips, so"
            f" {recipe.monitor} cannot be monitored. Use --monitor loss."
        )
    return rows


def _fit(
    run: Run,
    store: FeatureStore,
    rows: dict[str, np.ndarray],
    in_memory: bool,
    listener: Listener,
) -> bool:
    from asc.training.state import Keeper, State, load_whole, settle

    began = time.perf_counter()
    recipe, state = run.recipe, State.load(run)
    statistics = row_statistics(store, recipe.feature, rows["train"])
    augmentation = recipe.augmentation()
    batches = -(-augmentation.rows_per_epoch(len(rows["train"])) // recipe.batch_size)
    batches = min(batches, recipe.batches_per_epoch or batches)
    batches_of = partial(
        dataset,
        store,
        split=recipe.split,
        feature=recipe.feature,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
    )
    training = batches_of(
        part="train",
        rows=rows["train"],
        augment=augmentation,
        epoch=state.epoch,
        endless=True,
        batches_per_epoch=batches,
        in_memory=in_memory,
        fill=statistics.mean,
    )
    validation = None
    if len(rows["validation"]):
        validation = batches_of(part="validation", rows=rows["validation"])

    if state.epoch:
        model = load_whole(run, state)
        settle(model, run, state)
    else:
        model = _new_model(run, store, statistics.mean, statistics.variance)
        run.log(f"training {recipe.model}: {parameter_counts(model)[0]:,} parameters")
    if state.stopped or state.epoch >= recipe.epochs:
        return False
    if state.epoch:
        run.log(f"resumed after epoch {state.epoch}")
    listener.start(run, batches, recipe.epochs, state.epoch)
    model.fit(
        training,
        steps_per_epoch=batches,
        epochs=recipe.epochs,
        initial_epoch=state.epoch,
        validation_data=validation,
        callbacks=[Keeper(run, state), _listening(listener, state)],
        shuffle=False,  # the dataset is, and Keras warns that it cannot do it
        verbose=0,
    )
    run.log(
        f"finished after epoch {state.epoch} in {time.perf_counter() - began:.0f} s;"
        f" best is epoch {state.best_epoch} ({recipe.monitor} {state.best_value:.4f})"
    )
    return True


def _new_model(
    run: Run, store: FeatureStore, mean: np.ndarray, variance: np.ndarray
) -> keras.Model:
    from asc.pipeline.tensorflow import keras

    recipe = run.recipe
    keras.utils.set_random_seed(recipe.seed)
    spec = store.spec
    value_range = None
    if spec.dtype != "uint8":
        floor = spec.floor(recipe.feature)
        value_range = (floor, floor + 255 * spec.step)
    model = build_model(
        recipe.model,
        input_shape=spec.shape,
        scenes=len(store.scenes),
        weights=recipe.weights,
        mean=mean,
        variance=variance,
        value_range=value_range,
    )
    optimizer = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }[recipe.optimizer]
    model.compile(
        optimizer(recipe.learning_rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # "auto" would let the machine decide how to round
    )
    return model


def _listening(listener: Listener, state: State) -> keras.callbacks.Callback:
    """Return a callback that tells the listener; it runs after the `Keeper`."""
    from asc.pipeline.tensorflow import keras

    return keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: listener.batch(batch + 1, logs["loss"]),
        on_epoch_end=lambda epoch, logs: listener.epoch(
            state.history[-1], state.best_epoch == state.epoch
        ),
    )
