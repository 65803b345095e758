"""Recipe and store to a trained model in a run folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from asc.corpus.leakage import PARTS
from asc.errors import UsageError
from asc.files import write_json
from asc.models import build_model, parameter_counts
from asc.pipeline.batches import Batches
from asc.pipeline.statistics import Statistics, row_statistics
from asc.store import FeatureStore
from asc.training.distributed import workers
from asc.training.recipe import MULTIWORKER, Recipe
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

    def note(self, sentence: str) -> None:
        """There is something odd about the training, which goes on."""


def prepare(
    store: FeatureStore | str | os.PathLike[str],
    recipe: Recipe,
    run_path: str | os.PathLike[str] | None = None,
    *,
    command: tuple[str, ...] = (),
    sources: Mapping[str, str] | None = None,
) -> Run:
    """Make the run folder of a training that `carry_out` then does.

    Parameters
    ----------
    store : FeatureStore or path
    recipe : Recipe
    run_path : path-like, optional
        Folder to make; under ``cache/runs`` if not given.
    command : tuple of str
        Kept in the run's records.
    sources : mapping, optional
        Where each value of the recipe comes from; for the records too.

    Raises
    ------
    UsageError
        If recipe and store do not fit, or if the run folder is there.
    """
    if not isinstance(store, FeatureStore):
        store = FeatureStore(store)
    part_rows(store, recipe)
    run = Run.create(run_path, recipe, store, sources=sources)
    run.record_environment(command)
    return run


def carry_out(
    run: Run,
    *,
    store: FeatureStore | None = None,
    in_memory: bool = False,
    tensorboard: bool = False,
    threads: int | None = None,
    device: str | None = None,
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
    tensorboard : bool
        Write logs for TensorBoard into the run folder; a run that has some gets
        more in any case.
    threads : int > 0, optional
        How many threads TensorFlow computes with; it chooses if not given. It
        cannot be changed once TensorFlow has begun to compute.
    device : {'cpu', 'gpu'}, optional
        A GPU is used if there is one if not given.
    listener : Listener, optional

    Returns
    -------
    bool
        False if there was nothing left to train.

    Raises
    ------
    StoreError
        If it is another store, or becomes another while it is trained on.
    UsageError
        If TensorBoard is not installed, there is no such device, or the threads
        cannot be changed.
    AscError
        If the loss is no longer finite, the memory too small, or the disk full. The
        best model so far is kept.
    """
    if store is None:
        store = run.open_store()
    run.check_store(store)
    rows = part_rows(store, run.recipe)
    if run.is_finished():
        return False
    from asc.training import machine
    from asc.training.distributed import devices

    machine.arrange(run.recipe, threads, device)
    more = []
    if tensorboard or (run.path / machine.TENSORBOARD).is_dir():
        more.append(machine.tensorboard(run))
    listener = listener or Listener()
    if run.recipe.strategy == MULTIWORKER and workers.team().leads:
        _statistics(run, store, rows["train"])  # the others shall have the same
        workers.team().invite(run, listener.note)
    with devices.hearing_of_losses(), machine.short_of_memory(run.recipe):
        return _fit(run, store, rows, in_memory, more, listener)


def first_batch(run: Run, store: FeatureStore) -> tuple[np.ndarray, np.ndarray]:
    """Return the first batch of a run's training, augmented as it was.

    Returns
    -------
    features : np.ndarray [shape=(batch, rows, columns, channels)], float32
        In units of the store.
    labels : np.ndarray [shape=(batch, scenes)], float32
        Shares of the scenes.
    """
    rows = part_rows(store, run.recipe)["train"]
    mean = _statistics(run, store, rows).mean
    features, labels, _ = _training_batches(run, store, rows, mean)(epoch=0, index=0)
    return features, labels


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
    more: list[keras.callbacks.Callback],
    listener: Listener,
) -> bool:
    from asc.training import machine
    from asc.training.distributed import devices
    from asc.training.state import Keeper, State, load_whole, settle

    began = time.perf_counter()
    recipe, state = run.recipe, State.load(run)
    statistics = _statistics(run, store, rows["train"])
    own = _training_batches(run, store, rows["train"], statistics.mean, in_memory)
    batches = min(len(own), recipe.batches_per_epoch or len(own))
    strategy = devices.strategy(
        recipe.strategy, {part: len(own) for part, own in rows.items()}
    )
    training = devices.distribute(
        strategy, own, first_epoch=state.epoch, batches_per_epoch=batches
    )
    validation = None
    if len(rows["validation"]):
        validation = devices.distribute(
            strategy,
            Batches.from_store(
                store,
                recipe.feature,
                rows["validation"],
                batch_size=recipe.batch_size,
                keep_pages=False,
            ),
        )

    with strategy.scope():
        if state.epoch:
            model = load_whole(run, state)
        else:
            model = _new_model(run, store, statistics, batches)
    if recipe.strategy == MULTIWORKER:
        model = devices.fit_for_workers(strategy, model, recipe, batches)
    if state.epoch:
        settle(model, run, state)
    else:
        run.log(f"training {recipe.model}: {parameter_counts(model)[0]:,} parameters")
    if state.stopped or state.epoch >= recipe.epochs:
        return False
    if recipe.strategy != "none":
        more = [devices.Agreement(strategy), *more]
        run.log(f"on {devices.described(strategy)}")
    if state.epoch:
        run.log(f"resumed after epoch {state.epoch}")
    for sentence in _oddities(store, recipe, rows):
        run.log(f"note: {sentence}")
        listener.note(sentence)
    listener.start(run, batches, recipe.epochs, state.epoch)
    try:
        model.fit(
            training,
            steps_per_epoch=batches,
            epochs=recipe.epochs,
            initial_epoch=state.epoch,
            validation_data=validation,
            validation_steps=-(-len(rows["validation"]) // recipe.batch_size) or None,
            callbacks=[Keeper(run, state, store), _listening(listener, state), *more],
            shuffle=False,  # the dataset is, and Keras warns that it cannot do it
            verbose=0,
        )
    finally:
        machine.empty(model)
    run.log(
        f"finished after epoch {state.epoch} in {time.perf_counter() - began:.0f} s;"
        f" best is epoch {state.best_epoch} ({recipe.monitor} {state.best_value:.4f})"
    )
    return True


def _oddities(
    store: FeatureStore, recipe: Recipe, rows: dict[str, np.ndarray]
) -> list[str]:
    """Return sentences on what is allowed but hardly meant."""
    told = []
    for part, own in rows.items():
        missing = np.setdiff1d(np.arange(len(store.scenes)), store.labels()[own])
        if len(own) and len(missing):
            names = ", ".join(store.scenes[label] for label in missing[:10])
            more = ", ..." if len(missing) > 10 else ""
            told.append(f"part {part} has no clips of {names}{more}.")
    count = recipe.augmentation().rows_per_epoch(len(rows["train"]))
    if recipe.batch_size > count:
        told.append(
            f"a batch of {recipe.batch_size} is larger than the {count} rows of an"
            " epoch, so every epoch is one batch of these."
        )
    return told


def _training_batches(
    run: Run,
    store: FeatureStore,
    rows: np.ndarray,
    fill: np.ndarray,
    in_memory: bool = False,
) -> Batches:
    recipe = run.recipe
    return Batches.from_store(
        store,
        recipe.feature,
        rows,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation(),
        seed=recipe.seed,
        shuffle=True,
        fill=fill,
        in_memory=in_memory,
        keep_pages=False,
    )


def _statistics(run: Run, store: FeatureStore, rows: np.ndarray) -> Statistics:
    """Return the statistics of the train part, which are computed once for a run."""
    file = run.path / "state" / "statistics.json"
    try:
        kept = json.loads(file.read_text())
        mean, variance = np.array(kept["mean"]), np.array(kept["variance"])
        return Statistics(mean, variance, kept["clips"])
    except (OSError, LookupError, TypeError, ValueError):
        pass  # not there yet, or damaged
    found = row_statistics(store, run.recipe.feature, rows)
    file.parent.mkdir(exist_ok=True)
    values = {"mean": found.mean.tolist(), "variance": found.variance.tolist()}
    write_json(file, {"clips": found.clips} | values)
    return found


def _new_model(
    run: Run, store: FeatureStore, statistics: Statistics, batches: int
) -> keras.Model:
    from asc.pipeline.tensorflow import keras
    from asc.training.machine import computing_in
    from asc.training.optimizer import compile_model

    recipe = run.recipe
    keras.utils.set_random_seed(recipe.seed)
    encoding, value_range = store.encoding(recipe.feature), None
    if encoding.dtype != "uint8":
        value_range = (encoding.lowest, encoding.lowest + 255 * encoding.step)
    with computing_in(recipe.precision):
        model = build_model(
            recipe.model,
            input_shape=store.features(recipe.feature).shape[1:],
            scenes=len(store.scenes),
            weights=recipe.weights,
            mean=statistics.mean,
            variance=statistics.variance,
            value_range=value_range,
        )
    compile_model(model, recipe, batches)
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
