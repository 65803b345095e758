"""What holds for every registered augmentation, also for one of a user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import asc
from asc.errors import UsageError
from asc.pipeline.augmentation import Augmentation, augmentation_names
from asc.pipeline.batches import Batches
from asc.pipeline.dataset import dataset
from asc.pipeline.transforms import TRANSFORMS
from asc.store import FeatureStore

CLIPS, SHAPE, NUM_SCENES = 30, (16, 12, 2), 3
#: The rows of the part.
PART = np.arange(2, 29, 2)


class Gain:
    """An augmentation of a user, in NumPy: some codes louder or less loud."""

    def draw(self, rng, rows, shape):
        return {"codes": rng.uniform(-1, 1, len(rows))}

    def apply(self, features, labels, codes):
        features += codes[:, None, None, None]


class Swap:
    """Another one, which changes labels and draws nothing."""

    def draw(self, rng, rows, shape):
        return {}

    def apply(self, features, labels):
        features[:] = features[..., ::-1]
        labels[:] = labels[:, ::-1]


OWN = {"own-gain": Gain, "own-swap": Swap}
ALL = [*augmentation_names(), *OWN, "own-gain+mixup+own-swap"]


@pytest.fixture
def own():
    with TRANSFORMS.restored():
        for name, transform in OWN.items():
            assert asc.register_augmentation(name)(transform) is transform
        yield


def batches_of(
    policy, *, batch_size=5, seed=1, dtype=np.uint8, shuffle=True, others=200
):
    rng = np.random.default_rng(0)
    data = rng.integers(1, 100, (CLIPS, *SHAPE), endpoint=True)
    data[np.setdiff1d(np.arange(CLIPS), PART)] = others
    return Batches(
        data.astype(dtype),
        np.arange(CLIPS) % NUM_SCENES,
        NUM_SCENES,
        PART,
        batch_size=batch_size,
        augmentation=Augmentation(policy, freq_width=5, time_width=4),
        seed=seed,
        shuffle=shuffle,
        fill=np.linspace(20, 60, SHAPE[0]),
    )


def epoch_of(policy, epoch=0, **options):
    """Return features and labels of an epoch."""
    batches = batches_of(policy, **options)
    parts = [batches(epoch, index)[:2] for index in range(len(batches))]
    features, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return features, labels


def same(first, second):
    return all(map(np.array_equal, first, second))


@pytest.mark.parametrize("policy", ALL)
@pytest.mark.usefixtures("own")
class TestContract:
    def test_shapes_and_types(self, policy):
        features, labels = epoch_of(policy)
        count = Augmentation(policy).rows_per_epoch(len(PART))
        assert features.shape == (count, *SHAPE)
        assert labels.shape == (count, NUM_SCENES)
        assert features.dtype == labels.dtype == np.float32
        assert np.isfinite(features).all()

    def test_labels_are_distributions(self, policy):
        _, labels = epoch_of(policy)
        assert (labels >= 0).all()
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)

    def test_seed_and_epoch_determine_a_batch(self, policy):
        first = epoch_of(policy, epoch=3)
        assert same(first, epoch_of(policy, epoch=3))
        assert not same(first, epoch_of(policy, epoch=4))
        assert not same(first, epoch_of(policy, epoch=3, seed=2))

    def test_every_epoch_draws_anew(self, policy):
        """Also where the order is the same."""
        epochs = [epoch_of(policy, epoch=epoch, shuffle=False) for epoch in (0, 1)]
        fixed = policy in ("none", "own-swap")
        assert same(*epochs) == fixed

    @pytest.mark.parametrize("batch_size", [1, 7, 100])
    def test_the_size_of_batches_changes_no_row(self, policy, batch_size):
        assert same(epoch_of(policy, batch_size=batch_size), epoch_of(policy))

    def test_threads_change_nothing(self, policy):
        batches, expected = batches_of(policy, batch_size=1), epoch_of(policy)
        with ThreadPoolExecutor(4) as threads:
            order = np.random.default_rng(0).permutation(len(batches))
            given = dict(zip(order, threads.map(lambda i: batches(0, i), order)))
        for index, features in enumerate(expected[0]):
            np.testing.assert_array_equal(given[index][0][0], features)

    def test_the_type_of_the_store_changes_nothing(self, policy):
        """All codes are whole numbers that these types hold."""
        expected = epoch_of(policy)
        for dtype in (np.float16, np.float32):
            assert same(epoch_of(policy, dtype=dtype), expected)

    def test_other_rows_do_not_get_into_training(self, policy):
        for epoch in range(3):
            expected = epoch_of(policy, epoch)
            assert same(epoch_of(policy, epoch, others=50), expected)

    def test_validation_is_untouched(self, policy, small_store):
        store = FeatureStore(small_store)
        rows = store.split("random").validation
        batches = dataset(store, part="validation", augment=policy)
        given = np.concatenate([x for x, _ in batches.as_numpy_iterator()])
        np.testing.assert_array_equal(given, store.features("mel")[rows])


@pytest.mark.parametrize("policy", augmentation_names())
def test_another_augmentation_changes_no_epoch(policy):
    """Neither its registration, nor that other rows of the policy have it."""
    before = [epoch_of(policy, epoch) for epoch in range(3)]
    with TRANSFORMS.restored():
        asc.register_augmentation("aaa")(Gain)
        asc.register_augmentation("own-zero")(zero_gain())
        for epoch, expected in enumerate(before):
            assert same(epoch_of(policy, epoch), expected)
            assert same(epoch_of(f"{policy}+own-zero", epoch), expected)


def zero_gain():
    class ZeroGain(Gain):
        def draw(self, rng, rows, shape):
            return {"codes": 0 * rng.random(len(rows))}

    return ZeroGain


@pytest.mark.usefixtures("own")
def test_an_own_augmentation_is_applied_after_the_compiled_pass():
    mixed, labels = epoch_of("mixup", shuffle=False)
    given, swapped = epoch_of("own-swap+mixup+own-gain", shuffle=False)
    added = given - mixed[..., ::-1]
    assert np.ptp(added, axis=(1, 2, 3)).max() < 1e-4
    assert 0 < np.abs(added).max() <= 1
    np.testing.assert_array_equal(swapped, labels[:, ::-1])


def test_an_own_augmentation_is_applied_to_the_rows_of_its_policy():
    """Here it replaces mixup, which two thirds of the added rows have."""

    class Loud(Swap):
        def apply(self, features, labels):
            features += 1000

    with TRANSFORMS.restored():
        asc.register_augmentation("mixup", replace=True)(Loud)
        features, _ = epoch_of("thirds")
    loud = features.max(axis=(1, 2, 3)) > 1000
    added = len(PART) // 2
    assert loud.sum() == round(added / 3) + added - round(2 * added / 3)


def test_strengths_reach_the_transforms_that_have_them():
    transforms = Augmentation("both", mixup_alpha=0.7, time_masks=5).transforms()
    assert transforms["mixup"].mixup_alpha == 0.7
    assert transforms["specaugment"].time_masks == 5


# What a transform may not do


def drawing(**columns):
    class Own:
        def draw(self, rng, rows, shape):
            return {name: value(rows) for name, value in columns.items()}

    return Own


def spans(*values):
    return lambda rows: np.tile(values, (len(rows), 1, 1))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"gain": lambda rows: np.zeros(len(rows))}, "no method apply"),
        (
            {"time_shift": lambda rows: np.zeros(3, int)},
            "must draw time_shift for each",
        ),
        ({"time_shift": lambda rows: np.zeros(len(rows))}, "whole numbers"),
        ({"time_shift": lambda rows: np.zeros((len(rows), 1), int)}, "whole numbers"),
        ({"mixup_rows": lambda rows: rows + 1}, "rows of the part"),
        ({"mixup_lambda": lambda rows: np.full(len(rows), 1.1)}, r"in \[0, 1\]"),
        ({"mixup_lambda": lambda rows: np.full(len(rows), np.nan)}, r"in \[0, 1\]"),
        ({"freq_spans": spans(-1, 3)}, r"\[0, 16\]"),
        ({"freq_spans": spans(0, 17)}, r"\[0, 16\]"),
        ({"time_spans": spans(4, 3)}, r"\[0, 12\]"),
        ({"time_spans": spans(0.0, 2.0)}, r"\[0, 12\]"),
        ({"time_spans": spans(0, 1, 2)}, r"\[0, 12\]"),
    ],
)
def test_invalid_draws_are_refused(columns, message):
    """The compiled pass would write outside of its arrays."""
    with TRANSFORMS.restored():
        asc.register_augmentation("own")(drawing(**columns))
        with pytest.raises(UsageError, match=message):
            epoch_of("own")


def test_two_transforms_that_draw_the_same_column():
    with TRANSFORMS.restored():
        asc.register_augmentation("own")(
            drawing(mixup_lambda=lambda rows: np.ones(len(rows)))
        )
        with pytest.raises(UsageError, match="'mixup' and 'own' cannot be combined"):
            epoch_of("mixup+own")


def test_invalid_registrations():
    with pytest.raises(UsageError, match="already is"):
        asc.register_augmentation("mixup")(Gain)
    with pytest.raises(UsageError, match="Invalid name"):
        asc.register_augmentation("my+gain")(Gain)
    with pytest.raises(UsageError, match="no method draw"):
        asc.register_augmentation("gain")(lambda features: features)
    assert "gain" not in TRANSFORMS
