"""Batches from a store against the same work from TFRecord."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from asc.corpus import open_corpus
from asc.extraction import extract, plan
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches
from asc.pipeline.tensorflow import tf
from asc.store import FeatureStore
from tests.benchmarks.extraction import corpus_of

#: Clips of the train part of TUT 2017 under the random split.
TRAIN = 3276
BATCH = 16


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the pipeline budgets."""
    store = train_store(folder)
    # Pages stay in memory while a process maps them: not this one, not yet.
    cold = [from_disk(store.path) for _ in range(rounds)]
    rows = np.arange(len(store))
    records = scratch / "rows.tfrecord"
    write_records(store, records)
    mapped, memory, plain, tfrecord, tensor = [], [], [], [], []
    streams = {
        "mapped": train_batches(store, rows),
        "memory": train_batches(store, rows, in_memory=True),
        "plain": train_batches(store, rows, "none"),
        "tfrecord": record_batches(records, len(store.scenes)),
        "tensor": tensor_batches(store),
    }
    for stream in streams.values():
        clips_per_second(stream)  # traces, and warms the cache
    for _ in range(rounds):
        mapped.append(clips_per_second(streams["mapped"]))
        memory.append(clips_per_second(streams["memory"]))
        plain.append(clips_per_second(streams["plain"]))
        tfrecord.append(clips_per_second(streams["tfrecord"]))
        tensor.append(clips_per_second(streams["tensor"]))
    return {
        "pipeline, thirds, clips per second": {"budget": ">= 12000", "values": mapped},
        "pipeline, thirds, in memory": {"budget": ">= 12000", "values": memory},
        "pipeline, thirds, file not in the page cache": {
            "budget": None,
            "values": cold,
        },
        "pipeline, no augmentation": {"budget": None, "values": plain},
        "the same from TFRecord": {"budget": None, "values": tfrecord},
        "pipeline / TFRecord": {"budget": ">= 5", "values": over(mapped, tfrecord)},
        "pipeline, mapped / in memory": {
            "budget": ">= 0.9",
            "values": over(mapped, memory),
        },
        "the same by TensorFlow from a tensor in memory": {
            "budget": None,
            "values": tensor,
        },
        "pipeline / TensorFlow from a tensor in memory": {
            "budget": ">= 0.9",
            "values": over(mapped, tensor),
        },
    }


def over(ours: list[float], others: list[float]) -> list[float]:
    """Return how many times as fast as the others, round by round."""
    return [one / other for one, other in zip(ours, others, strict=True)]


def train_store(folder: Path) -> FeatureStore:
    """Return a store with as many clips as the train part of TUT 2017 has."""
    path = folder / "pipeline.h5"
    if not path.exists():
        corpus = open_corpus(corpus_of(folder, TRAIN))
        extract(plan(corpus, path, features=("mel",)))
    return FeatureStore(path)


def from_disk(path: Path) -> float:
    """Return the clips per second of a first epoch from a file that is not cached."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        return other.submit(first_epoch, path).result()


def first_epoch(path: Path) -> float:
    """Return the clips per second of an epoch, tracing and compiling aside."""
    store = FeatureStore(path)
    rows, fill = np.arange(len(store)), np.zeros(store.spec.shape[0])
    clips_per_second(train_batches(store, rows[:BATCH], fill=fill))
    return clips_per_second(train_batches(store, rows[BATCH:], fill=fill))


def train_batches(
    store: FeatureStore, rows: np.ndarray, augment: str = "thirds", **options: Any
) -> tf.data.Dataset:
    """Return shuffled and augmented batches of some rows."""
    batches = Batches.from_store(
        store,
        "mel",
        rows,
        batch_size=BATCH,
        augmentation=Augmentation(augment),
        shuffle=True,
        **options,
    )
    return stream_batches(batches)


def clips_per_second(batches: tf.data.Dataset) -> float:
    """Return how fast one epoch of batches can be had."""
    began, count = time.perf_counter(), 0
    for features, _ in batches:
        count += features.shape[0]
    return count / (time.perf_counter() - began)


def write_records(store: FeatureStore, path: Path) -> None:
    """Write the Mel rows of a store as TFRecord examples."""
    labels = store.labels()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row, codes in enumerate(store.features("mel")):
            features = {
                "codes": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[codes.tobytes()])
                ),
                "label": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[labels[row]])
                ),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def record_batches(path: Path, scenes: int) -> tf.data.Dataset:
    """Return the usual TFRecord pipeline with the same augmentation.

    A partner for mixup comes from a second, differently shuffled reading, since
    records have no random access.
    """
    strengths = Augmentation()
    layout = {
        "codes": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }

    def parse(record):
        example = tf.io.parse_single_example(record, layout)
        codes = tf.reshape(tf.io.decode_raw(example["codes"], tf.uint8), (256, 256, 1))
        return codes, tf.one_hot(example["label"], scenes)

    def read():
        return (
            tf.data.TFRecordDataset(str(path))
            .shuffle(1000)
            .map(parse, tf.data.AUTOTUNE)
        )

    def change(mix, mask):
        def apply(own, partner):
            (codes, labels), (others, other_labels) = own, partner
            count = tf.shape(codes)[0]
            mixed = count if mix else 0
            masked = count if mask else 0
            gamma = tf.random.gamma((2, mixed), strengths.mixup_alpha)
            share = gamma[0] / (gamma[0] + gamma[1])
            features = augmented(
                codes,
                others[:mixed],
                share,
                mixed - masked if mix else 0,
                spans(masked, strengths.freq_masks, strengths.freq_width),
                spans(masked, strengths.time_masks, strengths.time_width),
            )
            if mix:
                part = share[:, None]
                labels = part * labels + (1 - part) * other_labels
            return features, labels

        return apply

    third = TRAIN // 6
    plain = read().batch(BATCH).map(lambda x, y: (tf.cast(x, tf.float32), y))
    parts = [plain]
    for mix, mask in ((True, False), (False, True), (True, True)):
        pairs = tf.data.Dataset.zip(read().batch(BATCH), read().batch(BATCH))
        parts.append(pairs.take(third // BATCH).map(change(mix, mask)))
    weights = [6.0, 1.0, 1.0, 1.0]
    mixed = tf.data.Dataset.sample_from_datasets(
        parts, [weight / sum(weights) for weight in weights]
    )
    return mixed.prefetch(tf.data.AUTOTUNE)


def tensor_batches(store: FeatureStore) -> tf.data.Dataset:
    """Return the same as TensorFlow operations on a tensor that is in memory.

    Of every 11 rows 5 come again: mixed, masked, and both. The partners are rows of
    the same batch.
    """
    strengths = Augmentation()
    codes = tf.constant(np.array(store.features("mel")))
    labels = tf.one_hot(store.labels(), len(store.scenes))
    mixed_only, both, masked_only = 2, 2, 1
    mixed, masked = mixed_only + both, both + masked_only
    added = mixed + masked_only

    def load(places):
        own, wanted = tf.gather(codes, places), tf.gather(labels, places)
        gamma = tf.random.gamma((2, mixed), strengths.mixup_alpha)
        share = gamma[0] / (gamma[0] + gamma[1])
        features = augmented(
            tf.concat([own[:added], own], axis=0),
            own[-mixed:],
            share,
            mixed_only,
            spans(masked, strengths.freq_masks, strengths.freq_width),
            spans(masked, strengths.time_masks, strengths.time_width),
        )
        part = share[:, None]
        blend = part * wanted[:mixed] + (1 - part) * wanted[-mixed:]
        return features, tf.concat([blend, wanted[mixed:added], wanted], axis=0)

    return (
        tf.data.Dataset.range(len(store))
        .shuffle(len(store))
        .batch(BATCH - added, drop_remainder=True)
        .map(load, tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def spans(count: int | tf.Tensor, masks: int, width: int) -> tf.Tensor:
    """Return begin and end of random masks [shape=(count, masks, 2)]."""
    size = tf.random.uniform((count, masks), 0, width + 1, tf.int32)
    limit = tf.cast(257 - size, tf.float32)
    start = tf.cast(tf.random.uniform((count, masks)) * limit, tf.int32)
    return tf.stack([start, start + size], axis=-1)


def augmented(
    own: tf.Tensor,
    partners: tf.Tensor,
    shares: tf.Tensor,
    mixed_only: int | tf.Tensor,
    freq_spans: tf.Tensor,
    time_spans: tf.Tensor,
) -> tf.Tensor:
    """Mix and mask the first rows of a batch, as TensorFlow operations."""
    mixed, masked = tf.shape(shares)[0], tf.shape(freq_spans)[0]
    changed = mixed_only + masked
    share = shares[:, None, None, None]
    blend = share * tf.cast(own[:mixed], tf.float32)
    blend += (1 - share) * tf.cast(partners, tf.float32)
    to_mask = tf.concat(
        [blend[mixed_only:], tf.cast(own[mixed:changed], tf.float32)], axis=0
    )
    hidden_rows = covered(freq_spans, own.shape[1])[:, :, None, None]
    hidden_columns = covered(time_spans, own.shape[2])[:, None, :, None]
    to_mask = tf.where(hidden_rows | hidden_columns, 0.0, to_mask)
    plain = tf.cast(own[changed:], tf.float32)
    return tf.concat([blend[:mixed_only], to_mask, plain], axis=0)


def covered(spans: tf.Tensor, length: int) -> tf.Tensor:
    """Return which places spans cover [shape=(rows, length)], bool."""
    places = tf.range(length)
    inside = (places >= spans[..., :1]) & (places < spans[..., 1:])
    return tf.reduce_any(inside, axis=1)
