"""What every registered format keeps: probabilities, labels, spec, no folders."""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

import asc
from asc.exporting import FORMATS, formats
from asc.exporting.export import BUNDLE, _prepared
from asc.models import build_model, model_names
from asc.pipeline.tensorflow import quiet
from asc.store import FeatureStore
from asc.training.run import Run

pytestmark = pytest.mark.usefixtures("mini_models")
NAMES = FORMATS.names()
#: Their conversion takes ten seconds each.
LARGE = {"complex-cnn", "inception-v3", "resnet50"}
#: Their layers are those of other models too, and LiteRT takes seconds.
PLAIN = {"linear", "simple-cnn", "wide-filter-cnn"}
CONVERTED = [
    *(("litert", name) for name in sorted({*model_names()} - LARGE - PLAIN)),
    *(("onnx", name) for name in sorted({*model_names()} - LARGE)),
]


def installed(name):
    """Return a format, or skip the test."""
    found = FORMATS.get(name)
    if missing := [name for name in found.modules if find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
    return found()


@pytest.fixture(params=NAMES)
def export_format(request):
    return installed(request.param)


def test_every_module_registers_one():
    modules = {FORMATS.get(name).__module__.rpartition(".")[2] for name in NAMES}
    assert modules == {each.name for each in pkgutil.iter_modules(formats.__path__)}


@pytest.mark.parametrize("name", NAMES)
def test_it_describes_itself(name):
    found = FORMATS.get(name)
    assert found.name == name and found.description
    assert found.file.startswith("model.")
    assert 0 <= found.max_difference <= 1 and 0 <= found.min_agreement <= 1
    assert found.runner is None or found.runner.is_file()


def test_it_gives_what_the_model_gives(export_format, run, small_store, tmp_path):
    name = export_format.name
    # Rows of these clips hardly vary, and eight bits are coarse for them.
    quantised = export_format.calibrated
    found = asc.export(
        run.path,
        name,
        tmp_path / "out",
        store=small_store,
        with_runner=export_format.runner is not None,
        min_agreement=0.5 if quantised else None,
    )
    parity = found.parity
    assert parity.clips == 8 and (parity.split, parity.part) == ("recording", "test")
    assert parity.largest_difference <= (0.5 if quantised else 1e-5)
    assert parity.accuracy_after == parity.accuracy_before or quantised
    assert found.within_dcase_limits == dict(parameter_bytes=True, multiply_adds=True)
    assert (found.parameters, found.multiply_adds) == (3076, 3072)
    assert json.dumps(found.to_dict()) and all(found.sentences())
    if name == BUNDLE:
        assert found.path.is_file()
        return
    assert set(found.files) == {each.name for each in found.path.iterdir()}
    record = json.loads((found.path / "asc-model.json").read_text())
    assert record["file"] == export_format.file and record["file"] in found.files
    assert record["spec"] == run.spec.to_dict()
    assert record["parity"]["agreement"] == parity.agreement
    labels = (found.path / "labels.txt").read_text().splitlines()
    assert tuple(labels) == tuple(record["scenes"]) == run.scenes
    # The file alone gives them, for a clip that no export has seen.
    clips = FeatureStore(small_store).features("mel")[:3].astype(np.float32)
    expected = Run(run.path).load_model().predict_on_batch(clips)
    given = export_format.load(found.path / record["file"])(clips)
    np.testing.assert_allclose(given, expected, atol=0.5 if quantised else 1e-5)
    # Nobody learns whose folders it was made in.
    for file in found.path.rglob("*"):
        if file.is_file():
            assert str(run.path.parent).encode() not in file.read_bytes(), file


@pytest.fixture(scope="module")
def small_model():
    """Return a function that builds a model for a small input, once."""
    import keras

    @cache
    def build(name):
        keras.utils.set_random_seed(0)
        size = 64 if name == "wide-filter-cnn" else 32
        statistics = {"mean": np.full(size, 128.0), "variance": np.full(size, 900.0)}
        return build_model(
            name, input_shape=(size, size, 1), num_scenes=3, **statistics
        )

    return build


@pytest.mark.parametrize(("name", "model_name"), CONVERTED)
def test_converters_know_the_layers_of_every_model(
    name, model_name, small_model, tmp_path
):
    export_format, model = installed(name), small_model(model_name)
    shape = (2, *model.input_shape[1:])
    clips = np.random.default_rng(0).integers(1, 256, shape).astype(np.float32)
    path = tmp_path / export_format.file
    with quiet():
        export_format.write(_prepared(model), path, clips[:0])
        given = export_format.load(path)(clips)
    np.testing.assert_allclose(given, model.predict_on_batch(clips), atol=1e-5)
