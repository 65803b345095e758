"""Training a session's recipe: from its store to the best model in its run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asc.models import parameter_counts
from asc.pipeline.stream import translate_read_errors
from asc.pipeline.tensorflow import keras
from asc.training import machine, start
from asc.training.callback import TrainingCallback
from asc.training.checkpoint import CheckpointCallback, State
from asc.training.devices import Devices
from asc.training.last_layer import fit_last_layer
from asc.training.optimizer import compile_model, make_optimizer
from asc.training.run import TENSORBOARD
from asc.training.session import Session


def fit(
    session: Session,
    *,
    in_memory: bool = False,
    tensorboard: bool = False,
    threads: int | None = None,
    device: str | None = None,
    listener: TrainingCallback | None = None,
) -> bool:
    """Train as a session's recipe says. The test part is not used.

    An interrupted training resumes after its last finished epoch. The result is that
    of an uninterrupted one, as exactly as the machine repeats itself.

    Parameters
    ----------
    session : Session
    in_memory : bool
        Keep the train part in memory, as it is stored.
    tensorboard : bool
        Write logs for TensorBoard into the run folder. A run that has some gets more
        in any case.
    threads : int > 0, optional
        Threads of TensorFlow; its own choice if not given. They cannot be changed once
        TensorFlow has begun to compute.
    device : {'cpu', 'gpu'}, optional
        A GPU if there is one if not given.
    listener : TrainingCallback, optional

    Returns
    -------
    bool
        False if there was nothing left to train.

    Raises
    ------
    StoreError
        If the store is replaced by another one, changed or cut off during the
        training.
    UsageError
        If TensorBoard is not installed, there is no such device, or the threads can no
        longer be changed.
    AscError
        If the loss is not finite, or memory or disk are too small. The best model so
        far is kept.
    """
    run = session.run
    if run.is_finished():
        return False
    machine.configure(run.recipe, threads, device)
    listener = listener or TrainingCallback()
    listener.session = session
    if run.recipe.fitted_at_once:
        with machine.translate_oom(run.recipe):
            return fit_last_layer(session, listener)
    more = []
    if session.is_chief and (tensorboard or (run.path / TENSORBOARD).is_dir()):
        more.append(machine.tensorboard(run))
    with (
        machine.translate_oom(run.recipe),
        _connected_devices(session, listener.note) as devices,
    ):
        return _fit(session, devices, in_memory, more, listener)


@contextmanager
def _connected_devices(
    session: Session, note: Callable[[str], object]
) -> Iterator[Devices]:
    if session.run.recipe.strategy == "none":
        yield Devices()
        return
    from asc.training.distributed.strategy import connect

    with connect(session, note) as devices:
        yield devices


def _fit(
    session: Session,
    devices: Devices,
    in_memory: bool,
    more: list[keras.callbacks.Callback],
    listener: TrainingCallback,
) -> bool:
    started = time.perf_counter()
    run, recipe = session.run, session.run.recipe
    state = State.load(run)
    recipe.resolve(model=not state.epoch)
    training, length = session.training_batches(in_memory), session.length
    streamed, validation, validation_steps = [training], None, None
    if len(session.rows["validation"]):
        streamed.append(session.plain_batches("validation"))
        validation_steps = len(streamed[1])
        validation = devices.stream(streamed[1])
    with devices.scope():
        if not state.epoch:
            model = start.new_model(session)
            compile_model(model, recipe, make_optimizer(recipe, length))
        elif state.kept:
            model = start.last_model(session, state)
        else:
            model = start.best_model(session, state)
    model = devices.adapt(model, recipe)
    if state.epoch and state.kept and session.is_chief:
        state.write_results(model, run)  # a crash may have come before
    if state.stopped or state.epoch >= length.epochs:
        devices.barrier()
        return False
    if not state.epoch:
        parameters = parameter_counts(model)[0]
        session.log(f"training {recipe.model}: {parameters:,} parameters")
    if devices.describe():
        session.log(devices.describe())
    if state.epoch:
        session.log(f"resumed after epoch {state.epoch}")
    session.tell_notes(listener.note)
    listener.start(run, length.batches, length.epochs, state.epoch)

    def report_epoch(epoch: int, logs: object) -> None:
        if length.is_validated(epoch + 1):
            listener.epoch(state.history[-1], state.is_best)

    report = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: listener.batch(batch + 1, logs["loss"]),
        on_epoch_end=report_epoch,
    )
    try:
        with translate_read_errors(*streamed):
            model.fit(
                devices.stream(
                    training, first_epoch=state.epoch, batches_per_epoch=length.batches
                ),
                steps_per_epoch=length.batches,
                epochs=length.epochs,
                initial_epoch=state.epoch,
                validation_data=validation,
                validation_steps=validation_steps,
                validation_freq=length.validated,
                callbacks=[
                    *devices.callbacks(),
                    CheckpointCallback(session, state),
                    report,
                    *more,
                ],
                shuffle=False,  # the batches are permuted already; Keras would warn
                verbose=0,
            )
        devices.barrier()  # the others may read the run folder when the chief is done
    finally:
        machine.release_variables(model)
    session.log(
        f"finished after epoch {state.epoch} in {time.perf_counter() - started:.0f} s;"
        f" best is epoch {state.best_epoch} ({recipe.monitor} {state.best_value:.4f})"
    )
    return True
