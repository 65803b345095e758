"""An epoch of training against the same steps on one batch in memory, and its start."""

from __future__ import annotations

import json
import statistics as of
import subprocess
import sys
import time
from pathlib import Path

from asc.models import build_model
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.statistics import row_statistics
from asc.pipeline.stream import stream_batches
from asc.pipeline.tensorflow import keras, tf
from tests.benchmarks.pipeline import BATCH, train_store

STEPS = 16

#: Trains some steps in a process of its own, and prints when it had done what.
PROGRAM = """
import json, sys, time
seen = [time.time()]
import asc.pipeline.tensorflow
seen.append(time.time())
import asc

class Clock(asc.Listener):
    def batch(self, done, loss):
        seen.append(time.time())

store, run, steps, deterministic = json.loads(sys.argv[1])
recipe = asc.Recipe(epochs=1, batches_per_epoch=steps, deterministic=deterministic)
from asc.training.session import Session
from asc.training.trainer import fit
fit(Session.create(asc.FeatureStore(store), recipe, run), listener=Clock())
print(json.dumps(seen))
"""


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the training budgets."""
    store = train_store(folder)
    statistics = row_statistics(store, "mel", store.split("random").train)
    model = build_model(
        "simple-cnn",
        input_shape=store.spec.shape,
        num_scenes=len(store.scenes),
        mean=statistics.mean,
        variance=statistics.variance,
    )
    model.compile(
        "adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    batches = Batches.from_store(
        store,
        "mel",
        store.split("random").train,
        batch_size=BATCH,
        augmentation=Augmentation("thirds"),
        shuffle=True,
    )
    streamed = stream_batches(batches, endless=True)
    constant = tf.data.Dataset.from_tensors(next(iter(streamed))).repeat()
    # As for asc's own: else either waits up to as long again after its last batch.
    options = tf.data.Options()
    options.autotune.enabled = False
    constant = constant.with_options(options)
    seconds(model, streamed), seconds(model, constant)  # traces
    steps, ratio = [], []
    for number in range(rounds):
        # In turns, since machines drift.
        pair = [streamed, constant] if number % 2 else [constant, streamed]
        taken = {id(batches): seconds(model, batches) for batches in pair}
        steps.append(taken[id(streamed)] / STEPS)
        ratio.append(taken[id(streamed)] / taken[id(constant)])
    imports, first, cost = [], [], []
    for number in range(rounds):
        began = time.time()
        plain = moments(store.path, scratch / f"plain-{number}", False)
        repeated = moments(store.path, scratch / f"repeated-{number}", True)
        imports.append(plain[1] - plain[0])
        first.append(plain[2] - began)
        cost.append(pace(repeated) / pace(plain))
    return {
        "command to the end of the first step, s": {"budget": None, "values": first},
        "of it, the import of TensorFlow, s": {"budget": None, "values": imports},
        "a step with --deterministic / without": {"budget": None, "values": cost},
        "epoch / one constant batch": {"budget": "<= 1.03", "values": ratio},
        "simple CNN, seconds a step": {"budget": None, "values": steps},
    }


def seconds(model: keras.Model, batches: tf.data.Dataset) -> float:
    """Return how long some steps take."""
    began = time.perf_counter()
    model.fit(batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)
    return time.perf_counter() - began


def moments(store: Path, run: Path, deterministic: bool) -> list[float]:
    """Return when a process began, had TensorFlow, and had done each step."""
    arguments = json.dumps([str(store), str(run), STEPS, deterministic])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def pace(seen: list[float]) -> float:
    """Return the seconds of a step, without the first, which traces."""
    steps = seen[3:]
    return of.median(later - one for one, later in zip(steps, steps[1:], strict=False))
