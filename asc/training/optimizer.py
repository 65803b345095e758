"""A recipe in terms of Keras: optimizer, learning-rate schedule, loss, EMA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from asc.pipeline.tensorflow import keras
from asc.training.length import Length
from asc.training.recipe import Recipe

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}


def compile_model(
    model: keras.Model, recipe: Recipe, optimizer: keras.optimizers.Optimizer
) -> None:
    """Compile a model as a recipe says."""
    smoothing = recipe.label_smoothing
    model.compile(
        optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
        weighted_metrics=["accuracy"],  # padding rows have sample weight 0
        # "auto" would let the machine decide how to round.
        jit_compile=recipe.jit,
    )


def make_optimizer(recipe: Recipe, length: Length) -> keras.optimizers.Optimizer:
    """Return a recipe's optimizer for a training of some length."""
    settings: dict[str, Any] = {}
    if recipe.weight_decay is not None:
        settings["weight_decay"] = recipe.weight_decay
    if recipe.ema:
        settings |= {"use_ema": True, "ema_momentum": recipe.ema}
    return _OPTIMIZERS[recipe.optimizer](learning_rate(recipe, length), **settings)


def learning_rate(
    recipe: Recipe, length: Length
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate, or its schedule."""
    if recipe.schedule == "constant" and not recipe.warmup:
        return recipe.learning_rate
    rising = round(recipe.warmup * length.batches)
    # After warm-up, a cosine from the rate to the rate is constant.
    return keras.optimizers.schedules.CosineDecay(
        0.0 if rising else recipe.learning_rate,
        decay_steps=max(1, length.epochs * length.batches - rising),
        alpha=0.0 if recipe.schedule == "cosine" else 1.0,
        warmup_target=recipe.learning_rate if rising else None,
        warmup_steps=rising,
    )


class EmaWeights:
    """Swaps a model's weights for their exponential moving averages, and back.

    `keras.callbacks.SwapEMAWeights` does it by sums and differences, which do not
    restore the same bits; a training would then depend on how often it was validated.

    Without EMA in the recipe, nothing is swapped.
    """

    def __init__(self, model: keras.Model, recipe: Recipe) -> None:
        self._model = model
        self._used = bool(recipe.ema)
        self._weights: list[np.ndarray] = []

    def swap_in(self) -> None:
        """Put the averages into the model."""
        if self._used:
            variables = self._model.trainable_variables
            self._weights = [np.array(variable) for variable in variables]
            self._model.optimizer.finalize_variable_values(variables)

    def restore(self) -> None:
        """Put the weights back."""
        if self._used:
            variables = self._model.trainable_variables
            for variable, value in zip(variables, self._weights, strict=True):
                variable.assign(value)
            self._weights = []

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the averages in the model inside a ``with`` block."""
        self.swap_in()
        try:
            yield
        finally:
            self.restore()
