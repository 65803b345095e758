"""TensorFlow and Keras, imported without notes about the machine.

TensorFlow writes several lines to standard error before its own log level
applies, so the file descriptor itself is turned away while it is imported and
looks for devices. If that fails, what it wrote is shown. People who want the
notes set ``TF_CPP_MIN_LOG_LEVEL`` themselves, and nothing is turned away.

TensorFlow also asks the system for every large tensor anew, which then clears its
pages: a third of the processors' time of a training step. With the allocator that it
uses on GPUs it keeps the memory and uses it again. The results are the same.
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
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or "tensorflow" in sys.modules:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            # It was read, once; processes that are started later are not to see it.
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]
            os.dup2(kept, 2)
            os.close(kept)
            if failed:
                notes.seek(0)
                os.write(2, notes.read())


os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
# All there is; by itself 64 GB, which can be less or more than that.
os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(usable_memory() >> 20))

with _quiet():
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # finds devices now, while it is quiet

__all__ = ["keras", "tf"]
