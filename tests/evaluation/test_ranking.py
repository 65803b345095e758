"""ROC and precision-recall: areas and means that were computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from asc.evaluation.ranking import macro_average, one_vs_rest

TRUTH = np.array([0, 0, 1, 1])
SECOND = np.array([0.1, 0.4, 0.35, 0.8])
PROBABILITIES = np.stack([1 - SECOND, SECOND, np.zeros(4)], axis=1)


def test_areas_of_a_small_example():
    first, second, third = one_vs_rest(TRUTH, PROBABILITIES)
    # 3 of 4 pairs of a clip of the scene and another one are in the right order.
    assert second.roc_auc == first.roc_auc == 0.75
    # Of its clips, the first is found at precision 1, the second one at 2/3.
    assert second.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert second.prevalence == 0.5
    assert third is None, "no clip has it"
    assert second.false_positive_rate[0] == second.true_positive_rate[0] == 0
    assert second.false_positive_rate[-1] == second.true_positive_rate[-1] == 1


def test_means_over_scenes():
    curves = one_vs_rest(TRUTH, PROBABILITIES)
    found = macro_average(curves)
    assert found.roc_auc == 0.75
    recall, precision = found.recall[::-1], found.precision[::-1]
    np.testing.assert_allclose(precision[recall <= 0.5], 1)
    np.testing.assert_allclose(precision[recall > 0.51], 2 / 3)
    # Half of its clips are found without an error, the others after one of two.
    at = dict(zip(found.false_positive_rate.round(2), found.true_positive_rate))
    assert at[0.0] == 0.5 and at[0.25] == 0.5 and at[0.5] == 1.0
    assert macro_average([None, None]) is None


def test_a_perfect_model():
    for found in one_vs_rest(TRUTH, np.eye(2)[TRUTH]):
        assert found.roc_auc == found.average_precision == 1
