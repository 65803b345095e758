"""Batches: their values, their order, and that nothing leaks into training."""

from __future__ import annotations

import gc
import itertools
from pathlib import Path

import numpy as np
import pytest

from asc.corpus import Clip, Corpus
from asc.corpus.leakage import Split
from asc.errors import UsageError
from asc.features import FeatureSpec
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.dataset import dataset
from asc.pipeline.sampling import plan_epoch
from asc.pipeline.statistics import row_statistics
from asc.pipeline.stream import stream_batches
from asc.store import FeatureStore, StoreWriter

ROWS, COLUMNS = 12, 10
POLICIES = ("none", "mixup", "specaugment", "both", "thirds")
SCENES = ("beach", "cafe/restaurant", "home")
CLIPS, TRAIN = 40, 26
#: Codes up to this are those of train rows, greater ones those of other rows.
TRAIN_CODES = 100


def write_store(path: Path, features: np.ndarray, parts: list, **settings):
    """Write a store with given features and parts (train, validation, test)."""
    spec = FeatureSpec(
        44100, 1.0, rows=ROWS, columns=COLUMNS, features=("mel",), **settings
    )
    clips = tuple(
        Clip(f"{row:03}.wav", SCENES[row % len(SCENES)], f"recording {row}")
        for row in range(len(features))
    )
    split = Split("random", *(np.array(part, np.int32) for part in parts), leakage=0.0)
    writer = StoreWriter.create(
        path.with_name("growing"),
        spec,
        Corpus(path.parent, "made", "table", clips),
        {"random": split},
        {},
        {},
    )
    with writer:
        for row, feature in enumerate(features):
            writer.rows.write(row, {"mel": feature}, {})
            writer.done(row)
        writer.commit()
        return writer.finish(path)


@pytest.fixture(scope="module")
def values():
    """Codes of 40 clips, mid and side; those of train rows tell them apart."""
    rng = np.random.default_rng(0)
    shape = (CLIPS, ROWS, COLUMNS, 2)
    codes = rng.integers(1, TRAIN_CODES, shape, endpoint=True).astype(np.uint8)
    for part in parts()[1:]:
        codes[part] = rng.integers(200, 256, (len(part), *shape[1:]))
    return codes


def parts():
    """Scattered rows for train, validation and test."""
    order = np.random.default_rng(1).permutation(CLIPS)
    return [np.sort(part) for part in np.split(order, [TRAIN, TRAIN + 8])]


@pytest.fixture(scope="module")
def store(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("made") / "made.h5"
    return write_store(path, values, parts(), channels="midside")


def stream_of(store, augment="thirds", *, rows=None, **options):
    """Return the train part of a store, or other rows, as a stream."""
    if isinstance(augment, str):
        augment = Augmentation(augment)
    names = ("first_epoch", "endless", "batches_per_epoch", "num_replicas")
    stream = {name: options.pop(name) for name in names if name in options}
    if rows is None:
        rows = store.split("random").train
    choices = {"batch_size": 16, "augmentation": augment, "shuffle": True} | options
    return stream_batches(Batches.from_store(store, "mel", rows, **choices), **stream)


def batches_of(store, *arguments, **options):
    return list(stream_of(store, *arguments, **options).as_numpy_iterator())


def assert_equal(first, second):
    assert len(first) == len(second)
    for (features, labels), (other_features, other_labels) in zip(
        first, second, strict=True
    ):
        np.testing.assert_array_equal(features, other_features)
        np.testing.assert_array_equal(labels, other_labels)


def applied(batch, name):
    return batch.applied.get(name, np.zeros(len(batch), bool))


def by_hand(batch, values, fill):
    """Compute a batch from its plan, clip by clip, in double precision."""
    features, labels = [], []
    for place, row in enumerate(batch.rows):
        x = values[row].astype(float)
        y = np.eye(len(SCENES))[row % len(SCENES)]
        if applied(batch, "mixup")[place]:
            other, weight = batch.mixup_rows[place], float(batch.mixup_lambda[place])
            x = weight * x + (1 - weight) * values[other].astype(float)
            y = weight * y + (1 - weight) * np.eye(len(SCENES))[other % len(SCENES)]
        x = np.roll(x, batch.time_shift[place], axis=1)
        if applied(batch, "specaugment")[place]:
            for begin, end in batch.freq_spans[place]:
                x[begin:end] = fill[begin:end, None, None]
            for begin, end in batch.time_spans[place]:
                x[:, begin:end] = fill[:, None, None]
        features.append(x)
        labels.append(y)
    return np.array(features), np.array(labels)


# Values


@pytest.mark.parametrize("policy", POLICIES)
def test_batches_are_what_the_plan_says(store, values, policy):
    augment = Augmentation(policy, freq_width=5, time_width=4)
    train = parts()[0]
    fill = values[train].mean(axis=(0, 2, 3))
    batches = dataset(store, augment=augment, batch_size=7, seed=3)
    count = augment.rows_per_epoch(TRAIN)
    for epoch in range(2):
        plan = plan_epoch(train, augment, shape=(ROWS, COLUMNS), seed=3, epoch=epoch)
        given = list(batches.as_numpy_iterator())
        assert sum(len(features) for features, _ in given) == count
        for number, (features, labels) in enumerate(given):
            expected = by_hand(plan[7 * number : 7 * number + 7], values, fill)
            assert features.shape == (min(7, count - 7 * number), ROWS, COLUMNS, 2)
            assert features.dtype == labels.dtype == np.float32
            np.testing.assert_allclose(features, expected[0], rtol=1e-5)
            np.testing.assert_allclose(labels, expected[1], atol=1e-6)
            np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_element_spec_is_known(store, policy):
    features, labels = dataset(store, augment=policy).element_spec
    assert features.shape.as_list() == [None, ROWS, COLUMNS, 2]
    assert labels.shape.as_list() == [None, len(SCENES)]
    assert features.dtype == labels.dtype == "float32"


def test_masked_cells_can_be_filled_with_something_else(store):
    augment = Augmentation("specaugment", freq_width=5, time_width=4)
    fill = np.linspace(1000, 2000, ROWS)
    features = np.concatenate(
        [batch[0] for batch in batches_of(store, augment=augment, fill=fill)]
    )
    masked = features > TRAIN_CODES
    assert masked.any()
    expected = np.broadcast_to(fill.astype(np.float32)[:, None, None], features.shape)
    np.testing.assert_array_equal(features[masked], expected[masked])


def test_float_stores(tmp_path):
    values = np.random.default_rng(2).normal(-60, 20, (20, ROWS, COLUMNS, 1))
    values = values.astype(np.float16)
    train = np.arange(0, 20, 2)
    path = tmp_path / "floats.h5"
    store = write_store(path, values, [train, [], []], dtype="float16")
    augment = Augmentation("thirds", freq_width=5, time_width=4)
    fill = values[train].astype(float).mean(axis=(0, 2, 3))
    plan = plan_epoch(train, augment, shape=(ROWS, COLUMNS), seed=0, epoch=0)
    ((features, _),) = batches_of(store, augment=augment)
    assert features.dtype == np.float32
    expected, _ = by_hand(plan[:16], values, fill)
    np.testing.assert_allclose(features, expected, rtol=1e-4)


# Parts


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_other_parts_come_as_they_are(store, values, part, in_memory):
    rows = parts()[1 if part == "validation" else 2]
    batches = dataset(
        store, part=part, batch_size=5, augment="both", in_memory=in_memory
    )
    for _ in range(2):
        given = list(batches.as_numpy_iterator())
        assert [len(labels) for _, labels in given] == [
            min(5, len(rows) - start) for start in range(0, len(rows), 5)
        ]
        features, labels = (np.concatenate(half) for half in zip(*given, strict=True))
        np.testing.assert_array_equal(features, values[rows])
        np.testing.assert_array_equal(labels, np.eye(len(SCENES))[rows % len(SCENES)])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("in_memory", [False, True])
def test_nothing_of_the_other_parts_gets_into_training(store, policy, in_memory):
    """Not as a row, not as a partner, and not in what fills the masks."""
    augment = Augmentation(policy, freq_width=5, time_width=4)
    batches = dataset(store, augment=augment, in_memory=in_memory)
    for _ in range(3):
        for features, _ in batches.as_numpy_iterator():
            assert features.max() <= TRAIN_CODES


@pytest.mark.parametrize("in_memory", [False, True])
def test_any_rows(store, values, in_memory):
    rows = np.array([11, 30, 3])
    options = {"rows": rows, "in_memory": in_memory}
    ((features, labels),) = batches_of(store, "none", shuffle=False, **options)
    np.testing.assert_array_equal(features, values[rows])
    np.testing.assert_array_equal(labels, np.eye(len(SCENES))[rows % len(SCENES)])
    ((features, _),) = batches_of(store, "none", **options)
    np.testing.assert_array_equal(
        np.sort(features[:, 0, 0, 0]), np.sort(values[rows, 0, 0, 0])
    )
    ((mixed, _),) = batches_of(store, "both", **options)
    lowest, highest = values[rows].min(), values[rows].max()
    assert ((mixed >= lowest) & (mixed <= highest)).all()


# Order


def test_every_pass_is_the_next_epoch(store):
    batches = dataset(store, batch_size=8, seed=4)
    passes = [list(batches.as_numpy_iterator()) for _ in range(3)]
    assert not np.array_equal(passes[0][0][0], passes[1][0][0])
    assert_equal(passes[0], batches_of(store, batch_size=8, seed=4))
    for epoch, given in enumerate(passes):
        assert_equal(given, batches_of(store, batch_size=8, seed=4, first_epoch=epoch))


def test_endless_goes_on_with_the_next_epoch(store):
    """Also where a training that was interrupted goes on: in the middle."""
    epochs = [batches_of(store, batch_size=8, first_epoch=epoch) for epoch in (5, 6, 7)]
    expected = [batch for epoch in epochs for batch in epoch]
    endless = stream_of(store, batch_size=8, first_epoch=5, endless=True)
    given = itertools.islice(endless.as_numpy_iterator(), len(expected))
    assert_equal(list(given), expected)


def test_what_is_derived_from_a_dataset_needs_no_other_reference(store):
    """TensorFlow itself would not keep the rows."""
    expected = [labels.numpy() for _, labels in dataset(store)]
    derived = dataset(store).map(lambda features, labels: labels).prefetch(2)
    passes = iter(derived.repeat(1))
    del derived
    gc.collect()
    np.testing.assert_array_equal(
        np.concatenate(list(passes)), np.concatenate(expected)
    )


@pytest.mark.parametrize("endless", [False, True])
def test_epochs_can_be_cut(store, endless):
    options = {"batch_size": 8, "batches_per_epoch": 2}
    first, second = (
        batches_of(store, batch_size=8, first_epoch=epoch) for epoch in (0, 1)
    )
    batches = stream_of(store, endless=endless, **options)
    if endless:
        given = list(itertools.islice(batches.as_numpy_iterator(), 4))
    else:
        assert len(batches) == 2
        given = [batch for _ in range(2) for batch in batches.as_numpy_iterator()]
    assert_equal(given, first[:2] + second[:2])


def test_more_batches_than_there_are(store):
    assert len(stream_of(store, batch_size=8, batches_per_epoch=99)) == 5


@pytest.mark.parametrize(
    ("part", "policy", "size", "expected"),
    [("train", "thirds", 16, 3), ("train", "none", 13, 2), ("test", "none", 4, 2)],
)
def test_the_number_of_batches_is_known(store, part, policy, size, expected):
    batches = dataset(store, part=part, augment=policy, batch_size=size)
    assert len(batches) == expected == len(list(batches))


@pytest.mark.parametrize("endless", [False, True])
def test_batches_do_not_depend_on_parallelism(store, endless):
    from asc.pipeline.tensorflow import tf

    def given(**choices):
        options = tf.data.Options()
        for name, value in choices.items():
            setattr(options.threading, name, value)
        batches = stream_of(store, batch_size=4, seed=9, endless=endless)
        iterator = batches.with_options(options).as_numpy_iterator()
        return list(itertools.islice(iterator, 25))

    alone = given(private_threadpool_size=1, max_intra_op_parallelism=1)
    assert len(alone) == (25 if endless else 10)
    for other in (given(), given(private_threadpool_size=8)):
        assert_equal(alone, other)


@pytest.mark.parametrize("endless", [False, True])
def test_nothing_is_tuned(store, endless):
    """TensorFlow's thread for it holds up whoever is done with the batches."""
    assert stream_of(store, endless=endless).options().autotune.enabled is False


def test_a_model_sees_the_epochs_in_order(store):
    """`fit` reads an endless dataset from its first batch on, none twice."""
    from asc.pipeline.tensorflow import keras

    seen = []

    class Seeing(keras.Model):
        def train_step(self, data):
            seen.append(np.asarray(data[0]))
            return {"loss": 0.0}

    batches = stream_of(store, batch_size=8, endless=True)
    model = Seeing()
    model.compile(run_eagerly=True)
    model.fit(batches, steps_per_epoch=5, epochs=2, verbose=0, shuffle=False)
    expected = batches_of(store, batch_size=8) + batches_of(
        store, batch_size=8, first_epoch=1
    )
    assert len(seen) == len(expected)
    for given, (features, _) in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(given, features)


# Memory


def test_in_memory_changes_nothing_but_where_rows_are_read(tmp_path, values):
    path = tmp_path / "own.h5"
    store = write_store(path, values, parts(), channels="midside")
    mapped = dataset(store, batch_size=8)
    copied = dataset(store, batch_size=8, in_memory=True)
    expected = list(mapped.as_numpy_iterator())
    assert_equal(list(copied.as_numpy_iterator()), expected)
    # What is copied outlives the file; what is mapped does not.
    expected = batches_of(store, batch_size=8, first_epoch=1)
    place = store.row_arrays()["features/mel"]
    with open(path, "r+b") as file:
        file.seek(place.offset)
        file.write(bytes(CLIPS * place.row_bytes))
    assert_equal(list(copied.as_numpy_iterator()), expected)
    assert not np.array_equal(next(mapped.as_numpy_iterator())[0], expected[0][0])


# Statistics


@pytest.mark.parametrize("count", [1, 64, 65, 150])
def test_statistics_are_those_of_numpy(tmp_path, count):
    rng = np.random.default_rng(count)
    values = rng.integers(1, 256, (160, ROWS, COLUMNS, 1)).astype(np.uint8)
    store = write_store(tmp_path / "codes.h5", values, [range(160), [], []])
    rows = rng.permutation(160)[:count]
    given = row_statistics(store, "mel", rows)
    chosen = values[rows].astype(np.float64)
    np.testing.assert_allclose(given.mean, chosen.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(given.variance, chosen.var(axis=(0, 2, 3)), rtol=1e-9)
    assert given.clips == count


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_statistics_of_decibels(tmp_path, dtype):
    rng = np.random.default_rng(3)
    values = rng.normal(-90, 0.2, (100, ROWS, COLUMNS, 2)).astype(dtype)
    values[:, 0] = -144.3  # a band without any sound
    store = write_store(
        tmp_path / "db.h5",
        values,
        [range(100), [], []],
        dtype=dtype,
        channels="midside",
    )
    given = row_statistics(store, "mel", np.arange(100))
    chosen = values.astype(np.float64)
    np.testing.assert_allclose(given.mean, chosen.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(
        given.variance, chosen.var(axis=(0, 2, 3)), rtol=1e-4, atol=1e-9
    )


# What cannot be


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"split": "rndom"}, "Did you mean 'random'"),
        ({"part": "valid"}, "Did you mean 'validation'"),
        ({"feature": "mell"}, "Did you mean 'mel'"),
        ({"augment": "mix-up"}, "Did you mean 'mixup'"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_invalid_choices_of_a_dataset(store, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        dataset(store, **options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"first_epoch": -1}, "first_epoch"),
        ({"batches_per_epoch": 0}, "batches_per_epoch"),
        ({"num_replicas": 0}, "num_replicas"),
        ({"rows": np.array([], int)}, "no clips"),
        ({"rows": np.array([0, CLIPS])}, r"rows must be in \[0, 39\]. Got 0 to 40"),
        ({"rows": np.array([-1, 3])}, r"rows must be in \[0, 39\]. Got -1 to 3"),
    ],
)
def test_invalid_choices_of_a_stream(store, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        stream_of(store, **options)


def test_invalid_replica_ids(store):
    batches = Batches.from_store(store, "mel", np.arange(4), batch_size=2)
    for ids in ((), (0, 2), (-1,)):
        with pytest.raises(UsageError, match="replica_ids must be"):
            stream_batches(batches, num_replicas=2, replica_ids=ids)


def test_an_empty_part(tmp_path, values):
    path = tmp_path / "own.h5"
    write_store(path, values, [range(CLIPS), [], []], channels="midside")
    assert len(dataset(path)) == 4
    with pytest.raises(UsageError, match="Part test of split random has no clips"):
        dataset(path, part="test")


def test_a_path_is_as_good_as_a_store(store):
    assert isinstance(store, FeatureStore)
    given = list(dataset(store.path).as_numpy_iterator())
    assert_equal(given, list(dataset(store).as_numpy_iterator()))
