"""A feature of a user's own: one module, named by --import; and stores without it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the module, and with a store that the command made by it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_bands.py").write_text(MODULE)
    return folder


def command(*arguments, cwd):
    code = "from asc.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module", params=["uint8", "float32"])
def made(request, folder, few_clips):
    """A store of Mel and the user's feature, and what the command printed."""
    store = folder / f"{request.param}.h5"
    done = command(
        *("extract", few_clips, store, "--import", "my_bands", "--json"),
        *("--feature", "bands", "--feature", "mel", "--parameter", "bands.count=5"),
        *("--rows", 16, "--columns", 16, "--dtype", request.param, "-j", 1),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] == 24
    assert "bands" not in FEATURES  # nor is it in this process
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


def test_computing_needs_the_module(made):
    spec = asc.FeatureStore(made).spec
    with pytest.raises(UsageError, match="Unknown feature 'bands'.*--import"):
        FrontEnd(spec)
    assert list(FrontEnd(spec, ("mel",)).features) == ["mel"]  # the other does not


def test_the_module_reopens_updates_and_verifies(made, folder, few_clips):
    again = command(
        *("extract", few_clips, made, "--import", "my_bands", "--json"),
        *("--feature", "bands", "--feature", "mel", "--parameter", "bands.count=5"),
        *("--rows", 16, "--columns", 16, "--dtype", asc.FeatureStore(made).spec.dtype),
        cwd=folder,
    )
    assert again.returncode == 0, again.stderr
    facts = json.loads(again.stdout)
    assert (facts["computed"], facts["kept"]) == (0, 24)
    verify = ("store", "verify", made, "--audio", few_clips, "--sample", 2)
    assert command(*verify, "--import", "my_bands", cwd=folder).returncode == 0
    without = command(*verify, cwd=folder)
    assert without.returncode == 2
    assert "--import" in without.stderr and "Traceback" not in without.stderr


def test_other_parameters_are_other_settings(made, folder, few_clips):
    done = command(
        *("extract", few_clips, made, "--import", "my_bands"),
        *("--feature", "bands", "--feature", "mel"),
        *("--rows", 16, "--columns", 16, "--dtype", asc.FeatureStore(made).spec.dtype),
        cwd=folder,
    )
    assert done.returncode == SettingsMismatch.exit_code
    assert "parameters.bands.count  5 -> 4" in done.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--feature", "band"), "Did you mean 'bands'"),
        (("--feature", "Bands"), "Invalid name of a feature. Got 'Bands'"),
        (
            ("--feature", "bands", "--parameter", "bands.cuont=3"),
            "Did you mean 'count'",
        ),
        (("--parameter", "bands.count=3"), "Known: mel, stft"),
        (("--parameter", "bands"), "FEATURE.NAME=VALUE"),
    ],
)
def test_what_cannot_be_extracted(folder, few_clips, options, text):
    done = command(
        *("extract", few_clips, "no.h5", "--import", "my_bands", *options), cwd=folder
    )
    assert done.returncode == 2, done.stderr
    assert text in done.stderr
    assert not (folder / "no.h5").exists()


def test_help_lists_what_is_registered(folder):
    done = command("extract", "--import", "my_bands", "--help", cwd=folder)
    assert "Feature: bands, mel," in " ".join(done.stdout.split())


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
    import shutil

    import h5py

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
