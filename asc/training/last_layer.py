"""Models whose last layer alone is fitted, at once: no epochs and no optimizer."""

from __future__ import annotations

import time

import numpy as np

from asc.models import describe, parameter_counts
from asc.pipeline.stream import stream_batches, translate_read_errors
from asc.pipeline.tensorflow import keras
from asc.training.callback import TrainingCallback
from asc.training.checkpoint import State
from asc.training.session import Session
from asc.training.start import new_model


def fit_last_layer(session: Session, listener: TrainingCallback) -> bool:
    """Fit the last layer of a new model to the whole train part.

    The history is one epoch: loss and accuracy of both parts, not augmented. There is
    nothing to resume: a fit that was interrupted is repeated.

    Returns
    -------
    bool
        True: it was fitted.
    """
    began = time.perf_counter()
    run, recipe, store = session.run, session.run.recipe, session.store
    model = new_model(session)
    session.log(f"fitting {recipe.model}: {parameter_counts(model)[0]:,} parameters")
    session.tell_notes(listener.note)
    listener.start(run, 1, recipe.epochs, 0)
    fit, last = describe(recipe.model).fit_last_layer, model.layers[-1]
    inputs = keras.Model(model.input, last.input)
    record: dict[str, float] = {"epoch": 1}
    for part, prefix in (("train", ""), ("validation", "val_")):
        rows = session.rows[part]
        if not len(rows):
            continue
        batches = session.plain_batches(part)
        with translate_read_errors(batches):
            features = inputs.predict(stream_batches(batches), verbose=0)
        labels = store.labels()[rows]
        if part == "train" and fit is not None:
            weights = session.scene_weights
            fit(model, features, labels, None if weights is None else weights[labels])
        record |= _figures(np.asarray(last(features), float), labels, prefix)
    run.check_unchanged(store)
    record["seconds"] = round(time.perf_counter() - began, 3)
    state = State(kept=False)
    state.update(record, recipe)
    state.write_results(model, run)
    state.write(run)
    listener.epoch(record, True)
    session.log(f"fitted in {record['seconds']:.1f} s")
    return True


def _figures(
    probabilities: np.ndarray, labels: np.ndarray, prefix: str
) -> dict[str, float]:
    """Return cross-entropy and accuracy as Keras names them."""
    chosen = probabilities[np.arange(len(labels)), labels]
    loss = -np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean()
    correct = probabilities.argmax(axis=1) == labels
    return {f"{prefix}loss": float(loss), f"{prefix}accuracy": float(correct.mean())}
