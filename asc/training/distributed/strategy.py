"""Connecting the devices of a machine, or the workers of a cluster."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from asc.errors import AscError, UsageError
from asc.pipeline.tensorflow import tf
from asc.training.distributed.replicas import Replicas
from asc.training.distributed.tf_config import read_cluster
from asc.training.recipe import MULTIWORKER
from asc.training.session import Session


@contextmanager
def connect(session: Session, note: Callable[[str], object]) -> Iterator[Replicas]:
    """Yield the replicas of a session's strategy.

    On one machine these are all GPUs, or all CPU devices where there is no GPU; of
    several workers all GPUs, or one CPU each.

    Parameters
    ----------
    session : Session
    note : callable
        Takes a sentence on what is waited for.

    Raises
    ------
    UsageError
        If the workers cannot be connected in this process.
    AscError
        If another worker fails, inside the block too.
    """
    tf.get_logger().setLevel("ERROR")  # it logs every reduction
    if session.run.recipe.strategy == MULTIWORKER:
        with _translate_worker_errors():
            yield Replicas(_connect_workers(session, note), workers=True)
    else:
        yield Replicas(_mirrored())


@cache
def _mirrored() -> tf.distribute.Strategy:
    """Return the strategy of this process.

    A second one would number its reductions from the start again, and TensorFlow
    (2.21) would take them for those of the first: another model fails.
    """
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices(kind)]
    )


def _connect_workers(
    session: Session, note: Callable[[str], object]
) -> tf.distribute.Strategy:
    cluster = read_cluster()
    if not cluster.is_chief:
        # The chief computes them; the last bits could differ between machines.
        cluster.wait_for(session.statistics_file, note)
    session.statistics  # noqa: B018 - written by the chief, read by the others
    others = [i for i in range(len(cluster.addresses)) if i != cluster.index]
    if others:
        note(f"connecting with {', '.join(map(cluster.name, others))}.")
    try:
        with _default_signals():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UsageError(
            "Workers can no longer be connected: TensorFlow has begun to compute in"
            " this process. Train in a new process."
        ) from error


@contextmanager
def _default_signals() -> Iterator[None]:
    """Let Ctrl-C end the process while TensorFlow waits and Python cannot react."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _translate_worker_errors() -> Iterator[None]:
    """Raise one sentence when another worker cannot be reached."""
    try:
        yield
    except tf.errors.OpError as error:
        unreachable = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError)
        if not isinstance(error, unreachable) and "ollective" not in error.message:
            raise
        raise AscError(
            "Another worker can no longer be reached, so the training stops here. Read"
            " its message. The chief has kept every finished epoch: use --resume RUN"
            " on all workers."
        ) from error
