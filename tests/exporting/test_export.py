"""Exports that are refused, and the record beside a model."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

import asc
from asc.cli.export import export as command
from asc.errors import InputError, UsageError
from asc.exporting import FORMATS, ExportFormat
from asc.exporting.formats import keras_model
from asc.training.run import Run

pytestmark = pytest.mark.usefixtures("mini_models")


@pytest.fixture(autouse=True)
def formats():
    with FORMATS.restored():
        yield


@pytest.fixture
def out(tmp_path):
    return tmp_path / "made" / "out"


class Wrong(keras_model.KerasModel):
    """A format whose models have their last scenes exchanged."""

    name = "wrong"

    def write(self, model, path, calibration):
        kernel, bias = model.layers[-1].get_weights()
        model.layers[-1].set_weights([kernel[:, ::-1], bias[::-1]])
        super().write(model, path, calibration)


def test_a_model_that_differs_is_refused_and_nothing_is_left(run, small_store, out):
    asc.register_export(Wrong)
    with pytest.raises(InputError, match="differs too much.*difference of at most"):
        asc.export(run, "wrong", out, store=small_store)
    with pytest.raises(InputError, match="same scene for at least 99.0 %"):
        asc.export(run, "wrong", out, store=small_store, max_difference=1)
    assert list(out.parent.iterdir()) == []
    found = asc.export(
        run, "wrong", out, store=small_store, max_difference=1, min_agreement=0
    )
    assert found.parity.largest_difference > 0.1


@pytest.mark.parametrize("made", ["folder", "file", "link"])
def test_nothing_is_overwritten(run, small_store, out, made):
    out.parent.mkdir()
    if made == "folder":
        out.mkdir()
    elif made == "file":
        out.write_text("mine")
    else:
        out.symlink_to("nowhere")
    with pytest.raises(UsageError, match="out exists already. Name a new one"):
        asc.export(run, "keras", out, store=small_store)


def test_a_converter_that_fails_is_a_sentence(run, small_store, out):
    @asc.register_export
    class Failing(ExportFormat):
        name, description, file = "failing", "fails", "model.x"

        def write(self, model, path, calibration):
            path.write_text("half")
            raise RuntimeError("no such operation\nmore")

    with pytest.raises(InputError, match="failing: RuntimeError: no such operation. "):
        asc.export(run, "failing", out, check=False)
    assert not os.path.lexists(out)


def test_what_is_not_installed_is_named_with_the_line_that_installs_it(run, out):
    @asc.register_export
    class Missing(keras_model.KerasModel):
        name, extra = "missing", "onnx"
        modules = ("keras", "no_such_module")

    line = r"pip install 'acoustic-scenes\[onnx\]'"
    with pytest.raises(InputError, match=f"needs no_such_module, .*{line}"):
        asc.export(run, "missing", out)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"to": "onxx"}, "Unknown export format 'onxx'. Did you mean 'onnx'?"),
        ({"with_runner": True}, "Format keras has no runner"),
        ({"max_difference": 2}, "max_difference must be a number in"),
    ],
)
def test_wrong_uses(run, out, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        asc.export(run, **{"to": "keras", "output": out} | options)


def test_the_store_is_needed_or_the_check_is_left_out(run, out, tmp_path):
    moved = shutil.copytree(run.path, tmp_path / "moved")
    record = json.loads((moved / "recipe.json").read_text())
    record["store"]["path"] = str(tmp_path / "gone.h5")
    record["recipe"]["weights"] = "/home/me/first.keras"
    (moved / "recipe.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="no longer at .*gone.h5"):
        asc.export(moved, "keras", out)
    found = asc.export(moved, "keras", out, check=False)
    assert found.parity is None and len(found.sentences()) == 2
    provenance = json.loads((out / "asc-model.json").read_text())["provenance"]
    assert provenance["store"]["path"] == "gone.h5"
    assert provenance["recipe"]["weights"] == "first.keras"


def test_the_normalisation_is_in_the_record(run, out):
    asc.export(run, "keras", out, check=False)
    (layer,) = json.loads((out / "asc-model.json").read_text())["normalisation"]
    expected = Run(run.path).load_model().get_layer("normalise")
    np.testing.assert_array_equal(layer["mean"], np.ravel(expected.mean))
    np.testing.assert_array_equal(layer["variance"], np.ravel(expected.variance))


def test_mixed_precision_is_exported_in_single_precision(
    tmp_path, make_run, small_store
):
    from asc.models import build_model
    from asc.pipeline.tensorflow import keras

    def build(*arguments, **options):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            return build_model(*arguments, **options)
        finally:
            keras.config.set_dtype_policy("float32")

    run = make_run(tmp_path / "run", build=build)
    assert run.load_model().layers[-2].compute_dtype == "bfloat16"
    asc.export(run, "keras", tmp_path / "out", store=small_store)
    model = keras.saving.load_model(tmp_path / "out" / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_the_model_card_shows_text_of_others_as_text(tmp_path, run):
    other = shutil.copytree(run.path, tmp_path / "a|b <script>")
    asc.export(other, "keras", tmp_path / "out", check=False, license="cc-by-4.0")
    card = (tmp_path / "out" / "README.md").read_text()
    front, _, body = card.removeprefix("---\n").partition("\n---\n")
    assert 'license: "cc-by-4.0"' in front and 'name: "a|b <script>"' in front
    assert f"value: {run.metrics()['accuracy']}" in front
    assert "# a\\|b \\<script\\>" in body and " <script" not in body
    assert "split recording, leakage 0 %" in body
    assert all(f"| {scene} |" in body for scene in run.scenes)


def test_the_command_prints_size_cost_and_parity(run, small_store, out):
    asked = [str(run.path), "--to", "keras", "-o", str(out), "--store", small_store]
    done = CliRunner().invoke(command, [*map(str, asked)], standalone_mode=False)
    assert done.exception is None and done.return_value == 0
    assert "3,076 parameters (12 kB), 0.00307 M multiply-adds a clip" in done.stdout
    assert "parity on 8 clips (test of split recording, leakage 0 %)" in done.stdout
    assert "128 kB of parameters met, 30 M multiply-adds met" in done.stdout
