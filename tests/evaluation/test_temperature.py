"""Temperature scaling: how sure a model is changes, what it predicts does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from world import evaluation_of

from asc.errors import UsageError
from asc.evaluation.alternatives import with_temperature
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.folds import pool
from asc.evaluation.sentences import alternative_sentences
from asc.evaluation.temperature import (
    LIMITS,
    FittedTemperature,
    apply_temperature,
    fit_temperature,
)

SCENES = ("a", "b", "c")


def clips(count, temperature, seed=0):
    """Return truth and probabilities of a model that is calibrated at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, len(SCENES)))
    honest = softmax(logits, axis=1)
    truth = (honest.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return truth, softmax(temperature * logits, axis=1).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_of_a_model_is_found(temperature):
    truth, probabilities = clips(20_000, temperature)
    assert fit_temperature(truth, probabilities) == pytest.approx(temperature, rel=0.03)


def test_probabilities_at_a_temperature_are_those_of_the_logits():
    logits = np.random.default_rng(1).normal(0, 3, (50, 4))
    found = apply_temperature(softmax(logits, axis=1), 2.5)
    np.testing.assert_allclose(found, softmax(logits / 2.5, axis=1), rtol=1e-9)


@pytest.mark.parametrize("temperature", LIMITS)
def test_no_scene_overtakes_another(temperature):
    """Not even of neighbouring numbers, and not where all but one are 0."""
    close = np.float32([0.3, 0.3, 0.4])
    close[1] = np.nextafter(close[0], np.float32(1))
    rows = np.stack([close[[0, 1]], np.float32([0, 1])])
    found = apply_temperature(rows, temperature)
    assert found.argmax(axis=1).tolist() == rows.argmax(axis=1).tolist() == [1, 1]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("count", [1, 5, 40])
def test_a_validation_part_without_errors_gives_no_certainty(count):
    truth, probabilities = clips(400, 1.0)
    right = np.flatnonzero(probabilities.argmax(axis=1) == truth)[:count]
    found = fit_temperature(truth[right], probabilities[right])
    assert LIMITS[0] < found < LIMITS[1]
    calibrated = apply_temperature(probabilities[right], found)
    # As sure as n + 1 of n + 2 allow.
    assert calibrated.max(axis=1).mean() < (count + 1.5) / (count + 2)


def test_all_wrong_and_sure_is_bounded():
    truth, sure = np.zeros(30, int), np.tile(np.float32([0, 1, 0]), (30, 1))
    assert fit_temperature(truth, sure) == pytest.approx(LIMITS[1], rel=0.01)


def test_no_clips():
    with pytest.raises(UsageError, match="needs validation clips. Got none"):
        fit_temperature(np.zeros(0, int), np.zeros((0, 3)))


def evaluation(truth, probabilities, name="r"):
    names = [f"{name}{clip}" for clip in range(len(truth))]
    paths = [f"{each}.wav" for each in names]
    return evaluation_of(truth, probabilities, names, paths, SCENES)


def test_figures_stand_beside_the_plain_ones(tmp_path):
    truth, probabilities = clips(500, 3.0)
    plain = evaluation(truth, probabilities)
    found = with_temperature(plain, FittedTemperature(3.0, 60))
    metrics, added = found.metrics, found.metrics.temperature
    assert metrics["temperature"]["value"] == 3
    assert added.log_loss < metrics.log_loss == plain.metrics.log_loss
    assert added.calibration_error < metrics.calibration_error
    assert metrics.accuracy == plain.metrics.accuracy
    (sentence,) = alternative_sentences(metrics)
    assert sentence.startswith("temperature 3.00 (fitted on 60 validation clips): exp")
    found.save(tmp_path)
    assert Evaluation.load(tmp_path).metrics.to_dict() == metrics.to_dict()


def test_without_validation_clips_there_is_none():
    plain = evaluation(*clips(20, 1.0))
    assert with_temperature(plain, None) is plain
    assert "temperature" not in plain.metrics


def test_every_fold_is_calibrated_by_its_own_temperature():
    both = [evaluation(*clips(300, t, seed=7), name=str(t)) for t in (2.0, 8.0)]
    folds = {
        f"fold{number}": with_temperature(one, FittedTemperature(t, 50))
        for number, (one, t) in enumerate(zip(both, (2.0, 8.0), strict=True), 1)
    }

    class Store:
        def paths(self):
            return [path for one in both for path in one.paths]

    metrics = pool(folds, Store()).metrics
    assert metrics.temperature.value == pytest.approx(4)
    assert metrics.temperature.clips == 100
    each = [fold.metrics.temperature.log_loss for fold in folds.values()]
    assert metrics.temperature.log_loss == pytest.approx(np.mean(each))
    assert [fold.temperature for fold in metrics.folds.values()] == [2, 8]
