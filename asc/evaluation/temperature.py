"""Temperature scaling: probabilities that are as sure as the model is right.

One number, fitted on the validation part, divides the logarithms of all probabilities.
It changes how sure a model is, never which scene it predicts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asc.errors import AscError, UsageError
from asc.evaluation.inference import predict_rows
from asc.evaluation.metrics import Metrics
from asc.training.run import Run
from asc.training.session import Session

if TYPE_CHECKING:
    import keras

#: Least and greatest temperature.
LIMITS = (0.05, 20.0)
_TINY = np.finfo(np.float32).tiny


class FittedTemperature(NamedTuple):
    """A temperature, and how many validation clips it was fitted on."""

    value: float
    clips: int


def run_temperature(
    run: Run, session: Session | None, model: keras.Model | None = None
) -> FittedTemperature | None:
    """Return the temperature of a run: the one in its metrics.json, or a new one.

    Parameters
    ----------
    run : Run
    session : Session, optional
        That of the run, if its store is there, to fit a temperature where the run has
        none: during its evaluation, or because an earlier version trained it.
    model : keras.Model, optional
        The model of the run, if it is loaded already.

    Returns
    -------
    FittedTemperature or None
        None without a store, or without validation clips.
    """
    with suppress(AscError):  # it was not evaluated, or its figures are damaged
        saved = Metrics.of_run(run).temperature
        if saved is not None:
            return FittedTemperature(saved.value, saved.clips)
    if session is None or not len(rows := session.rows["validation"]):
        return None
    probabilities = predict_rows(
        model or run.load_model(),
        session.store,
        run.recipe.feature,
        rows,
        name=run.path,
    )
    truth = session.store.labels()[rows]
    return FittedTemperature(fit_temperature(truth, probabilities[0]), len(rows))


def fit_temperature(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature that fits probabilities to what is true.

    It is the minimum of the cross-entropy over clips, which is convex in its
    inverse. The target is not certainty but Platt's: ``(n + 1) / (n + 2)`` for the true
    scene of each of `n` clips, and equal shares of the rest for the others. With many
    clips that is the same. With a few dozen, which may all be right, the log loss on
    other clips is lower, and it stays finite.

    Parameters
    ----------
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    probabilities : np.ndarray [shape=(clips, scenes)]
        Of clips that the model was not trained on, and is not tested on.

    Returns
    -------
    float
        In `LIMITS`. Above 1 where the model is overconfident, below 1 where it is
        underconfident.

    Raises
    ------
    UsageError
        If there are no clips.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger. "On calibration of modern neural networks." ICML
    2017, section 4.2 (temperature scaling).
    Platt. "Probabilistic outputs for support vector machines and comparisons to
    regularized likelihood methods." Advances in Large Margin Classifiers, 1999, section
    2.1 (the targets).
    """
    from scipy.optimize import minimize_scalar

    clips, scenes = probabilities.shape
    if not clips:
        raise UsageError("A temperature needs validation clips. Got none.")
    rest = 1 / (clips + 2)
    target = np.full((clips, scenes), rest / max(scenes - 1, 1))
    target[np.arange(clips), truth] = 1 - rest
    logarithms = _logarithms(probabilities)

    def cross_entropy(inverse: float) -> float:
        return -float((target * _log_softmax(inverse * logarithms)).sum()) / clips

    low, high = LIMITS
    found = minimize_scalar(cross_entropy, bounds=(1 / high, 1 / low), method="bounded")
    return float(np.clip(1 / found.x, low, high))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities at a temperature.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(..., scenes)]
        Of a softmax; their logarithms are its inputs but for a constant.
    temperature : float > 0

    Returns
    -------
    np.ndarray, float64
        In the order of the given ones: no scene overtakes another one.
    """
    return np.exp(_log_softmax(_logarithms(probabilities) / temperature))


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, _TINY), dtype=np.float64)


def _log_softmax(values: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax

    return log_softmax(values, axis=-1)
