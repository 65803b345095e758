"""Averaged and calibrated predictions of the same clips, beside the plain ones."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from asc.evaluation.calibration import calibration
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.inference_metrics import (
    AlternativeMetrics,
    PairedMetrics,
    ShiftMetrics,
    TemperatureMetrics,
)
from asc.evaluation.measure import figures, log_loss
from asc.evaluation.significance import PairedTest, paired_test
from asc.evaluation.temperature import FittedTemperature, apply_temperature

M = TypeVar("M", bound=AlternativeMetrics)


def with_shifts(
    evaluation: Evaluation, averaged: np.ndarray, shifts: int
) -> Evaluation:
    """Add the figures of probabilities that are averaged over time shifts.

    Parameters
    ----------
    evaluation : Evaluation
    averaged : np.ndarray [shape=(clips, scenes)]
    shifts : int
    """
    other = predicted_otherwise(evaluation, averaged)
    test = paired_test(other, evaluation)
    metrics = replace(
        evaluation.metrics, tta=beside(ShiftMetrics, other, test, shifts=shifts)
    )
    return replace(evaluation, metrics=metrics, averaged=other)


def predicted_otherwise(
    evaluation: Evaluation, probabilities: np.ndarray
) -> Evaluation:
    """Return the evaluation of the same clips with other probabilities."""
    found = figures(
        evaluation.truth,
        probabilities,
        evaluation.recordings,
        evaluation.scenes,
        named=evaluation.named,
        groups=evaluation.columns,
    )
    metrics = replace(evaluation.metrics, **found, tta=None, temperature=None)
    return replace(
        evaluation, metrics=metrics, probabilities=probabilities, averaged=None
    )


def beside(kind: type[M], other: Evaluation, test: PairedTest, **more: Any) -> M:
    """Return the figures of an evaluation that stand beside those of another one.

    Parameters
    ----------
    kind : class of AlternativeMetrics
    other : Evaluation
    test : PairedTest
        Of the difference between the two.
    **more
        Fields that only `kind` has.
    """
    values = {
        each.name: getattr(other.metrics, each.name)
        for each in fields(AlternativeMetrics)
        if each.name != "paired"
    }
    paired = {each.name: getattr(test, each.name) for each in fields(PairedMetrics)}
    return kind(**values, paired=PairedMetrics(**paired), **more)


def with_temperature(
    evaluation: Evaluation,
    found: FittedTemperature | None,
    calibrated: np.ndarray | None = None,
) -> Evaluation:
    """Add the figures of calibrated probabilities, where there is a temperature.

    Parameters
    ----------
    evaluation : Evaluation
    found : FittedTemperature, optional
    calibrated : np.ndarray [shape=(clips, scenes)], optional
        Those at the temperature if not given.
    """
    if found is None:
        return evaluation
    truth = evaluation.truth
    if calibrated is None:
        calibrated = apply_temperature(evaluation.probabilities, found.value)
    added = TemperatureMetrics(
        value=found.value,
        clips=found.clips,
        log_loss=log_loss(truth, calibrated),
        calibration_error=calibration(truth, calibrated).error,
    )
    return replace(evaluation, metrics=replace(evaluation.metrics, temperature=added))
