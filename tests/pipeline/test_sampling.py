"""The plan of an epoch: which rows, in which order, augmented how."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from asc.errors import UsageError
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.augmentations.mixup import Mixup
from asc.pipeline.sampling import plan_epoch
from asc.pipeline.transforms import random_stream

#: The same examples in every run, however busy the machine is.
repeatable = settings(derandomize=True, deadline=None)

SHAPE = (32, 24)
POLICIES = ("none", "mixup", "specaugment", "both", "thirds")
#: Arrays of a plan.
COLUMNS = (
    "rows",
    "mixup_rows",
    "mixup_lambda",
    "time_shift",
    "freq_spans",
    "time_spans",
)
#: What may happen to a row, as a sum.
PLAIN, MIXUP, SPECAUGMENT, BOTH = range(4)
KIND_OF = {"none": PLAIN, "mixup": MIXUP, "specaugment": SPECAUGMENT, "both": BOTH}


def plan_of(rows, augment="thirds", *, seed=0, epoch=0, **options):
    if isinstance(rows, int):
        rows = np.arange(rows)
    if isinstance(augment, str):
        augment = Augmentation(augment)
    return plan_epoch(rows, augment, shape=SHAPE, seed=seed, epoch=epoch, **options)


def kinds_of(plan):
    """Return what happens to each row, one of the above."""
    kinds = np.zeros(len(plan), int)
    for name, applied in plan.applied.items():
        kinds[applied] += KIND_OF[name]
    return kinds


def columns(plan):
    """Return all arrays of a plan by their names."""
    arrays = {name: value for name, value in vars(plan).items() if name in COLUMNS}
    return arrays | {f"{name} applied": value for name, value in plan.applied.items()}


def equal(first, second):
    first, second = columns(first), columns(second)
    assert first.keys() == second.keys()
    return all(np.array_equal(first[name], second[name]) for name in first)


# Order


@pytest.mark.parametrize("policy", ["none", "mixup", "specaugment", "both"])
def test_every_epoch_is_a_permutation(policy):
    rows = np.arange(100, 600)
    epochs = [plan_of(rows, policy, epoch=epoch).rows for epoch in range(3)]
    for shown in epochs:
        np.testing.assert_array_equal(np.sort(shown), rows)
        assert not np.array_equal(shown, rows)
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])


def test_a_permutation_is_a_full_one():
    """A row's place is uniform over the epoch, wherever it lies in the store."""
    places = [
        np.flatnonzero(plan_of(10, "none", epoch=epoch).rows == 0)[0]
        for epoch in range(1000)
    ]
    assert stats.chisquare(np.bincount(places, minlength=10)).pvalue > 0.001


def test_seed_and_epoch_determine_everything():
    plan = plan_of(40, seed=3, epoch=7)
    assert equal(plan, plan_of(40, seed=3, epoch=7))
    for other in (plan_of(40, seed=3, epoch=8), plan_of(40, seed=4, epoch=7)):
        for name, values in columns(plan).items():
            if name != "time_shift":  # 0 throughout
                assert not np.array_equal(values, columns(other)[name]), name


def test_seed_and_epoch_cannot_be_confused():
    assert not equal(plan_of(40, seed=1, epoch=2), plan_of(40, seed=2, epoch=1))


def test_without_shuffling_rows_come_in_order():
    rows = np.array([5, 3, 9, 4])
    plan = plan_of(rows, "none", shuffle=False)
    np.testing.assert_array_equal(plan.rows, rows)


# Kinds


def test_thirds_of_the_documented_train_part():
    """3276 clips, once each, and 3 x 546 more: 4914."""
    plan = plan_of(3276)
    kinds = Counter(kinds_of(plan).tolist())
    assert len(plan) == 4914
    assert kinds == {PLAIN: 3276, MIXUP: 546, SPECAUGMENT: 546, BOTH: 546}
    is_plain = kinds_of(plan) == PLAIN
    np.testing.assert_array_equal(np.sort(plan.rows[is_plain]), np.arange(3276))
    added = plan.rows[~is_plain]
    assert len(set(added.tolist())) == 1638


def test_thirds_adds_other_clips_in_other_epochs():
    def added(epoch):
        plan = plan_of(300, epoch=epoch)
        return set(plan.rows[kinds_of(plan) != PLAIN].tolist())

    assert len(added(0)) == len(added(1)) == 150
    assert added(0) != added(1)


def test_kinds_are_spread_over_the_epoch():
    plan = plan_of(1000)
    plain = (kinds_of(plan) == PLAIN).reshape(15, 100).sum(axis=1)
    assert 45 < min(plain) and max(plain) < 85


@pytest.mark.parametrize("policy", list(KIND_OF))
def test_the_other_policies_treat_all_rows_alike(policy):
    assert Counter(kinds_of(plan_of(50, policy)).tolist()) == {KIND_OF[policy]: 50}


@repeatable
@given(count=st.integers(1, 60), policy=st.sampled_from(POLICIES), seed=st.integers(0))
def test_any_number_of_clips(count, policy, seed):
    rows = 7 + 3 * np.arange(count)
    plan = plan_of(rows, policy, seed=seed % 2**64)
    kinds = Counter(kinds_of(plan).tolist())
    if policy == "thirds":
        thirds = [kinds[kind] for kind in (MIXUP, SPECAUGMENT, BOTH)]
        assert kinds[PLAIN] == count
        assert sum(thirds) == count // 2
        assert max(thirds) - min(thirds) <= 1
    else:
        assert kinds == {KIND_OF[policy]: count}
    shown = Counter(plan.rows.tolist())
    assert set(shown) == set(rows.tolist())
    assert max(shown.values()) <= (2 if policy == "thirds" else 1)


# Mixup


@repeatable
@given(
    rows=st.lists(st.integers(0, 10**6), min_size=2, max_size=40, unique=True),
    seed=st.integers(0, 2**32),
)
def test_rows_are_mixed_with_other_rows_of_the_part(rows, seed):
    plan = plan_of(np.array(rows), "mixup", seed=seed)
    assert len(plan.mixup_rows) == len(plan.mixup_lambda) == len(rows)
    assert set(plan.mixup_rows.tolist()) <= set(rows)
    assert (plan.mixup_rows != plan.rows).all()


def test_a_single_row_is_mixed_with_itself():
    plan = plan_of(np.array([17]), "both")
    assert plan.rows.tolist() == plan.mixup_rows.tolist() == [17]


def test_every_other_row_is_equally_likely():
    partners = np.concatenate(
        [
            plan.mixup_rows[plan.rows == 2]
            for plan in (plan_of(6, "mixup", epoch=epoch) for epoch in range(1000))
        ]
    )
    counts = np.bincount(partners, minlength=6)
    assert counts[2] == 0
    assert stats.chisquare(np.delete(counts, 2)).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.2, 0.3, 1.0, 3.0])
def test_lambda_is_beta_distributed(alpha):
    shares = plan_of(
        8000, Augmentation("mixup", mixup_alpha=alpha), seed=5
    ).mixup_lambda
    assert shares.dtype == np.float32
    assert ((shares >= 0) & (shares <= 1)).all()
    distribution = stats.beta(alpha, alpha)
    assert stats.kstest(shares, distribution.cdf).pvalue > 0.001
    # The test can tell: a single gamma draw, or another alpha, is no such share.
    assert stats.kstest(shares, stats.beta(2 * alpha, 2 * alpha).cdf).pvalue < 1e-6


def test_tiny_alphas_give_numbers():
    """Both gamma draws may underflow: seldom with 0.01, mostly with less."""
    shares = plan_of(20000, Augmentation("mixup", mixup_alpha=0.01)).mixup_lambda
    assert ((shares >= 0) & (shares <= 1)).all()
    assert 0.45 < (shares < 0.5).mean() < 0.55
    mixup = Mixup()
    object.__setattr__(mixup, "mixup_alpha", 1e-4)
    rng = np.random.default_rng(0)
    drawn = mixup.draw(rng, np.arange(200), SHAPE)["mixup_lambda"]
    assert ((drawn >= 0) & (drawn <= 1)).all()


# Masks


@repeatable
@given(
    freq_masks=st.integers(0, 3),
    freq_width=st.integers(0, 50),
    time_masks=st.integers(0, 3),
    time_width=st.integers(0, 50),
    seed=st.integers(0, 2**32),
)
def test_masks_stay_inside(freq_masks, freq_width, time_masks, time_width, seed):
    augment = Augmentation(
        "specaugment",
        freq_masks=freq_masks,
        freq_width=freq_width,
        time_masks=time_masks,
        time_width=time_width,
    )
    plan = plan_of(20, augment, seed=seed)
    for spans, masks, width, length in (
        (plan.freq_spans, freq_masks, freq_width, SHAPE[0]),
        (plan.time_spans, time_masks, time_width, SHAPE[1]),
    ):
        assert spans.shape == (20, masks, 2)
        widths = spans[..., 1] - spans[..., 0]
        assert ((spans >= 0) & (spans <= length)).all()
        assert ((widths >= 0) & (widths <= width)).all()


def test_widths_and_places_of_masks_are_uniform():
    augment = Augmentation("specaugment", freq_masks=1, freq_width=7, time_masks=3)
    plan = plan_of(6000, augment, seed=1)
    begin, end = np.moveaxis(plan.freq_spans[:, 0], -1, 0)
    widths = np.bincount(end - begin)
    assert len(widths) == 8
    assert stats.chisquare(widths).pvalue > 0.001
    begins = np.bincount(begin[end - begin == 4])
    assert len(begins) == SHAPE[0] - 4 + 1
    assert stats.chisquare(begins).pvalue > 0.001
    # The usual time masks are 20 wide at most, of 24 columns.
    widths = np.bincount((plan.time_spans[..., 1] - plan.time_spans[..., 0]).ravel())
    assert len(widths) == 21
    assert stats.chisquare(widths).pvalue > 0.001


# Some of it


@repeatable
@given(
    places=st.lists(st.integers(0, 66), max_size=40), policy=st.sampled_from(POLICIES)
)
def test_places_of_a_plan_keep_all_that_is_planned_for_them(places, policy):
    plan = plan_of(45, policy, seed=2)
    places = np.array(places, int) % len(plan)
    some = plan[places]
    assert len(some) == len(places)
    for name, values in columns(some).items():
        np.testing.assert_array_equal(values, columns(plan)[name][places])


# Settings


@pytest.mark.parametrize(
    "strengths",
    [
        {"mixup_alpha": 0},
        {"mixup_alpha": -1.0},
        {"mixup_alpha": float("nan")},
        {"mixup_alpha": 1e6},
        {"mixup_alpha": "0.3"},
        {"freq_masks": -1},
        {"freq_width": 2.5},
        {"time_masks": None},
        {"time_width": "20"},
    ],
)
def test_strengths_that_cannot_be(strengths):
    with pytest.raises(UsageError, match=next(iter(strengths))):
        Augmentation(**strengths)


def test_an_unknown_policy_offers_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'specaugment'"):
        Augmentation("specaug").transforms()
    with pytest.raises(UsageError, match="Did you mean 'mixup'"):
        Augmentation("thirds+mixupp").transforms()


# Compositions


@pytest.mark.parametrize(
    "policy", ["both+mixup", "mixup+mixup", "thirds+specaugment", "thirds+thirds"]
)
def test_a_transform_is_applied_once(policy):
    with pytest.raises(UsageError, match="more than once"):
        Augmentation(policy).transforms()


def test_strengths_come_with_the_name():
    policy = "mixup:mixup_alpha=5e-1+specaugment+stretch:most=0.3"
    made = Augmentation(policy, mixup_alpha=0.2, freq_width=3).transforms()
    assert list(made) == ["mixup", "specaugment", "stretch"]
    assert made["mixup"].mixup_alpha == 0.5
    assert made["specaugment"].freq_width == 3
    assert made["stretch"].most == 0.3
    assert Augmentation(policy).every_row == tuple(made)


@pytest.mark.parametrize(
    "policy, message",
    [
        ("stretch:mist=0.2", "Did you mean 'most'"),
        ("stretch:most=2", "most must be .*0.9"),
        ("stretch:most", "must be NAME=NUMBER"),
        ("stretch:most=x", "must be NAME=NUMBER"),
        ("stretch:most=nan.", "must be NAME=NUMBER"),
        ("stretch:most=nan", "most must be"),
        ("filter-augment:knots=1.5", "knots"),
        ("both:mixup_alpha=1", "has no strengths of its own"),
        ("time-roll:most=1", "Unknown strength of TimeRoll"),
    ],
)
def test_wrong_strengths(policy, message):
    with pytest.raises(UsageError, match=message):
        Augmentation(policy).transforms()


def test_what_depends_on_the_scene_is_not_drawn_without_it():
    with pytest.raises(UsageError, match="'splice' needs the labels"):
        plan_of(8, "splice")


@pytest.mark.parametrize("policy", ["", "mixup+", "+", "mixup++specaugment", "Mixup"])
def test_malformed_compositions(policy):
    with pytest.raises(UsageError, match="Invalid name of a policy"):
        Augmentation(policy).transforms()


def test_a_composition_is_what_its_names_say():
    assert equal(plan_of(30, "mixup+specaugment"), plan_of(30, "both"))
    assert equal(plan_of(30, "specaugment+mixup"), plan_of(30, "both"))
    assert equal(plan_of(30, "none+mixup"), plan_of(30, "mixup"))


def test_a_policy_draws_the_same_for_a_transform_whatever_else_it_has():
    alone, both = plan_of(30, "mixup"), plan_of(30, "both")
    for name in ("rows", "mixup_rows", "mixup_lambda"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(both, name))


# Random streams


def test_streams_of_different_names_do_not_overlap():
    names = ("sampling", "mixup", "specaugment", "a", "b")
    drawn = [
        random_stream(name, seed, epoch).integers(2**63, size=1000)
        for name in names
        for seed in (0, 2**64 - 1)
        for epoch in (0, 1)
    ]
    assert len(np.unique(drawn)) == 20_000


def test_a_stream_is_uniform():
    numbers = [random_stream("mixup", 3, epoch).random() for epoch in range(2000)]
    assert stats.kstest(numbers, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("policy", "rows", "expected"),
    [("thirds", 3276, 4914), ("thirds", 1, 1), ("thirds", 3, 4), ("both", 10, 10)],
)
def test_rows_per_epoch(policy, rows, expected):
    assert Augmentation(policy).rows_per_epoch(rows) == expected
    assert len(plan_of(rows, policy).rows) == expected
