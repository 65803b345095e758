"""Embeddings of models whose embedding is known, and maps that keep neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from asc.errors import InputError
from asc.evaluation.embeddings import embed_rows, neighbour_agreement, project
from asc.pipeline.tensorflow import keras


def test_the_embedding_of_a_linear_model_is_its_input(store):
    layers = [keras.layers.Flatten(), keras.layers.Dense(4, activation="softmax")]
    model = keras.Sequential([keras.Input((16, 16, 1)), *layers])
    rows = np.array([5, 0, 23])
    found = embed_rows(model, store, "mel", rows)
    expected = store.features("mel")[rows].reshape(3, -1).astype(np.float32)
    np.testing.assert_array_equal(found, expected)


def test_infinite_embeddings_are_an_error(store):
    x = inputs = keras.Input((16, 16, 1))
    x = keras.layers.Rescaling(1e38)(keras.layers.Rescaling(1e38)(x))
    x = keras.layers.Dense(4, activation="softmax")(keras.layers.Flatten()(x))
    with pytest.raises(InputError, match="infinite"):
        embed_rows(keras.Model(inputs, x), store, "mel", np.arange(3))


def test_few_clips_of_a_plane_are_mapped_as_they_are():
    plane = np.random.default_rng(0).normal(size=(9, 2))
    turned, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(7, 7)))
    found = project((plane @ turned[:2] + 3).astype(np.float32))
    assert found.method == "PCA"

    def distances(points):
        return np.linalg.norm(points[:, None] - points, axis=-1)

    ratio = distances(found.points)[0, 1:] / distances(plane)[0, 1:]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    assert project(np.ones((3, 1), np.float32)).points.shape == (3, 2)


@pytest.mark.parametrize(
    "embeddings",
    [np.full((30, 8), 0.1), np.arange(30.0)[:, None], np.outer(range(30), range(8))],
    ids=["all the same", "one unit", "on a line"],
)
def test_what_t_sne_cannot_map_is_mapped_by_pca(embeddings):
    found = project(embeddings.astype(np.float32))
    assert found.method == "PCA"
    assert np.isfinite(found.points).all()


def test_groups_stay_together_and_the_map_is_repeated():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 20)
    embeddings = rng.normal(size=(40, 5)) + 30 * groups[:, None]
    found = project(embeddings.astype(np.float32))
    assert found.method == "t-SNE"
    nothing = np.arange(40)
    assert neighbour_agreement(found.points, groups, nothing) == 1
    again = project(embeddings.astype(np.float32))
    np.testing.assert_array_equal(found.points, again.points)


def test_the_nearest_clip_is_of_another_recording():
    embeddings = np.array([[0.0], [0.1], [1.0], [1.2], [9.0]])
    truth = np.array([0, 0, 1, 0, 1])
    recordings = np.array(["a", "a", "b", "c", "d"])
    # a, a: b (wrong); b: c (wrong); c: b (wrong); d: c (wrong).
    assert neighbour_agreement(embeddings, truth, recordings) == 0
    alone = np.array(["a", "x", "b", "c", "d"])
    # a: x, x: a (both right).
    assert neighbour_agreement(embeddings, truth, alone) == 2 / 5
    assert neighbour_agreement(embeddings, truth, np.repeat("a", 5)) is None
