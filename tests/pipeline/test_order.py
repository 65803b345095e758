"""The plan of an epoch: which rows, in which order, augmented how."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from asc.errors import UsageError
from asc.pipeline.augmentation import POLICIES, Augmentation
from asc.pipeline.order import plan_epoch

#: The same examples in every run, however busy the machine is.
repeatable = settings(derandomize=True, deadline=None)

SHAPE = (32, 24)
#: What may happen to a row: (mixed, masked).
PLAIN, MIXUP, SPECAUGMENT, BOTH = (0, 0), (1, 0), (0, 1), (1, 1)
KIND_OF = {"none": PLAIN, "mixup": MIXUP, "specaugment": SPECAUGMENT, "both": BOTH}


def plan_of(rows, augment="thirds", *, seed=0, epoch=0, **options):
    if isinstance(rows, int):
        rows = np.arange(rows)
    if isinstance(augment, str):
        augment = Augmentation(augment)
    return plan_epoch(rows, augment, shape=SHAPE, seed=seed, epoch=epoch, **options)


def whole(plan):
    """The epoch as one batch, in which rows are sorted by what happens to them."""
    return plan.batch(0, len(plan.rows))


def kinds_of(batch):
    """What happens to each row of a batch, from its documented order."""
    mixed, masked = len(batch.partners), len(batch.freq_spans)
    both = mixed - batch.mixed_only
    counts = [batch.mixed_only, both, masked - both]
    kinds = np.repeat([MIXUP, BOTH, SPECAUGMENT], counts, axis=0)
    plain = np.tile(PLAIN, (len(batch.rows) - sum(counts), 1))
    return list(map(tuple, np.concatenate([kinds, plain]).tolist()))


def equal(first, second):
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in first.__dataclass_fields__
    )


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
        for name in plan.__dataclass_fields__:
            assert not np.array_equal(getattr(plan, name), getattr(other, name)), name


def test_seed_and_epoch_cannot_be_confused():
    assert not equal(plan_of(40, seed=1, epoch=2), plan_of(40, seed=2, epoch=1))


def test_without_shuffling_rows_come_in_order():
    rows = np.array([5, 3, 9, 4])
    plan = plan_of(rows, "none", shuffle=False)
    np.testing.assert_array_equal(plan.rows, rows)


# Kinds


def test_thirds_of_the_documented_train_part():
    """3276 clips, once each, and 3 x 546 more: 4914."""
    batch = whole(plan_of(3276))
    kinds = kinds_of(batch)
    assert len(kinds) == 4914
    assert Counter(kinds) == {PLAIN: 3276, MIXUP: 546, SPECAUGMENT: 546, BOTH: 546}
    is_plain = np.array([kind == PLAIN for kind in kinds])
    np.testing.assert_array_equal(np.sort(batch.rows[is_plain]), np.arange(3276))
    added = batch.rows[~is_plain]
    assert len(set(added.tolist())) == 1638


def test_thirds_adds_other_clips_in_other_epochs():
    def added(epoch):
        batch = whole(plan_of(300, epoch=epoch))
        changed = len(batch.rows) - 300
        return set(batch.rows[:changed].tolist())

    assert len(added(0)) == len(added(1)) == 150
    assert added(0) != added(1)


def test_kinds_are_spread_over_the_epoch():
    plan = plan_of(1000)
    plain = [
        kinds_of(plan.batch(start, 100)).count(PLAIN) for start in range(0, 1500, 100)
    ]
    assert 45 < min(plain) and max(plain) < 85


@pytest.mark.parametrize("policy", list(KIND_OF))
def test_the_other_policies_treat_all_rows_alike(policy):
    assert Counter(kinds_of(whole(plan_of(50, policy)))) == {KIND_OF[policy]: 50}


@repeatable
@given(count=st.integers(1, 60), policy=st.sampled_from(POLICIES), seed=st.integers(0))
def test_any_number_of_clips(count, policy, seed):
    rows = 7 + 3 * np.arange(count)
    plan = plan_of(rows, policy, seed=seed % 2**64)
    batch = whole(plan)
    kinds = Counter(kinds_of(batch))
    if policy == "thirds":
        thirds = [kinds[kind] for kind in (MIXUP, SPECAUGMENT, BOTH)]
        assert kinds[PLAIN] == count
        assert sum(thirds) == count // 2
        assert max(thirds) - min(thirds) <= 1
    else:
        assert kinds == {KIND_OF[policy]: count}
    shown = Counter(batch.rows.tolist())
    assert set(shown) == set(rows.tolist())
    assert max(shown.values()) <= (2 if policy == "thirds" else 1)


# Partners and shares


@repeatable
@given(
    rows=st.lists(st.integers(0, 10**6), min_size=2, max_size=40, unique=True),
    seed=st.integers(0, 2**32),
)
def test_partners_are_other_rows_of_the_part(rows, seed):
    batch = whole(plan_of(np.array(rows), "mixup", seed=seed))
    assert len(batch.partners) == len(batch.shares) == len(rows)
    assert set(batch.partners.tolist()) <= set(rows)
    assert (batch.partners != batch.rows).all()


def test_a_lonely_row_is_its_own_partner():
    batch = whole(plan_of(np.array([17]), "both"))
    assert batch.rows.tolist() == batch.partners.tolist() == [17]


def test_every_other_row_is_equally_likely_a_partner():
    partners = np.concatenate(
        [
            batch.partners[batch.rows == 2]
            for batch in (whole(plan_of(6, "mixup", epoch=e)) for e in range(1000))
        ]
    )
    counts = np.bincount(partners, minlength=6)
    assert counts[2] == 0
    assert stats.chisquare(np.delete(counts, 2)).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.2, 0.3, 1.0, 3.0])
def test_shares_are_beta_distributed(alpha):
    shares = plan_of(8000, Augmentation("mixup", mixup_alpha=alpha), seed=5).shares
    assert shares.dtype == np.float32
    assert ((shares >= 0) & (shares <= 1)).all()
    distribution = stats.beta(alpha, alpha)
    assert stats.kstest(shares, distribution.cdf).pvalue > 0.01
    # The test can tell: a single gamma draw, or another alpha, is no such share.
    assert stats.kstest(shares, stats.beta(2 * alpha, 2 * alpha).cdf).pvalue < 1e-6


def test_tiny_alphas_give_numbers():
    """Both gamma draws may underflow: seldom with 0.01, mostly with less."""
    augment = Augmentation("mixup", mixup_alpha=0.01)
    shares = plan_of(20000, augment).shares
    assert ((shares >= 0) & (shares <= 1)).all()
    assert 0.45 < (shares < 0.5).mean() < 0.55
    object.__setattr__(augment, "mixup_alpha", 1e-4)
    shares = plan_of(200, augment).shares
    assert ((shares >= 0) & (shares <= 1)).all()


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
    batch = whole(plan_of(20, augment, seed=seed))
    for spans, masks, width, length in (
        (batch.freq_spans, freq_masks, freq_width, SHAPE[0]),
        (batch.time_spans, time_masks, time_width, SHAPE[1]),
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


# Batches


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("size", [1, 7, 16, 1000])
def test_batches_concatenate_to_the_epoch(policy, size):
    plan = plan_of(45, policy, seed=2)
    starts = range(0, len(plan.rows), size)
    batches = [plan.batch(start, size) for start in starts]
    assert [len(batch.rows) for batch in batches[:-1]] == [size] * (len(starts) - 1)
    # Within a batch rows may move, each with all that is planned for it.
    planned = sorted(_facts(whole(plan)))
    assert sorted(fact for batch in batches for fact in _facts(batch)) == planned
    for start, batch in zip(starts, batches, strict=True):
        np.testing.assert_array_equal(
            np.sort(batch.rows), np.sort(plan.rows[start : start + size])
        )


@repeatable
@given(start=st.integers(0, 60), size=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_rows_of_a_batch_are_sorted_by_kind(start, size, seed):
    batch = plan_of(45, seed=seed).batch(start, size)
    assert len(batch.rows) == max(0, min(size, 67 - start))
    mixed, masked = len(batch.partners), len(batch.freq_spans)
    assert len(batch.shares) == mixed
    assert len(batch.time_spans) == masked
    assert 0 <= batch.mixed_only <= mixed <= batch.mixed_only + masked
    assert batch.mixed_only + masked <= len(batch.rows)


def _facts(batch):
    """Each row of a batch with what is planned for it, as one hashable value."""
    facts = []
    mixed = len(batch.partners)
    masked = range(batch.mixed_only, batch.mixed_only + len(batch.freq_spans))
    for place, row in enumerate(batch.rows.tolist()):
        partner = (batch.partners[place], batch.shares[place]) if place < mixed else ()
        spans = ()
        if place in masked:
            spans = (
                *batch.freq_spans[place - batch.mixed_only].ravel(),
                *batch.time_spans[place - batch.mixed_only].ravel(),
            )
        facts.append((row, tuple(map(float, partner)), tuple(map(int, spans))))
    return facts


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
        Augmentation("specaug")


@pytest.mark.parametrize(
    ("policy", "rows", "expected"),
    [("thirds", 3276, 4914), ("thirds", 1, 1), ("thirds", 3, 4), ("both", 10, 10)],
)
def test_rows_per_epoch(policy, rows, expected):
    assert Augmentation(policy).rows_per_epoch(rows) == expected
    assert len(plan_of(rows, policy).rows) == expected
