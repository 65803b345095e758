"""TensorFlow and Keras, imported without messages about the machine.

TensorFlow writes several lines to standard error before its own log level
applies, so the file descriptor itself is redirected while TensorFlow is imported and
looks for devices. If that fails, the lines are shown. Set ``TF_CPP_MIN_LOG_LEVEL``
below 3 to see them always.

TensorFlow allocates every large tensor anew, and the system then clears its pages: a
third of the CPU time of a training step. The allocator that TensorFlow uses on GPUs
reuses the memory instead. The results are the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from asc.environment import usable_memory


@contextmanager
def _quiet() -> Iterator[None]:
    given = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    if given not in (None, "3") or "tensorflow" in sys.modules:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            # TensorFlow reads it once; child processes should not inherit it.
            if given is None:
                del os.environ["TF_CPP_MIN_LOG_LEVEL"]
            os.dup2(stderr, 2)
            os.close(stderr)
            if failed:
                messages.seek(0)
                os.write(2, messages.read())


os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
# All memory of the machine. TensorFlow's default of 64 GB may be less or more.
os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(usable_memory() >> 20))

with _quiet():
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # find devices here, where messages are off

__all__ = ["keras", "tf"]
