"""What a training asks of TensorFlow itself, and of what is installed beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from asc.errors import UsageError
from asc.pipeline.tensorflow import keras, tf
from asc.training.recipe import Recipe
from asc.training.run import Run

#: Folder of the logs in a run folder.
TENSORBOARD = "tensorboard"


def arrange(recipe: Recipe, threads: int | None = None) -> None:
    """Settle what holds for the whole process.

    Parameters
    ----------
    recipe : Recipe
    threads : int > 0, optional
        Of TensorFlow's operations; it chooses if not given.

    Raises
    ------
    UsageError
        If the number of threads cannot be, or cannot be changed any more.
    """
    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    if threads is None:
        return
    if not 1 <= threads <= 4096:
        raise UsageError(f"threads must be from 1 to 4096. Got {threads}.")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise UsageError(
            f"The number of threads cannot be changed to {threads}: TensorFlow has"
            " begun to compute in this process. Set it with the first training."
        ) from error


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Have models made or loaded that compute in a precision.

    Layers remember it in a file, but whether the loss is scaled, as float16 needs
    it, Keras decides by the policy of the moment.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def tensorboard(run: Run) -> keras.callbacks.TensorBoard:
    """Return the callback that writes logs for TensorBoard.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    if find_spec("tensorboard") is None:
        raise UsageError(
            "Logs for TensorBoard need a package of its own:"
            " pip install 'asc[tensorboard]'."
        )
    return keras.callbacks.TensorBoard(run.path / TENSORBOARD, write_graph=False)
