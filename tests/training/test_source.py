"""Starting from another run: what is taken, what must fit, and where it is recorded."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

import asc
from asc.errors import MissingInputError, SettingsMismatch, UsageError
from asc.experiments import experiment
from asc.store import FeatureStore
from asc.training import start
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session
from asc.training.source import Source

pytestmark = pytest.mark.usefixtures("mini_models")

RECIPE = Recipe(
    **{"model": "stateful", "split": "recording", "augment": "none", "epochs": 1},
    **{"batch_size": 8, "patience": 0, "monitor": "loss"},
)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, store, mini_models):
    """A run on four scenes; not to be changed."""
    path = tmp_path_factory.mktemp("pretrained") / "run"
    return experiment.train(store, RECIPE, path)[0]


@pytest.fixture
def fewer_scenes(few_clips, tmp_path, extract):
    """A store of the same spec with three of the scenes, which is another store."""
    folder = shutil.copytree(few_clips, tmp_path / "fewer")
    # The clips of buses start with the letter b.
    for audio in (folder / "audio").glob("b*"):
        audio.unlink()
    for table in (folder / "meta.txt", *(folder / "evaluation_setup").iterdir()):
        lines = table.read_text().splitlines(True)
        table.write_text("".join(x for x in lines if "audio/b" not in x))
    return FeatureStore(extract(folder).store)


def started(store, recipe, path):
    source = Source.find(recipe, store)
    return start.new_model(Session.create(store, recipe, path, source=source))


def test_all_weights_are_taken_for_the_same_scenes(pretrained, store, tmp_path):
    recipe = replace(RECIPE, init_from=str(pretrained.path), seed=9)
    model = started(store, recipe, tmp_path / "run")
    for a, b in zip(
        model.get_weights(), pretrained.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_bundle_is_a_source_too(pretrained, store, tmp_path):
    bundle = tmp_path / "model.zip"
    asc.export(pretrained, "bundle", bundle, check=False)
    recipe = replace(RECIPE, init_from=str(bundle), seed=9)
    model = started(store, recipe, tmp_path / "run")
    for a, b in zip(
        model.get_weights(), pretrained.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())["init_from"]
    assert record["run"] == str(bundle)


def test_the_last_layer_is_new_and_the_statistics_are_the_new_stores(
    pretrained, fewer_scenes, tmp_path
):
    recipe = replace(RECIPE, init_from=str(pretrained.path))
    model, before = (
        started(fewer_scenes, recipe, tmp_path / "run"),
        pretrained.load_model(),
    )
    assert model.output.shape == (None, 3)
    *own, kernel, bias = model.get_weights()
    *old, _, _ = before.get_weights()
    for a, b in zip(own, old, strict=True):
        np.testing.assert_array_equal(a, b)
    assert kernel.shape[1] == 3 and not bias.any()
    rows = fewer_scenes.split("recording").train
    mean = fewer_scenes.features("mel")[rows].mean(axis=(0, 2, 3))
    np.testing.assert_allclose(np.ravel(model.get_layer("normalise").mean), mean, 1e-4)
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())["init_from"]
    data = (pretrained.path / "model.keras").read_bytes()
    assert record["digest"] == sha256(data).hexdigest()
    assert (len(record["scenes"]), record["init_from"]) == (4, None)
    assert record["store"] == pretrained.store


def test_folds_and_a_resume_do_without_the_source(pretrained, fewer_scenes, tmp_path):
    own = shutil.copytree(pretrained.path, tmp_path / "source")
    recipe = replace(RECIPE, split="folds", init_from=str(own))

    class Stopping(TrainingCallback):
        def batch(self, done, loss):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.train(fewer_scenes, recipe, tmp_path / "a", listener=Stopping())
    whole, expected = experiment.train(fewer_scenes, recipe, tmp_path / "b")
    shutil.rmtree(own)
    run, found = experiment.resume(tmp_path / "a", store=fewer_scenes)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert not list(run.path.rglob("init.keras"))
    records = [
        json.loads((folder / "recipe.json").read_text())["init_from"]
        for folder in (run.path, *(fold.path for fold in run.folds().values()))
    ]
    assert len(records) == 3 and records == [records[0]] * 3


def test_what_does_not_fit_is_told_field_by_field(
    pretrained, few_clips, extract, store, tmp_path
):
    recipe = replace(RECIPE, init_from=str(pretrained.path))
    other = FeatureStore(extract(few_clips, settings={"mel_floor": -120.0}).store)
    for given, on, field in (
        (recipe, other, r"spec.mel_floor +-145.0 -> -120.0"),
        (replace(recipe, model="dense"), store, 'model +"stateful" -> "dense"'),
        (replace(recipe, feature="stft"), store, 'feature +"mel" -> "stft"'),
    ):
        with pytest.raises(SettingsMismatch, match=field) as caught:
            experiment.train(on, given, tmp_path / "run")
        assert caught.value.exit_code == 6
        assert not (tmp_path / "run").exists()
    # Another choice of features is no difference to the one that is used.
    both = FeatureStore(
        extract(few_clips, tmp_path / "mel.h5", settings={"features": ("mel",)}).store
    )
    assert Source.find(recipe, both) is not None


def test_what_cannot_be_started_from(pretrained, store, tmp_path):
    with pytest.raises(MissingInputError, match="nowhere"):
        Source.find(replace(RECIPE, init_from="nowhere"), store)
    with pytest.raises(UsageError, match="Got both"):
        replace(RECIPE, init_from="run", weights="none")
    # Its training has seen clips that the random split tests.
    seen = replace(RECIPE, init_from=str(pretrained.path), split="random")
    unseen = np.setdiff1d(store.split("random").test, store.split("recording").train)
    assert len(unseen) < len(store.split("random").test)
    with pytest.raises(UsageError, match="in the test part of split random"):
        experiment.train(store, seen, tmp_path / "run")
    bare = Run(shutil.copytree(pretrained.path, tmp_path / "bare"))
    (bare.path / "model.keras").unlink()
    with pytest.raises(MissingInputError, match="no model.keras"):
        Source.find(replace(RECIPE, init_from=str(bare.path)), store)
