"""TensorFlow's settings for a training, its errors, memory and logs."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from asc.environment import install_command
from asc.errors import AscError, UsageError
from asc.pipeline.tensorflow import keras, tf
from asc.training.recipe import Recipe
from asc.training.run import TENSORBOARD, Run
from asc.validation import check_choice, check_whole

DEVICES = ("cpu", "gpu")
MAX_THREADS = 4096


def configure(
    recipe: Recipe, threads: int | None = None, device: str | None = None
) -> None:
    """Make the settings that hold for the whole process.

    The parameters are those of `asc.training.trainer.fit`.

    Raises
    ------
    UsageError
        If there is no such device, if the number of threads is invalid, or if
        TensorFlow has begun to compute and can no longer change.
    """
    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    if device is not None:
        check_choice("device", device, DEVICES)
    if threads is not None:
        check_whole("threads", threads, 1, MAX_THREADS)
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise UsageError(
            "TensorFlow finds no GPU. Leave out --device gpu to train on the CPU, or"
            " install the GPU libraries that TensorFlow needs."
        )
    try:
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise UsageError(
            "Device and threads can no longer be changed: TensorFlow has begun to"
            " compute in this process. Give them with the first training."
        ) from error


@contextmanager
def dtype_policy(precision: str) -> Iterator[None]:
    """Make or load models with a dtype policy.

    Layers have their policy in the file, but Keras decides by the global one whether
    to scale the loss, which float16 needs.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """Make a model whose initial weights depend on the seed alone.

    Keras takes the seeds of layers from Python's global random numbers. Other threads
    draw from those too: a Dask worker does so several times a second.
    """
    keras.utils.set_random_seed(seed)
    # The name is not public: without it, seeds come from the global numbers as ever.
    module = sys.modules.get("keras.src.random.seed_generator")
    shared = getattr(module, "python_random", None)
    if shared is None:
        yield
        return
    setattr(module, "python_random", random.Random(seed))
    try:
        yield
    finally:
        setattr(module, "python_random", shared)


@contextmanager
def translate_oom(recipe: Recipe) -> Iterator[None]:
    """Raise one sentence when a model and its batches do not fit in memory."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if "alloc" not in error.message:  # a full disk raises the same class
            raise
        raise AscError(
            f"Out of memory: training {recipe.model} with batches of"
            f" {recipe.batch_size} does not fit. Use a smaller --batch-size or a"
            " smaller model."
        ) from error


def release_variables(model: keras.Model) -> None:
    """Free the memory of a model's variables after its last use.

    TensorFlow keeps the graph of every `fit` and `predict` until the process ends, and
    the graph keeps the variables: 0.4 GB with those of the optimizer for the simple
    CNN, again for every fold and every run of a comparison.
    """
    optimizer = getattr(model, "optimizer", None)
    of_optimizer = [] if optimizer is None else optimizer.variables
    for variable in [*model.variables, *of_optimizer]:
        # With several devices there is one on each.
        for own in getattr(variable.value, "values", [variable.value]):
            empty = tf.zeros([0], own.dtype)
            tf.raw_ops.AssignVariableOp(resource=own.handle, value=empty)


def tensorboard(run: Run) -> keras.callbacks.TensorBoard:
    """Return the callback that writes logs for TensorBoard, if it is installed."""
    if find_spec("tensorboard") is None:
        raise UsageError(
            "TensorBoard is not installed. Install it with:"
            f" {install_command('tensorboard')}"
        )
    return keras.callbacks.TensorBoard(run.path / TENSORBOARD, write_graph=False)
