"""Time roll: every row is one of its own rotations, each equally likely."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.sampling import plan_epoch

ROWS, COLUMNS, CHANNELS, CLIPS = 6, 7, 2, 20


def epoch_of(policy, dtype=np.uint8):
    """Return data, plan, features and labels of an epoch in one batch."""
    rng = np.random.default_rng(0)
    data = rng.integers(1, 256, (CLIPS, ROWS, COLUMNS, CHANNELS)).astype(dtype)
    settings = {"augmentation": Augmentation(policy, freq_width=3), "seed": 2}
    rows, labels = np.arange(CLIPS), np.arange(CLIPS) % 3
    batches = Batches(
        data, labels, 3, rows, batch_size=CLIPS, fill=np.zeros(ROWS), **settings
    )
    plan = plan_epoch(rows, **settings, shape=(ROWS, COLUMNS), epoch=0, shuffle=False)
    features, weights, _ = batches(0, 0)
    return data, plan, features, weights


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_rows_are_those_of_numpy_roll(dtype):
    data, plan, features, labels = epoch_of("time-roll", dtype)
    for row, shift in enumerate(plan.time_shift):
        np.testing.assert_array_equal(features[row], np.roll(data[row], shift, axis=1))
    np.testing.assert_array_equal(labels, np.eye(3)[np.arange(CLIPS) % 3])


def test_mixed_rows_are_rolled_as_one_and_masks_come_last():
    _, plan, features, labels = epoch_of("time-roll+both")
    _, _, mixed, mixed_labels = epoch_of("mixup")
    for row, shift in enumerate(plan.time_shift):
        expected = np.roll(mixed[row], shift, axis=1)
        for begin, end in plan.freq_spans[row]:
            expected[begin:end] = 0
        for begin, end in plan.time_spans[row]:
            expected[:, begin:end] = 0
        np.testing.assert_array_equal(features[row], expected)
    np.testing.assert_array_equal(labels, mixed_labels)


def test_all_shifts_are_equally_likely():
    shifts = plan_epoch(
        np.arange(7000),
        Augmentation("time-roll"),
        shape=(ROWS, COLUMNS),
        seed=0,
        epoch=0,
    ).time_shift
    counts = np.bincount(shifts)
    assert len(counts) == COLUMNS
    assert stats.chisquare(counts).pvalue > 0.001
