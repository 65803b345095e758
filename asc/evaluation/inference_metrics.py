"""Figures of averaged and of calibrated predictions, beside the plain ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from asc.evaluation.figures import (
    CHECKS,
    Count,
    Figures,
    Interval,
    Loss,
    Positive,
    Share,
    check_by_name,
    check_figures,
    check_interval,
)
from asc.validation import check_number

SignedInterval = tuple[float, float]
Difference = float
Temperature = float
Members = Mapping[str, "MemberMetrics"]
Paired: TypeAlias = "PairedMetrics"
Shifts: TypeAlias = "ShiftMetrics"
Calibrated: TypeAlias = "TemperatureMetrics"
Ensemble: TypeAlias = "EnsembleMetrics"


@dataclass(frozen=True, kw_only=True)
class PairedMetrics(Figures):
    """A difference, as in `asc.evaluation.significance.PairedTest`."""

    difference: Difference
    ci95: SignedInterval
    ci95_cautious: SignedInterval
    p_value: Share
    p_holm: Share | None = None


@dataclass(frozen=True, kw_only=True)
class AlternativeMetrics(Figures):
    """Figures of other predictions for the same clips, by the names of `Metrics`.

    ``paired`` is a difference from the plain predictions.
    """

    accuracy: Share
    class_accuracy: Share
    macro_f1: Share
    log_loss: Loss
    calibration_error: Share
    ci95: Interval
    ci95_cautious: Interval
    paired: Paired


@dataclass(frozen=True, kw_only=True)
class ShiftMetrics(AlternativeMetrics):
    """With the probabilities of ``shifts`` time shifts averaged, minus the plain."""

    shifts: Positive


@dataclass(frozen=True, kw_only=True)
class TemperatureMetrics(Figures):
    """A temperature, and the figures of probabilities at it.

    Attributes
    ----------
    value : float
        The geometric mean over folds where they have one each.
    clips : int
        Clips of the validation part that it was fitted on.
    log_loss, calibration_error : float
        As in `Metrics`, whose other figures are the same at any temperature.
    """

    value: Temperature
    clips: Positive
    log_loss: Loss
    calibration_error: Share


@dataclass(frozen=True, kw_only=True)
class MemberMetrics(AlternativeMetrics):
    """Of one member of an ensemble alone; the ensemble minus the member."""


@dataclass(frozen=True, kw_only=True)
class EnsembleMetrics(Figures):
    """What an ensemble was made of.

    Attributes
    ----------
    members : dict of str to MemberMetrics
    models : int
        Models that give at least one clip.
    trained, untested : int
        Clips that are left out: those that a member was trained on, and others that
        not every member tests.
    """

    members: Members
    models: Positive
    trained: Count
    untested: Count


CHECKS |= {
    "SignedInterval": partial(check_interval, least=-1),
    "Difference": partial(check_number, least=-1, most=1),
    "Temperature": partial(check_number, least=0.001, most=1000),
    "Members": partial(check_by_name, kind=MemberMetrics),
    "Paired": partial(check_figures, kind=PairedMetrics),
    "Shifts": partial(check_figures, kind=ShiftMetrics),
    "Calibrated": partial(check_figures, kind=TemperatureMetrics),
    "Ensemble": partial(check_figures, kind=EnsembleMetrics),
}
