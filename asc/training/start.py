"""The model that a training starts from: a new one, or that of an earlier epoch."""

from __future__ import annotations

from pathlib import Path

from asc.models import build_model
from asc.pipeline.tensorflow import keras
from asc.training import machine
from asc.training.checkpoint import State
from asc.training.optimizer import compile_model, learning_rate, make_optimizer
from asc.training.session import Session
from asc.training.source import initial_model


def last_model(session: Session, state: State) -> keras.Model:
    """Return the model of the last epoch with its optimizer."""
    model = state.load_model(session.run)
    rate = learning_rate(session.run.recipe, session.length)
    if not isinstance(rate, float):  # the number of epochs may have changed
        model.optimizer.learning_rate = rate
    return model


def best_model(session: Session, state: State) -> keras.Model:
    """Return the model of the best epoch with a new optimizer, at the same step."""
    recipe = session.run.recipe
    optimizer = make_optimizer(recipe, session.length)
    optimizer.iterations.assign(state.epoch * session.length.batches)
    with machine.dtype_policy(recipe.precision):
        model = session.run.load_model()
        compile_model(model, recipe, optimizer)
    return model


def new_model(session: Session) -> keras.Model:
    """Return the model of a recipe with its initial weights, not compiled."""
    recipe, store = session.run.recipe, session.store
    weights: str | Path | None = recipe.weights
    keep_last_layer = True
    if recipe.init_from is not None:
        weights, keep_last_layer = initial_model(session.run)
    encoding, value_range = store.encoding(recipe.feature), None
    if encoding.dtype != "uint8":
        value_range = (encoding.lowest, encoding.lowest + 255 * encoding.step)
    with machine.random_weights(recipe.seed), machine.dtype_policy(recipe.precision):
        return build_model(
            recipe.model,
            input_shape=store.features(recipe.feature).shape[1:],
            num_scenes=len(store.scenes),
            weights=weights,
            keep_last_layer=keep_last_layer,
            mean=session.statistics.mean,
            variance=session.statistics.variance,
            value_range=value_range,
        )
