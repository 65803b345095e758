"""A run that was never trained but tells clips apart, for all tests of exports."""

from __future__ import annotations

import pytest
from world import finish_run

from asc.models import build_model
from asc.store import FeatureStore


@pytest.fixture(scope="session")
def make_run(small_store):
    """Return the function that makes a run with a model."""

    def make(path, feature="mel", build=None, **recipe):
        from asc.pipeline.tensorflow import keras

        store = FeatureStore(small_store)
        run = finish_run(
            path, store, model="dense", feature=feature, split="recording", **recipe
        )
        values = store.features(feature).astype(float)
        keras.utils.set_random_seed(0)
        model = (build or build_model)(
            "dense",
            input_shape=values.shape[1:],
            num_scenes=len(store.scenes),
            mean=values.mean(axis=(0, 2, 3)),
            variance=values.var(axis=(0, 2, 3)),
        )
        model.save(path / "model.keras")
        return run

    return make


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_run, mini_models):
    return make_run(tmp_path_factory.mktemp("runs") / "my-run")
