"""Embeddings: what a model makes of clips before its last layer, and a map of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import InputError
from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches, translate_read_errors
from asc.store import FeatureStore

if TYPE_CHECKING:
    import keras

#: Clips at a time.
_BATCH = 16
#: Fewer clips have no neighbourhoods that t-SNE could keep.
_LEAST_FOR_TSNE = 20
#: Dimensions that t-SNE starts from, at most.
_DIMENSIONS = 50


@dataclass(frozen=True)
class EmbeddingMap:
    """Embeddings in the plane.

    Attributes
    ----------
    points : np.ndarray [shape=(clips, 2)]
    method : str
        ``"t-SNE"``, or ``"PCA"`` where t-SNE cannot be computed: for few clips, and
        for embeddings that are all the same or on a line.
    """

    points: np.ndarray
    method: str


def classifier(model: keras.Model) -> keras.layers.Layer:
    """Return the layer that computes the scores of the scenes: the last dense one.

    Without a dense layer it is the last one of all.
    """
    from keras import layers

    dense = [each for each in model.layers if isinstance(each, layers.Dense)]
    return dense[-1] if dense else model.layers[-1]


def embed_rows(
    model: keras.Model, store: FeatureStore, feature: str, rows: np.ndarray
) -> np.ndarray:
    """Return what the classifying layer of a model gets for rows of a store.

    Parameters
    ----------
    model : keras.Model
    store : FeatureStore
    feature : str
    rows : np.ndarray [shape=(clips,)]

    Returns
    -------
    np.ndarray [shape=(clips, units)], float32

    Raises
    ------
    InputError
        If the classifying layer has several inputs, if they are not finite, or if the
        layers of the model are not one graph.
    """
    from asc.pipeline.tensorflow import keras

    try:
        inputs = classifier(model).input
        several = isinstance(inputs, (list, tuple))
        body = None if several else keras.Model(model.inputs, inputs)
    except (AttributeError, ValueError) as error:  # such as a Sequential from a file
        raise InputError("The layers of the model are not one graph.") from error
    if body is None:
        raise InputError("The last layer of the model has several inputs.")
    batches = Batches.from_store(store, feature, rows, batch_size=_BATCH, mapped=False)
    with translate_read_errors(batches):
        found = body.predict(stream_batches(batches), verbose=0)
    embeddings = np.reshape(found, (len(rows), -1)).astype(np.float32)
    if not np.isfinite(embeddings).all():
        raise InputError("The last layer of the model gets NaN or infinite values.")
    return embeddings


def project(embeddings: np.ndarray) -> EmbeddingMap:
    """Return a map of embeddings: t-SNE of their principal components.

    It is the same whenever it is computed on a machine. Neighbours in the map are
    neighbours in the embedding; distances between groups mean little.

    Parameters
    ----------
    embeddings : np.ndarray [shape=(clips, units)]

    References
    ----------
    van der Maaten, Hinton. "Visualizing data using t-SNE." Journal of Machine Learning
    Research 9, 2008.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    clips = len(embeddings)
    centred = embeddings - embeddings.mean(axis=0, dtype=np.float64)
    scale = np.sqrt((centred**2).sum(axis=1).mean()) or 1.0
    with threadpool_limits(1):  # more threads would sum in another order
        left, sizes, _ = np.linalg.svd(centred / scale, full_matrices=False)
        components = (left * sizes)[:, :_DIMENSIONS]
        # The sign of a component is arbitrary.
        largest = np.abs(components).argmax(axis=0)
        components *= np.sign(components[largest, range(components.shape[1])] + 1e-300)
        # t-SNE starts from the first two components; without them it may even crash.
        directions = np.count_nonzero(sizes > 1e-6 * sizes[0])
        if clips < _LEAST_FOR_TSNE or directions < 2:
            plane = np.zeros((clips, 2))
            plane[:, : components.shape[1]] = components[:, :2]
            return EmbeddingMap(plane, "PCA")
        tsne = TSNE(
            perplexity=min(30.0, (clips - 1) / 3),
            init="pca",
            learning_rate="auto",
            random_state=0,
            n_jobs=1,
        )
        return EmbeddingMap(tsne.fit_transform(components), "t-SNE")


def neighbour_agreement(
    embeddings: np.ndarray, truth: np.ndarray, recordings: np.ndarray
) -> float | None:
    """Return the share of clips whose nearest clip has the same scene.

    Only clips of other recordings are looked at: those of the same one are near each
    other whatever the model knows of scenes.

    Parameters
    ----------
    embeddings : np.ndarray [shape=(clips, units)]
    truth : np.ndarray [shape=(clips,)]
        Index of the true scene.
    recordings : np.ndarray [shape=(clips,)]

    Returns
    -------
    float or None
        None if all clips are of one recording.
    """
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(embeddings)
    distances[recordings[:, None] == recordings] = np.inf
    known = np.isfinite(distances.min(axis=1))
    if not known.any():
        return None
    return float((truth[distances.argmin(axis=1)] == truth)[known].mean())
