"""The probabilities that a model gives for rows of a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import InputError
from asc.models.outputs import are_probabilities
from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches, translate_read_errors
from asc.store import FeatureStore
from asc.validation import check_whole

if TYPE_CHECKING:
    import keras

#: Clips at a time.
_BATCH = 16


def time_shifts(count: int, columns: int) -> list[int]:
    """Return circular shifts along time that are spread evenly over a clip.

    Parameters
    ----------
    count : int in [1, columns]
        The first shift is 0: the clip as it is.
    columns : int
        Of the feature.

    Raises
    ------
    UsageError
        If there are more shifts than columns.
    """
    check_whole("tta", count, 1, columns, "A clip has no more columns to shift it by.")
    return [round(number * columns / count) for number in range(count)]


def predict_rows(
    model: keras.Model,
    store: FeatureStore,
    feature: str,
    rows: np.ndarray,
    *,
    name: Path,
    tta: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the probabilities of rows of a store, for each of some time shifts.

    Parameters
    ----------
    model : keras.Model
    store : FeatureStore
    feature : str
    rows : np.ndarray [shape=(clips,)]
    name : Path
        The run, for messages.
    tta : int
        Number of `time_shifts`, by which a clip is rolled as by `numpy.roll`.
    progress : callable(done, total), optional
        Called with clips, each counted once for every shift.

    Returns
    -------
    np.ndarray [shape=(tta, clips, scenes)], float32
        The first are those of the clips as they are.

    Raises
    ------
    UsageError
        If there are more shifts than columns.
    InputError
        If the model gives something else than probabilities.
    """
    from asc.pipeline.tensorflow import keras, tf

    shifts = time_shifts(tta, store.features(feature).shape[2])
    batches = Batches.from_store(store, feature, rows, batch_size=_BATCH, mapped=False)

    def show(batch: int, logs: Any = None) -> None:
        if progress is not None:
            done, index = divmod(batch, len(batches))
            reached = min((index + 1) * _BATCH, len(rows))
            progress(done * len(rows) + reached, tta * len(rows))

    clips = stream_batches(batches).map(lambda features, labels: features)
    rolled = tf.data.Dataset.from_tensor_slices(shifts).flat_map(
        lambda shift: clips.map(lambda features: tf.roll(features, shift, axis=2))
    )
    rolled = rolled.apply(tf.data.experimental.assert_cardinality(tta * len(batches)))
    callback = keras.callbacks.LambdaCallback(on_predict_batch_end=show)
    with translate_read_errors(batches):
        found = model.predict(
            clips if tta == 1 else rolled, verbose=0, callbacks=[callback]
        )
    probabilities = np.reshape(found, (tta, len(rows), -1))
    bad = ~are_probabilities(probabilities.reshape(-1, probabilities.shape[-1]))
    if count := int(bad.reshape(tta, -1).any(axis=0).sum()):
        raise InputError(
            f"The model of {name} gives NaN or values outside [0, 1] for {count:,} of"
            f" {len(rows):,} clips. Its training diverged, or model.keras is damaged."
        )
    return probabilities
