"""What a training asks of TensorFlow itself, and of what is installed beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from asc.errors import AscError, UsageError
from asc.pipeline.tensorflow import keras, tf
from asc.text import unknown_name
from asc.training.recipe import Recipe
from asc.training.run import Run

#: Folder of the logs in a run folder.
TENSORBOARD = "tensorboard"
DEVICES = ("cpu", "gpu")


def arrange(
    recipe: Recipe, threads: int | None = None, device: str | None = None
) -> None:
    """Settle what holds for the whole process.

    Parameters
    ----------
    recipe : Recipe
    threads : int > 0, optional
        Of TensorFlow's operations; it chooses if not given.
    device : {'cpu', 'gpu'}, optional
        Compute on this kind of device, or not at all; on a GPU if there is one if
        not given.

    Raises
    ------
    UsageError
        If there is no such device, if the number of threads cannot be, or if
        TensorFlow has begun to compute and can no longer change.
    """
    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    if device not in (None, *DEVICES):
        raise UsageError(unknown_name("device", str(device), DEVICES))
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise UsageError(
            "TensorFlow finds no GPU here. Leave out --device gpu to train on what"
            " there is, or see to it that TensorFlow finds the GPU's libraries."
        )
    try:
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        if threads is not None:
            _use_threads(threads)
    except RuntimeError as error:
        raise UsageError(
            "Device and threads cannot be changed any more: TensorFlow has begun to"
            " compute in this process. Name them with the first training."
        ) from error


def _use_threads(threads: int) -> None:
    if not 1 <= threads <= 4096:
        raise UsageError(f"threads must be from 1 to 4096. Got {threads}.")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


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


@contextmanager
def short_of_memory(recipe: Recipe) -> Iterator[None]:
    """Tell in a sentence that a model and its batches do not fit into memory."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if "alloc" not in error.message:  # a full disk is one too
            raise
        raise AscError(
            f"The memory does not suffice to train {recipe.model} on"
            f" {recipe.batch_size} clips at a time. Train again with a smaller"
            " --batch-size, or a smaller model."
        ) from error


def empty(model: keras.Model) -> None:
    """Free what a model holds, which is of no use any more.

    TensorFlow keeps the graph of every `fit` for as long as the process runs, and with
    it the variables: 0.4 GB with those of the optimizer for the simple CNN, again for
    every fold and every run of a comparison.
    """
    for variable in [*model.variables, *model.optimizer.variables]:
        # On several devices there is one on each.
        for own in getattr(variable.value, "values", [variable.value]):
            nothing = tf.zeros([0], own.dtype)
            tf.raw_ops.AssignVariableOp(resource=own.handle, value=nothing)


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
