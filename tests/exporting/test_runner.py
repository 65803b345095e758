"""The program beside a model: the front end in NumPy, windows, resampling."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import asc
from asc.exporting.format import RUNNERS
from asc.exporting.formats import keras_model
from asc.exporting.record import frontend_arrays, model_record
from asc.exporting.runners.frontend import FrontEnd
from asc.features import FeatureSpec, completed, make_features
from asc.prediction.windows import cut_windows

pytestmark = pytest.mark.usefixtures("mini_models")
RATE = 16000

#: A runtime that needs nothing: probabilities are means of three bands.
RUNTIME = """
from pathlib import Path

class Model:
    def __init__(self, path):
        assert Path(path).read_text() == "written"

    def __call__(self, features):
        bands = features.reshape(len(features), 4, -1).mean(axis=2)
        return bands / bands.sum(axis=1, keepdims=True)
"""


@pytest.mark.parametrize("channels", ["mono", "midside"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"dtype": "float32"}, {"center": False, "window": "hamming"}],
    ids=str,
)
@pytest.mark.parametrize("feature", ["mel", "pcen", "stft"])
def test_the_front_end_gives_what_the_store_holds(noise, feature, channels, settings):
    known = {"rows": 24, "columns": 20, "hop_length": 128, "features": (feature,)}
    spec = completed(
        FeatureSpec.for_audio(RATE, 0.5, channels=channels, **known | settings)
    )
    run = SimpleNamespace(spec=spec, recipe=SimpleNamespace(feature=feature))
    feature_object = make_features(spec)[feature]
    record = {
        "spec": spec.to_dict(),
        "encoding": vars(feature_object.encoding),
        "values": {
            "method": "pcen" if feature == "pcen" else "decibel",
            "parameters": feature_object.parameters,
        },
    }
    frontend = FrontEnd(record, frontend_arrays(run))
    samples = np.stack([noise(spec.samples, RATE, i) for i in range(2)], axis=1)
    y = frontend.mix(samples).astype(np.float32)
    expected = asc.FrontEnd(spec)(y)[feature].astype(np.float32)
    found = frontend(y)
    assert found.dtype == np.float32 and found.shape == expected.shape
    if spec.dtype == "uint8":
        # Single precision may round a value to the next code.
        assert np.abs(found - expected).max() <= 1
        assert (found != expected).mean() < 0.01
    else:
        np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.fixture(scope="module")
def made(tmp_path_factory, run):
    """Return an exported folder whose model is a stand-in."""
    folder = tmp_path_factory.mktemp("runner")
    (folder / "own_runtime.py").write_text(RUNTIME)

    class StandIn(keras_model.KerasModel):
        name, file, runner = "stand-in", "model.txt", folder / "own_runtime.py"

        def write(self, model, path, calibration):
            path.write_text("written")

    asc.register_export(StandIn, replace=True)
    asc.export(run, "stand-in", folder / "out", check=False, with_runner=True)
    return folder / "out"


@pytest.fixture
def classify(made, monkeypatch):
    """Return the module of the program, imported from its folder."""
    monkeypatch.syspath_prepend(str(made))
    import classify

    yield classify
    for name in ("classify", "frontend", "runtime"):
        del sys.modules[name]


def test_the_program_is_copied_with_its_requirements(made):
    for name in ("classify.py", "frontend.py"):
        assert (made / name).read_bytes() == (RUNNERS / name).read_bytes()
    assert (made / "requirements.txt").read_text() == "numpy\nscipy\nsoundfile\n"
    assert "python classify.py AUDIO" in (made / "README.md").read_text()


@pytest.mark.parametrize("length", [3, 10, 14, 15, 20, 24, 31, 40])
def test_windows_are_those_of_asc(classify, made, length):
    found = classify.Classifier(made)
    found.length = 10
    expected = [start for start, _ in cut_windows([np.zeros((1, length))], 10, 10)]
    assert found.starts(length) == expected


def test_a_file_at_another_rate_is_resampled(classify, made, tmp_path, write_wav):
    write_wav(tmp_path / "a.wav", seconds=1.0, rate=44100, seed=3)
    samples, _ = soundfile.read(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", np.repeat(samples, 2, axis=0), 88200)
    found = classify.Classifier(made)
    one, two = (found(str(tmp_path / name)) for name in ("a.wav", "b.wav"))
    assert one.sum() == pytest.approx(1)
    np.testing.assert_allclose(two, one, atol=0.02)


def test_the_program_prints_scenes_and_errors(
    classify, made, tmp_path, write_wav, monkeypatch, capsys
):
    write_wav(tmp_path / "a.wav", seconds=0.4)
    (tmp_path / "text.wav").write_text("no audio")
    files = [str(tmp_path / name) for name in ("a.wav", "text.wav", "none.wav")]
    monkeypatch.setattr(sys, "argv", ["classify.py", *files, "--json"])
    assert classify.main() == 3
    out, err = capsys.readouterr()
    ((record),) = json.loads(out)
    assert record["path"] == files[0]
    assert sum(record["probabilities"].values()) == pytest.approx(1)
    assert "text.wav: " in err and "none.wav: It is not there." in err
    monkeypatch.setattr(sys, "argv", ["classify.py", files[0], "--top", "1"])
    assert classify.main() == 0
    assert capsys.readouterr().out.count("%") == 1


def test_a_feature_with_values_of_its_own_has_no_runner(run, tmp_path, monkeypatch):
    from asc.features.representations.mel import Mel

    monkeypatch.setattr(Mel, "values", lambda *given: None)
    model = SimpleNamespace(input_shape=(None, 16, 16, 1), _flatten_layers=list)
    record = model_record(run, model, keras_model.KerasModel(), "")
    assert record["values"] is None
    with pytest.raises(asc.AscError, match="The runner cannot compute the feature mel"):
        frontend_arrays(run)
