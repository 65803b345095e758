"""A feature of a user's own: one module, named by --import; and stores without it."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from world import call_command

import asc
from asc import plots
from asc.errors import SettingsMismatch, StoreError, UsageError
from asc.features import FEATURES, FeatureSpec, FrontEnd, drawing_of, fit, read_audio

MODULE = '''
import numpy as np
import scipy.sparse

import asc


@asc.register_feature
class Bands(asc.Feature):
    """The amplitude of a few bands: another unit, and its own number of rows."""

    name = "bands"
    title = "Bands"
    description = "amplitude of a few bands"
    quantity, unit = "Amplitude", "% of full scale"
    defaults = {"count": 4}

    def check(self):
        if self.parameters["count"] < 1:
            raise ValueError("count must be at least 1.")

    @property
    def rows(self):
        return int(self.parameters["count"])

    lowest, step = 0.0, 0.25

    def weights(self):
        bins = self.spec.bins.stop - self.spec.bins.start
        edges = np.linspace(0, bins, self.rows + 1).round().astype(int)
        rows = np.repeat(np.arange(self.rows), np.diff(edges))
        ones = np.ones(bins, np.float32)
        return scipy.sparse.csr_matrix((ones, (rows, np.arange(bins))))

    def values(self, power, average, full_scale):
        return np.float32(100) * np.sqrt(average(power) / np.float32(full_scale))

    def row_centres(self):
        width = (self.spec.fmax - self.spec.fmin) / self.rows
        return self.spec.fmin + width * (np.arange(self.rows) + 0.5)
'''


@contextmanager
def registered():
    """Register the feature for a while, as --import does for good."""
    with FEATURES.restored():
        exec(MODULE, {})
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the module, and the stores that were made by it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_bands.py").write_text(MODULE)
    return folder


SETTINGS = {"rows": 16, "columns": 16, "features": ("bands", "mel")}


def plan(few_clips, store, **settings):
    known = SETTINGS | {"parameters": {"bands": {"count": 5}}}
    return asc.plan(asc.open_corpus(few_clips), store, **known | settings)


@pytest.fixture(scope="module", params=["uint8", "float32"])
def made(request, folder, few_clips):
    """A store of Mel and the user's feature, opened where that is unknown."""
    store = folder / f"{request.param}.h5"
    with registered():
        asc.extract(plan(few_clips, store, dtype=request.param), jobs=1)
    assert "bands" not in FEATURES
    return store


def test_the_store_opens_without_the_module(made, few_clips):
    store = asc.FeatureStore(made)
    assert store.spec.features == ("bands", "mel")
    assert store.spec.parameters == {"bands": {"count": 5}}
    assert store.features("bands").shape == (24, 5, 16, 1)
    assert store.features("mel").shape == (24, 16, 16, 1)
    assert store.summary()["features"]["bands"]["shape"] == [24, 5, 16, 1]
    assert asc.verify(store) == []
    encoding = store.encoding("bands")
    assert (encoding.lowest, encoding.step) == (0, 0.25)
    assert encoding.unit == "% of full scale"
    # Values are those of the definition, by another way.
    y = fit(read_audio(few_clips / store.paths()[3]), store.spec)[0]
    power = asc.features.power_spectrogram(y, store.spec)[store.spec.bins]
    column = power.reshape(len(power), -1)
    values = store.decode("bands", store.features("bands")[3])[..., 0]
    total = (values.astype(float) ** 2).sum(axis=0).mean()
    full_scale = (store.spec.n_fft / 4) ** 2
    expected = 1e4 * column.sum(axis=0).mean() / full_scale
    assert total == pytest.approx(expected, rel=0.1)


def test_it_is_drawn_by_what_the_file_says(made):
    store = asc.FeatureStore(made)
    drawing = store.drawing("bands")
    assert drawing.title == "bands"
    assert drawing.value_label == "Value (% of full scale)"
    assert (drawing.row_label, drawing.row_centres) == ("Row", None)
    figure = plots.preview_clip(store, 0)
    bands = next(axes for axes in figure.axes if axes.get_title("left") == "bands")
    shown = bands.images[0].get_array()
    np.testing.assert_array_equal(
        shown, store.decode("bands", store.features("bands")[0])[..., 0]
    )
    labels = {axes.get_ylabel() for axes in figure.axes}
    assert {"Row", "Frequency (Hz)", "Value (% of full scale)"} <= labels
    assert store.drawing("mel").title == drawing_of("mel", store.spec).title == "Mel"


def test_batches_and_statistics_need_no_module(made):
    store = asc.FeatureStore(made)
    rows = store.split("random").train
    assert asc.row_statistics(store, "bands", rows).mean.shape == (5,)
    batches = asc.dataset(store, feature="bands", batch_size=4, augment="specaugment")
    features, labels = next(iter(batches))
    assert features.shape == (4, 5, 16, 1)
    assert labels.shape == (4, 4)


def test_training_needs_no_module_and_prediction_does(mini_models, folder, few_clips):
    with registered():
        asc.extract(plan(few_clips, folder / "trained.h5"), jobs=1)
    recipe = asc.Recipe(model="dense", feature="bands", epochs=1, split="recording")
    run, result = asc.train(folder / "trained.h5", recipe, folder / "run")
    clips = [few_clips / result.paths[0]]
    with pytest.raises(UsageError, match="Unknown feature 'bands'"):
        next(asc.predict(run, clips))
    with registered():
        (found,) = asc.predict(run, clips)
    np.testing.assert_allclose(found.probabilities, result.probabilities[0], atol=1e-4)


def test_computing_needs_the_module(made):
    spec = asc.FeatureStore(made).spec
    with pytest.raises(UsageError, match="Unknown feature 'bands'.*--import"):
        FrontEnd(spec)
    assert list(FrontEnd(spec, ("mel",)).features) == ["mel"]  # the other does not


def test_with_the_module_nothing_is_left_to_compute(made, few_clips):
    dtype = asc.FeatureStore(made).spec.dtype
    with registered():
        again = asc.extract(plan(few_clips, made, dtype=dtype), jobs=1)
        assert (again.complete, again.computed, again.kept) == (True, 0, 24)
        assert asc.verify(asc.FeatureStore(made), audio=few_clips, sample=3) == []
        other = plan(few_clips, made, dtype=dtype, parameters={})
        assert other.spec.parameters == {"bands": {"count": 4}}
        with pytest.raises(SettingsMismatch, match="parameters.bands.count  5 -> 4"):
            asc.extract(other, jobs=1)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"features": ("band",), "parameters": {}},
            "Did you mean 'bands'.*--import",
        ),
        ({"features": ("Bands",)}, "Invalid name of a feature. Got 'Bands'"),
        ({"parameters": {"bands": {"cuont": 3}}}, "Did you mean 'count'"),
        ({"features": ("mel",)}, "feature of parameters 'bands'.* Known: mel"),
    ],
)
def test_what_cannot_be_extracted(few_clips, tmp_path, settings, text):
    with registered(), pytest.raises(UsageError, match=text):
        plan(few_clips, tmp_path / "no.h5", **settings)


def test_by_command(folder, few_clips):
    extract = ("extract", few_clips, "command.h5", "--import", "my_bands")
    shown = call_command("asc", *extract, "--help", cwd=folder)
    assert "Feature: bands, mel," in " ".join(shown.stdout.split())
    wrong = call_command("asc", *extract, "--parameter", "bands", cwd=folder)
    assert wrong.returncode == 2 and "FEATURE.NAME=VALUE" in wrong.stderr
    done = call_command(
        "asc",
        *(*extract, "--json", "--feature", "bands", "--parameter", "bands.count=3"),
        *("--rows", 16, "--columns", 16, "-j", 1),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    store = asc.FeatureStore(folder / "command.h5")
    assert store.spec.parameters == {"bands": {"count": 3}}
    verify = ("store", "verify", "command.h5", "--audio", few_clips, "--sample", 2)
    assert (
        call_command("asc", *verify, "--import", "my_bands", cwd=folder).returncode == 0
    )
    without = call_command("asc", *verify, cwd=folder)
    assert without.returncode == 2
    assert "--import" in without.stderr and "Traceback" not in without.stderr


def test_the_example_of_the_documentation(noise):
    """Its rows are octaves: all the power of a sine is in one of them."""
    page = Path(asc.__file__).parents[1] / "docs" / "howto" / "own-feature.md"
    text = page.read_text("utf-8")
    (example,) = re.findall("```python\n(.*?)```", text, re.DOTALL)
    spec = FeatureSpec.for_audio(44100, 1.0, features=("octaves",), dtype="float32")
    time = np.arange(spec.samples) / 44100
    y = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    with FEATURES.restored():
        exec(example, {})
        frontend = FrontEnd(spec)
        level = frontend(y[None])["octaves"][:, 128, 0]
    centres = frontend.features["octaves"].row_centres()
    assert level.shape == centres.shape == (9,)
    loudest = int(level.argmax())
    assert centres[loudest] / 2**0.5 < 1000 < centres[loudest] * 2**0.5
    # A Hann window spreads the power of a sine over bins that sum to 1.5 times it.
    assert level[loudest] == pytest.approx(10 * np.log10(1.5), abs=0.05)
    assert (np.delete(level, loudest) < -40).all()


def test_a_name_is_taken_once():
    with FEATURES.restored():
        mel = FEATURES.get("mel")
        with pytest.raises(UsageError, match="There already is a feature 'mel'"):
            asc.register_feature(mel)
        assert asc.register_feature(mel, replace=True) is mel
        with pytest.raises(UsageError, match="Invalid name of a feature"):
            asc.register_feature(type("Nameless", (asc.DecibelFeature,), {}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", 0.0),
        ("scale", np.nan),
        ("offset", np.inf),
        ("step", -1.0),
        ("lowest", "none"),
        ("unit", "\x1b[2J"),
        ("unit", 3.0),
    ],
)
def test_impossible_attributes_are_refused(made, tmp_path, name, value):
    copy = shutil.copy(made, tmp_path / "copy.h5")
    with h5py.File(copy, "r+") as file:
        attributes = file["features/bands"].attrs
        attributes[name] = np.bytes_(value) if isinstance(value, str) else value
    with pytest.raises(StoreError, match=name):
        asc.FeatureStore(copy)


def test_a_spec_names_features_that_are_not_registered():
    spec = FeatureSpec(44100, 1.0, features=("mel", "bands"))
    assert spec.features == ("bands", "mel")
    assert FeatureSpec.from_dict(spec.to_dict()) == spec
