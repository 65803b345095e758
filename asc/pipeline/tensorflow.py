"""TensorFlow and Keras, imported with the settings that asc needs.

Keras runs on TensorFlow, with channels last and 32-bit floats, whatever ``keras.json``
and the environment ask for on behalf of other programs.

TensorFlow writes several lines about the machine to standard error before its own log
level applies, so the file descriptor itself is redirected while TensorFlow is imported
and looks for devices. If that fails, the lines are shown. Set ``TF_CPP_MIN_LOG_LEVEL``
below 3 to see them always.

TensorFlow allocates every large tensor anew, and the system then clears its pages: a
third of the CPU time of a training step. The allocator that TensorFlow uses on GPUs
reuses the memory instead. The results are the same.

Importing makes a million objects that stay. The garbage collector would look at them
again and again while they are made, and again when the process ends: it is off
meanwhile, and in a command they are kept from it for good. That halves the time to
start and end.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from asc.environment import (
    check_number_variables,
    is_command,
    usable_memory,
    variables,
)
from asc.errors import UsageError
from asc.files import open_regular, reason

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
#: With wrong ones TensorFlow ends the process, and its message must be seen.
_FATAL_FLAGS = ("TF_XLA_FLAGS", "XLA_FLAGS")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what libraries write to standard error, unless the block fails."""
    given = os.environ.get(_LOG_LEVEL)
    if given not in (None, "3") or any(map(os.environ.get, _FATAL_FLAGS)):
        yield
        return
    with tempfile.TemporaryFile() as messages, variables({_LOG_LEVEL: "3"}):
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(messages.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if failed:
                messages.seek(0)
                os.write(2, messages.read())


def _keras_settings() -> dict[str, str | None]:
    """Return variables with which Keras is imported."""
    # KERAS_MAX_STEPS_PER_EPOCH, for one, would leave clips out of training and test.
    kept = ("KERAS_HOME",)
    found = (name for name in os.environ if name.startswith("KERAS_"))
    settings: dict[str, str | None] = {name: None for name in found if name not in kept}
    if "matplotlib" not in sys.modules:  # Keras imports it, and shows nothing
        settings["MPLBACKEND"] = None
    return settings | {"KERAS_BACKEND": "tensorflow"}


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Let imports of libraries fail that are not loaded yet."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector from what is made; in a command, for good."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        if is_command():
            gc.freeze()
    finally:
        if enabled:
            gc.enable()


def _configure_keras() -> None:
    """Set what keras.json may have set."""
    if keras.config.backend() != "tensorflow":
        raise UsageError(
            f"Keras runs on {keras.config.backend()} in this process; asc needs"
            " TensorFlow. Set KERAS_BACKEND=tensorflow before Keras is imported."
        )
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)


check_number_variables(
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_CPU_BFC_MEM_LIMIT_IN_MB")
)
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
# All memory of the machine. TensorFlow's default of 64 GB may be less or more.
os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(usable_memory() >> 20))

_keras_json = Path(os.environ.get("KERAS_HOME", "~/.keras"), "keras.json").expanduser()
if os.path.exists(_keras_json):
    open_regular(_keras_json).close()  # a pipe would wait for ever

# For wrappers, pictures and displays that no command uses, Keras would import these: a
# third of the time to start.
_unused = ("matplotlib", "sklearn", "IPython") if is_command() else ()

with (
    nullcontext() if "tensorflow" in sys.modules else quiet(),
    variables(_keras_settings()),
    _without(*_unused),
    _without_collector(),
):
    try:
        import keras
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(
            f"Keras cannot be imported: {reason(error).rstrip('.')}. Its settings are"
            f" in {_keras_json}; correct them, or remove that file."
        ) from error
    import tensorflow as tf

    tf.config.list_physical_devices()  # find devices here, where messages are off

_configure_keras()


def _is_no_retracing(record: logging.LogRecord) -> bool:
    """Return False for the warning about many models, which asc has for a reason."""
    return "triggered tf.function retracing" not in record.getMessage()


tf.get_logger().addFilter(_is_no_retracing)

__all__ = ["keras", "quiet", "tf"]
