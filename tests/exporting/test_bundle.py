"""Bundles: the same answers as the run's, and nothing else from strangers."""

from __future__ import annotations

import gc
import json
import zipfile

import numpy as np
import pytest

import asc
from asc.errors import InputError, UsageError
from asc.kinds import Kind, kind_of
from asc.training.bundle import MEMBERS, Bundle, load_run

pytestmark = pytest.mark.usefixtures("mini_models")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, run):
    path = tmp_path_factory.mktemp("bundles") / "model.zip"
    asc.export(run, "bundle", path, check=False)
    return path


@pytest.fixture
def changed(bundle, tmp_path):
    """Return the function that writes a copy with other members, in its order."""

    def change(members=None, **extra):
        path = tmp_path / "changed.zip"
        with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                data = (members or {}).get(name, old.read(name))
                if data is not None:
                    new.writestr(name, data)
            for name, data in extra.items():
                new.writestr(name, data)
        return path

    return change


def test_it_predicts_and_evaluates_as_the_run_does(
    run, bundle, few_clips, small_store, tmp_path
):
    audio = sorted((few_clips / "audio").iterdir())[:3]
    for given, expected in zip(
        asc.predict(bundle, audio), asc.predict(run, audio), strict=True
    ):
        np.testing.assert_array_equal(given.windows, expected.windows)
    given = asc.evaluate(bundle, store=small_store)
    expected = asc.evaluate(run, store=small_store)
    assert given.metrics == expected.metrics
    assert given.metrics.leakage == 0 and given.metrics.epochs == 2
    again = asc.export(bundle, "bundle", tmp_path / "again.zip", store=small_store)
    assert again.parity.agreement == 1


def test_it_has_its_members_and_no_folder_of_the_author(bundle, run, small_store):
    with zipfile.ZipFile(bundle) as archive:
        assert archive.namelist() == list(MEMBERS)
        content = {name: archive.read(name) for name in MEMBERS}
    for name, data in content.items():
        for folder in (run.path.parent, small_store.parent):
            assert str(folder).encode() not in data, name
    assert json.loads(content["metrics.json"]) == run.metrics()
    assert json.loads(content["recipe.json"])["store"]["path"] == "small.h5"


def test_no_record_of_a_run_tells_a_folder_of_the_author(make_run, tmp_path):
    """Whatever is recorded: also where it started, and what its recipe came from."""
    run = make_run(tmp_path / "my file a" / "run")
    record = json.loads((run.path / "recipe.json").read_text())
    secret = str(tmp_path / "my file a")
    record["init_from"] = {
        "run": f"{secret}/first",
        "store": {"path": f"{secret}/s.h5"},
    }
    record["sources"]["epochs"] = f"file {secret}/recipe.json"
    record["noted"] = ["~/audio", f"{secret}"]
    (run.path / "recipe.json").write_text(json.dumps(record))
    asc.export(run, "bundle", tmp_path / "b.zip", check=False)
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        for name in archive.namelist():
            assert str(tmp_path).encode() not in archive.read(name), name
        public = json.loads(archive.read("recipe.json"))
    assert public["init_from"] == {"run": "first", "store": {"path": "s.h5"}}
    assert public["sources"]["epochs"] == "file recipe.json"
    assert public["noted"] == ["audio", "my file a"]
    assert public["scenes"] == record["scenes"] and public["spec"] == record["spec"]


def test_the_same_run_gives_the_same_bundle(bundle, run, tmp_path):
    asc.export(run, "bundle", tmp_path / "model.zip", check=False)

    def members(path):
        with zipfile.ZipFile(path) as archive:
            # Keras notes the time in its own file.
            return [(each.filename, each.date_time) for each in archive.infolist()], [
                archive.read(name) for name in MEMBERS if name != "model.keras"
            ]

    assert members(tmp_path / "model.zip") == members(bundle)


def test_it_is_known_by_its_content_and_leaves_nothing(bundle, tmp_path):
    copy = tmp_path / "a.wav"
    copy.write_bytes(bundle.read_bytes())
    assert kind_of(copy) is Kind.BUNDLE
    opened = load_run(copy)
    assert isinstance(opened, Bundle) and opened.path == copy
    assert opened.is_finished() and len(opened.history()) == 2
    folder = opened.folder
    assert folder.is_dir() and folder != copy.parent
    del opened
    gc.collect()
    assert not folder.exists()


def test_the_store_must_be_named(bundle):
    with pytest.raises(InputError, match="is a bundle, which has no store.*--store"):
        asc.evaluate(bundle)


def test_all_folds_in_one_are_not_evaluated_on_what_they_learned(
    bundle, changed, small_store, few_clips
):
    with zipfile.ZipFile(bundle) as archive:
        record = json.loads(archive.read("recipe.json"))
    record["recipe"]["split"] = "folds"
    folds = changed({"recipe.json": json.dumps(record)})
    with pytest.raises(UsageError, match="trained on all clips of"):
        asc.evaluate(folds, store=small_store)
    (found,) = asc.predict(folds, sorted((few_clips / "audio").iterdir())[0])
    assert found.error == ""


def refusal(path):
    with pytest.raises(InputError) as caught:
        load_run(path).load_model()
    text = str(caught.value)
    assert str(path) in text and "asc-bundle-" not in text
    return text


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside", "code.py", "a/b"])
def test_other_members_are_refused(changed, tmp_path, name):
    assert f"it has {name}. Expected asc-model.json," in refusal(
        changed({"README.md": None}, **{name: "x" * 10})
    )
    assert {each.name for each in tmp_path.iterdir()} == {"changed.zip"}


@pytest.mark.parametrize("name", ["recipe.json", "model.keras", "labels.txt"])
def test_missing_members_are_named(changed, name):
    assert f"it has no {name}." in refusal(changed({name: None}))


def test_what_it_says_is_checked_as_in_a_run(changed):
    assert "changed.zip/recipe.json is not JSON" in refusal(
        changed({"recipe.json": "{"})
    )
    path = changed({"metrics.json": "[]"})
    with pytest.raises(InputError, match="changed.zip/metrics.json is damaged"):
        load_run(path).metrics()


def test_a_model_with_code_is_refused(changed):
    from asc.pipeline.tensorflow import keras

    inputs = keras.Input((16, 16, 1))
    outputs = keras.layers.Lambda(lambda x: x)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    keras.saving.save_model(model, path := changed().with_name("m.keras"))
    text = refusal(changed({"model.keras": path.read_bytes()}))
    assert "changed.zip/model.keras cannot be loaded: it has Lambda" in text


def test_sizes_are_checked_before_anything_is_unpacked(bundle, tmp_path):
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name) if name != "README.md" else bytes(5 << 20)
            new.writestr(name, data, zipfile.ZIP_DEFLATED)
    assert "README.md has 5.2 MB, expected at most 4.2 MB." in refusal(path)
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED)
    assert "model.keras is compressed" in refusal(path)
    data = bytearray(bundle.read_bytes())
    data[-10:-6] = (1 << 30).to_bytes(4, "little")  # how long its list is
    path.write_bytes(data)
    assert "it lists 7 files in 1,074 MB." in refusal(path)


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_bundle_that_is_cut_off(bundle, tmp_path, cut):
    data = bundle.read_bytes()
    path = tmp_path / "cut.zip"
    path.write_bytes(data[: int(cut * len(data))])
    assert "it is not complete. Copy it again." in refusal(path)


def test_changed_bytes_are_found(bundle, tmp_path):
    data = bytearray(bundle.read_bytes())
    data[data.index(b"PK\x03\x04", 10) - 5] ^= 255  # in the record
    path = tmp_path / "damaged.zip"
    path.write_bytes(data)
    assert "is damaged" in refusal(path)


def test_twice_the_same_member(bundle, tmp_path):
    path = tmp_path / "twice.zip"
    path.write_bytes(bundle.read_bytes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(match="Duplicate name"):
        archive.writestr("recipe.json", "{}")
    assert "it lists 8 files" in refusal(path)
