"""Batches as NumPy arrays, and the memory that they are made in."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.buffers import BufferPool
from asc.store import FeatureStore


def make(count=9, batch_size=4, policy="thirds", dtype=np.uint8, **settings):
    rng = np.random.default_rng(count)
    data = rng.integers(1, 256, (count, 6, 5, 2)).astype(dtype)
    labels = np.arange(count) % 3
    augment = Augmentation(policy, freq_width=2, time_width=2)
    choices = {"seed": 1, "shuffle": True, "fill": np.full(6, 7.5)} | settings
    choices |= {"batch_size": batch_size, "augmentation": augment}
    return Batches(data, labels, 3, np.arange(count), **choices)


@pytest.mark.parametrize("policy", ["none", "thirds"])
def test_a_batch_that_is_held_is_never_written_to_again(policy):
    batches = make(policy=policy)
    held = [(*batches(0, index), index) for index in range(3)]
    copies = [(features.copy(), labels.copy()) for features, labels, *_ in held]
    for epoch in range(1, 20):
        for index in range(3):
            batches(epoch, index)
    for (features, labels, *_), copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(features, copy[0])
        np.testing.assert_array_equal(labels, copy[1])


def test_a_batch_depends_on_its_number_alone():
    first, second = make(), make()
    backwards = [second(2, index)[0].copy() for index in reversed(range(3))]
    for index, expected in enumerate(reversed(backwards)):
        np.testing.assert_array_equal(first(2, index)[0], expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_stored_types_give_the_same_batches(dtype):
    """All codes are whole numbers that these types hold."""
    codes, other = make(), make(dtype=dtype)
    for index in range(3):
        for expected, value in zip(codes(0, index), other(0, index), strict=True):
            np.testing.assert_array_equal(value, expected)


def test_memory_is_used_again():
    pool = BufferPool((4, 1000), np.float32)
    addresses = set()
    for _ in range(10):
        array = pool.take(3)
        addresses.add(array.ctypes.data)
        del array
    assert len(addresses) == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
def test_no_two_arrays_share_memory_while_any_view_lives(steps):
    """Views of views too, as TensorFlow and users hold them."""
    pool, held = BufferPool((2, 8), np.int64), []
    for number, (take, chosen) in enumerate(steps):
        if take or not held:
            array = pool.take(2)
            array[:] = number
            held.append((array[1:].reshape(-1).view(np.uint64)[3:], number))
            del array
        else:
            del held[chosen % len(held)]
        assert all((view == number).all() for view, number in held)


def test_arrays_begin_where_tensorflow_takes_them_without_a_copy():
    pool = BufferPool((3, 7), np.float32)
    held = [pool.take(2) for _ in range(5)]
    assert all(array.ctypes.data % 64 == 0 for array in held)
    assert all(array.shape == (2, 7) for array in held)


def test_training_holds_few_batches(small_store):
    """TensorFlow gives the memory back, also inside `fit`."""
    from asc.pipeline.stream import stream_batches
    from asc.pipeline.tensorflow import keras

    made = []

    def counted(self, *arguments):
        made.append(1)
        return create(self, *arguments)

    create = BufferPool._create
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BufferPool, "_create", counted)
        store = FeatureStore(small_store)
        rows = store.split("random").train
        batches = Batches.from_store(store, "mel", rows, batch_size=2)
        stream = stream_batches(batches, endless=True)
        model.fit(stream, steps_per_epoch=60, shuffle=False, verbose=0)
    gc.collect()
    assert 1 <= len(made) < 20


# Per-replica batches


@given(
    count=st.integers(1, 30),
    batch_size=st.integers(1, 9),
    replicas=st.integers(2, 5),
    policy=st.sampled_from(["none", "thirds"]),
    shuffle=st.booleans(),
)
def test_per_replica_batches_are_the_batch_no_row_twice_and_none_lost(
    count, batch_size, replicas, policy, shuffle
):
    settings = {"policy": policy, "shuffle": shuffle}
    whole = make(count, batch_size, **settings)
    shared = make(count, batch_size, **settings)
    total = Augmentation(policy).rows_per_epoch(count)
    means, shown = [], 0
    for index in range(-(-total // batch_size)):
        features, labels, weights = whole(3, index)
        assert (weights == 1).all()
        given = [shared(3, index, number, replicas) for number in range(replicas)]
        assert len({len(weights) for _, _, weights in given}) == 1
        parts = [np.concatenate(part) for part in zip(*given, strict=True)]
        own = parts[2] > 0
        np.testing.assert_array_equal(parts[0][own], features)
        np.testing.assert_array_equal(parts[1][own], labels)
        if shuffle:
            np.testing.assert_allclose(
                np.mean(parts[2][:, None] * parts[1], axis=0),
                labels.mean(axis=0),
                atol=1e-6,
            )
        means.append((parts[2][:, None] * parts[1]).sum(axis=0))
        shown += len(own)
    if not shuffle:
        every = np.concatenate([whole(3, index)[1] for index in range(len(means))])
        np.testing.assert_allclose(
            np.sum(means, axis=0) / shown, every.mean(axis=0), atol=1e-6
        )


@pytest.mark.parametrize("policy", ["none", "mixup"])
def test_weights_of_scenes_follow_the_labels(policy):
    scenes = np.array([3.0, 0.5, 1.0])
    plain, weighted = make(policy=policy), make(policy=policy, scene_weights=scenes)
    for index in range(3):
        *expected, ones = plain(0, index)
        *given, weights = weighted(0, index)
        for one, other in zip(given, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(weights, ones * (given[1] @ scenes), rtol=1e-6)
