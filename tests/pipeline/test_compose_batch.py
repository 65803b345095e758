"""The compiled pass against array operations in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.sampling import plan_epoch
from asc.pipeline.transforms import TRANSFORMS, register_augmentation

ROWS, COLUMNS, CHANNELS, CLIPS, SCENES = 7, 9, 2, 12, 3
UNIT = 0.5
LABELS = np.arange(CLIPS) % SCENES
FILL = np.linspace(10, 30, ROWS)


def by_hand(plan, place, data):
    """Compute one row of a plan, step by step."""
    own, spliced, other, style = (
        data[rows[place]].astype(float)
        for rows in (plan.rows, plan.splice_rows, plan.mixup_rows, plan.style_rows)
    )
    begin, end = plan.splice_span[place]
    x = own.copy()
    x[:, begin:end] = spliced[:, begin:end]
    share = (end - begin) / COLUMNS
    y = (1 - share) * np.eye(SCENES)[LABELS[plan.rows[place]]]
    y += share * np.eye(SCENES)[LABELS[plan.splice_rows[place]]]

    weight = float(plan.mixup_lambda[place])
    x = weight * x + (1 - weight) * other
    y = weight * y + (1 - weight) * np.eye(SCENES)[LABELS[plan.mixup_rows[place]]]

    down = plan.freq_shift[place]
    bands = np.clip(np.arange(ROWS) - down, 0, ROWS - 1)
    x, style = x[bands], style[bands]

    keep = float(plan.style_lambda[place])
    means, deviations = x.mean(axis=1, keepdims=True), x.std(axis=1, keepdims=True)
    mixed_means = keep * means + (1 - keep) * style.mean(axis=1, keepdims=True)
    mixed = keep * deviations + (1 - keep) * style.std(axis=1, keepdims=True)
    if keep < 1:
        x = (x - means) / deviations * mixed + mixed_means

    curve = plan.gain_curve[place].astype(float)
    if len(curve):
        x += np.interp(np.arange(ROWS), *curve.T)[:, None, None] / UNIT

    # A tone of three periods, so that the column after the last one is the first.
    moments = np.arange(COLUMNS) * float(plan.time_rate[place]) - plan.time_shift[place]
    repeated = np.concatenate([x, x, x], axis=1)
    x = np.stack(
        [
            [
                np.interp(moments % COLUMNS, np.arange(3 * COLUMNS), repeated[r, :, c])
                for c in range(CHANNELS)
            ]
            for r in range(ROWS)
        ]
    ).transpose(0, 2, 1)

    for begin, end in plan.freq_spans[place]:
        x[begin:end] = FILL[begin:end, None, None]
    for begin, end in plan.time_spans[place]:
        x[:, begin:end] = FILL[:, None, None]
    return x, y


def check(policy, dtype=np.uint8, seed=0):
    data = np.random.default_rng(seed).integers(
        1, 256, (CLIPS, ROWS, COLUMNS, CHANNELS)
    )
    data = data.astype(dtype)
    options = {
        "augmentation": Augmentation(policy, freq_width=3, time_width=3),
        "seed": seed,
    }
    rows = np.arange(CLIPS)
    batches = Batches(
        data, LABELS, SCENES, rows, batch_size=5, fill=FILL, unit=UNIT, **options
    )
    plan = plan_epoch(
        rows, **options, shape=(ROWS, COLUMNS), epoch=0, shuffle=False, labels=LABELS
    )
    for index in range(len(batches)):
        features, labels, _ = batches(0, index)
        for place in range(len(features)):
            x, y = by_hand(plan, 5 * index + place, data)
            np.testing.assert_allclose(features[place], x, rtol=1e-4, atol=2e-2)
            np.testing.assert_allclose(labels[place], y, atol=1e-6)
    return plan


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize(
    "policy",
    [
        "stretch",
        "freq-shift",
        "filter-augment",
        "freq-mixstyle",
        "cutmix",
        "splice",
        "cutmix+mixup+freq-mixstyle+stretch+freq-shift+filter-augment+specaugment",
    ],
)
def test_each_transform(policy, dtype):
    plan = check(policy, dtype)
    neutral = plan_epoch(
        np.arange(CLIPS), Augmentation("none"), shape=(ROWS, COLUMNS), seed=0, epoch=0
    )
    changed = [
        name
        for name in vars(neutral)
        if isinstance(getattr(plan, name), np.ndarray)
        and not np.array_equal(
            np.unique(getattr(plan, name)), np.unique(getattr(neutral, name))
        )
    ]
    assert changed, "nothing was tested"


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_values(data):
    """Extremes that the built-in transforms do not draw."""
    whole = st.integers(-3 * COLUMNS, 3 * COLUMNS)
    drawn = {
        "time_shift": data.draw(st.lists(whole, min_size=CLIPS, max_size=CLIPS)),
        "freq_shift": data.draw(
            st.lists(st.integers(-2 * ROWS, 2 * ROWS), min_size=CLIPS, max_size=CLIPS)
        ),
        "time_rate": data.draw(
            st.lists(st.integers(13, 1280), min_size=CLIPS, max_size=CLIPS).map(
                lambda rates: [rate / 128 for rate in rates]
            )
        ),
    }

    class Extreme:
        def draw(self, rng, rows, shape):
            return {name: np.array(values) for name, values in drawn.items()}

    with TRANSFORMS.restored():
        register_augmentation("extreme")(Extreme)
        check("extreme", np.float32)


def test_spliced_clips_keep_their_label():
    plan = check("splice")
    np.testing.assert_array_equal(LABELS[plan.splice_rows], LABELS[plan.rows])
    assert (plan.splice_rows != plan.rows).any()


def test_the_mean_gain_is_none_and_its_range_is_used():
    plan = plan_epoch(
        np.arange(4000),
        Augmentation("filter-augment"),
        shape=(ROWS, COLUMNS),
        seed=0,
        epoch=0,
    )
    values = plan.gain_curve[:, :, 1]
    assert abs(values.mean()) < 0.15
    assert -4 <= values.min() < -3.9 and 3.9 < values.max() <= 4
    np.testing.assert_array_equal(plan.gain_curve[:, 0, 0], 0)
    np.testing.assert_array_equal(plan.gain_curve[:, 1, 0], ROWS - 1)
