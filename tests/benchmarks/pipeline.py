"""Batches from a store against the same work from TFRecord."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from asc.corpus import open_corpus
from asc.extraction import extract, plan
from asc.pipeline.augmentation import Augmentation, augmented
from asc.pipeline.dataset import dataset
from asc.pipeline.tensorflow import tf
from asc.store import FeatureStore
from tests.benchmarks.extraction import corpus_of

#: Clips of the train part of TUT 2017 under the random split.
TRAIN = 3276
BATCH = 16


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the pipeline budgets."""
    path = folder / "pipeline.h5"
    if not path.exists():
        corpus = open_corpus(corpus_of(folder, TRAIN))
        extract(plan(corpus, path, features=("mel",)))
    store = FeatureStore(path)
    rows = np.arange(len(store))
    records = scratch / "rows.tfrecord"
    write_records(store, records)
    mapped, memory, plain, tfrecord, ratio = [], [], [], [], []
    streams = {
        "mapped": dataset(store, rows=rows),
        "memory": dataset(store, rows=rows, in_memory=True),
        "plain": dataset(store, rows=rows, augment="none"),
        "tfrecord": record_batches(records, len(store.scenes)),
    }
    for stream in streams.values():
        clips_per_second(stream)  # traces, and warms the cache
    for _ in range(rounds):
        mapped.append(clips_per_second(streams["mapped"]))
        memory.append(clips_per_second(streams["memory"]))
        plain.append(clips_per_second(streams["plain"]))
        tfrecord.append(clips_per_second(streams["tfrecord"]))
        ratio.append(mapped[-1] / tfrecord[-1])
    return {
        "pipeline, thirds, clips per second": {"budget": ">= 12000", "values": mapped},
        "pipeline, thirds, in memory": {"budget": ">= 12000", "values": memory},
        "pipeline, no augmentation": {"budget": None, "values": plain},
        "the same from TFRecord": {"budget": None, "values": tfrecord},
        "pipeline / TFRecord": {"budget": ">= 5", "values": ratio},
    }


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

    def spans(count, masks, width):
        size = tf.random.uniform((count, masks), 0, width + 1, tf.int32)
        limit = tf.cast(257 - size, tf.float32)
        start = tf.cast(tf.random.uniform((count, masks)) * limit, tf.int32)
        return tf.stack([start, start + size], axis=-1)

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
                np.zeros((1, 1, 1), np.float32),
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
