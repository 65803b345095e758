"""An epoch of training against the same steps on one batch in memory."""

from __future__ import annotations

import time
from pathlib import Path

from asc.models import build_model
from asc.pipeline.dataset import dataset
from asc.pipeline.statistics import row_statistics
from asc.pipeline.tensorflow import keras, tf
from tests.benchmarks.pipeline import BATCH, train_store

STEPS = 16


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the training budgets."""
    store = train_store(folder)
    statistics = row_statistics(store, "mel", store.split("random").train)
    model = build_model(
        "simple-cnn",
        input_shape=store.spec.shape,
        scenes=len(store.scenes),
        mean=statistics.mean,
        variance=statistics.variance,
    )
    model.compile(
        "adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    streamed = dataset(store, batch_size=BATCH, endless=True)
    constant = tf.data.Dataset.from_tensors(next(iter(streamed))).repeat()
    seconds(model, streamed), seconds(model, constant)  # traces
    steps, ratio = [], []
    for number in range(rounds):
        # In turns, since machines drift.
        pair = [streamed, constant] if number % 2 else [constant, streamed]
        taken = {id(batches): seconds(model, batches) for batches in pair}
        steps.append(taken[id(streamed)] / STEPS)
        ratio.append(taken[id(streamed)] / taken[id(constant)])
    return {
        "epoch / one constant batch": {"budget": "<= 1.03", "values": ratio},
        "simple CNN, seconds a step": {"budget": None, "values": steps},
    }


def seconds(model: keras.Model, batches: tf.data.Dataset) -> float:
    """Return how long some steps take."""
    began = time.perf_counter()
    model.fit(batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)
    return time.perf_counter() - began
