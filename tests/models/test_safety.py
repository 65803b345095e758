"""Model files of others: what is refused, in time, and what still loads."""

from __future__ import annotations

import json
import os
import random
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from asc.errors import InputError
from asc.models import build_model, safety
from asc.models.safety import load_model
from asc.pipeline.tensorflow import keras

SHAPE = (16, 16, 1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, bytes]:
    """Return the members of a small model with convolution, recurrence and moments."""
    layers = keras.layers
    inputs = keras.Input(SHAPE)
    x = layers.Normalization(axis=1, mean=[1.0] * 16, variance=[2.0] * 16)(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(x))
    x = layers.LSTM(4)(layers.Reshape((14, 56))(x))
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    keras.Model(inputs, layers.Dense(3, activation="softmax")(x)).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.keras"


def write(path: Path, members: dict[str, bytes | str], compression: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return path


def refusal(path: Path, **options: object) -> str:
    """Return the sentence with which a model is refused: one line that names it."""
    with pytest.raises(InputError) as caught:
        load_model(path, **options)
    text = str(caught.value)
    assert text.startswith(str(path)) and text.isprintable() and text.endswith(".")
    assert caught.value.exit_code == 3
    return text


def described(saved: dict[str, bytes], kind: str, **changes: object) -> dict:
    """Return the members with another description of the layer of one class."""
    config = json.loads(saved["config.json"])
    layer = next(x for x in config["config"]["layers"] if x["class_name"] == kind)
    for name, value in changes.items():
        place = layer if name in ("module", "class_name", "config") else layer["config"]
        place[name] = value
        if value is None:
            del place[name]
    return saved | {"config.json": json.dumps(config)}


def test_a_model_loads_as_it_was_saved(saved, path):
    values = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    write(path, saved)
    expected = keras.saving.load_model(path)(values)
    np.testing.assert_array_equal(load_model(path)(values), expected)
    write(path, saved, zipfile.ZIP_DEFLATED)
    np.testing.assert_array_equal(load_model(path)(values), expected)


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("Dense", {"module": "os", "class_name": "system"}, "it has system of os"),
        ("Dense", {"module": "unittest.__main__"}, "Dense of unittest.__main__"),
        ("Dense", {"module": "keras.saving"}, "Dense of keras.saving"),
        ("Dense", {"module": None}, "Dense of None"),  # read in an older way
        ("Dense", {"class_name": "Lambda"}, "Lambda of keras.layers"),
        ("Dense", {"class_name": "TFSMLayer"}, "TFSMLayer of keras.layers"),
        ("Dense", {"class_name": "StringLookup"}, "StringLookup of keras.layers"),
        (
            "Dense",
            {"activation": {"class_name": "__lambda__", "config": {"value": ""}}},
            "__lambda__ of None",
        ),
        (
            "Dense",
            {
                "activation": {
                    "module": "keras.utils",
                    "class_name": "function",
                    "config": "get_file",
                }
            },
            "get_file of keras.utils",
        ),
        ("Dense", {"module": ["\x1b[2J"]}, "--import"),
        ("Dense", {"units": 16_000_000}, "weights of 320 MB, and holds"),
        ("Conv2D", {"filters": 2**62}, ""),
        ("LSTM", {"units": "\x1b[2J"}, ""),
    ],
)
def test_what_no_model_may_describe(saved, path, kind, changes, sentence):
    assert sentence in refusal(write(path, described(saved, kind, **changes)))


@pytest.mark.parametrize(
    "make",
    [
        lambda x, layers: layers.UpSampling2D(1000)(x),
        lambda x, layers: layers.ZeroPadding2D(20000)(x),
        # Their outputs are small, and what they compute inside is not.
        lambda x, layers: layers.SeparableConv2D(3, 1, depth_multiplier=10**6)(x),
        lambda x, layers: layers.Reshape((1024, 4, 1))(
            layers.Attention()(
                2 * [layers.Reshape((4096, 1))(layers.UpSampling2D(4)(x))]
            )
        ),
    ],
)
def test_what_no_model_may_compute(path, make):
    layers = keras.layers
    inputs = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(make(inputs, layers))
    keras.Model(inputs, layers.Dense(3)(x)).save(path)
    assert "for one clip. Expected at most 128 MB" in refusal(path)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"config.json": b" " * 10**8}, "config.json has 100 MB"),
        ({"model.weights.h5": bytes(10**8)}, "100 MB of it are"),
        ({"assets/x": bytes(10)}, "expected config.json and model.weights.h5"),
        ({"config.json": "[" * 10**5 + "]" * 10**5}, "RecursionError"),
        ({"config.json": '{"class_name": 1, "config": [[[]]]}'}, "1 of None"),
        ({"config.json": "3"}, "does not describe a model"),
        ({"config.json": '{"class_name": 1' + ',"a":{"b":1' * 300 + "}" * 301}, "300"),
    ],
)
def test_what_no_archive_may_have(saved, path, members, sentence, monkeypatch):
    monkeypatch.setattr(safety, "_MAX_DEPTH", 300)
    write(path, saved | members, zipfile.ZIP_DEFLATED)
    assert sentence in refusal(path)


def test_an_archive_without_weights(saved, path):
    write(path, {"config.json": saved["config.json"]})
    assert "expected config.json and model.weights.h5" in refusal(path)


def linked(file: h5py.File) -> None:
    file["layers/dense"] = h5py.ExternalLink("/dev/zero", "/x")


def soft(file: h5py.File) -> None:
    file["layers/dense"] = h5py.SoftLink("/layers/lstm")


def outside(file: h5py.File) -> None:
    external = [("/etc/hostname", 0, 4)]
    file.create_dataset("layers/dense/vars/0", (1,), "f4", external=external)


def huge(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "f4", chunks=True)


def words(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", (4,), h5py.string_dtype())


def nothing(file: h5py.File) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (linked, "/layers/dense is a link"),
        (soft, "/layers/dense is a link"),
        (outside, "not stored in the file itself"),
        (huge, "too large"),
        (words, "is not of numbers"),
        (nothing, "Expected"),
    ],
)
def test_what_no_weights_may_have(saved, tmp_path, path, change, sentence):
    weights = tmp_path / "own.weights.h5"
    weights.write_bytes(saved["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        del file["layers/dense"]
        change(file)
    write(path, saved | {"model.weights.h5": weights.read_bytes()})
    assert sentence in refusal(path)
    with pytest.raises(InputError, match=sentence):
        build_model("cnn-rnn", input_shape=SHAPE, num_scenes=3, weights=weights)


def test_only_regular_files_below_the_root(saved, tmp_path, path):
    os.mkfifo(path)
    assert "not a regular file" in refusal(path)
    path.unlink()
    path.symlink_to(write(tmp_path / "other.keras", saved))
    assert "symbolic link" in refusal(path, root=tmp_path)
    assert load_model(path).output_shape == (None, 3)  # a path of the user's own
    path.unlink()


def test_the_list_of_members_is_not_read_from_a_sparse_file(path):
    size = 10**9
    with open(path, "wb") as file:
        file.truncate(size)
        file.seek(size)
        # A zip archive that is all list, as its end says: one entry of `size` bytes.
        file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, size, 0, 0))
    assert "1,000 MB of it are" in refusal(path)


def test_an_archive_that_is_larger_than_any_model(saved, path, monkeypatch):
    monkeypatch.setattr(safety, "_MAX_FILE", 10**4)
    monkeypatch.setattr(safety, "_MAX_CONFIG", 10**4)
    path.write_bytes(b"x" * 20_001)
    assert "it is too large. Got" in refusal(path)


def test_layers_of_the_user_load_once_they_are_registered(path):
    class Doubled(keras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            # A variable with a value cannot be made without memory.
            self.two = keras.Variable(np.full(1, 2, np.float32), trainable=False)

        def call(self, x):
            return self.two * x

    register = keras.saving.register_keras_serializable("lab")
    inputs = keras.Input(SHAPE)
    x = register(Doubled)()(inputs)
    keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x))).save(path)
    assert load_model(path, modules=["lab"]).output_shape == (None, 3)
    del keras.saving.get_custom_objects()["lab>Doubled"]
    assert "add --import lab (in Python" in refusal(path, modules=["lab"])


def damaged(rng: random.Random, saved: dict[str, bytes], path: Path) -> None:
    """Write a model with random damage to the archive, or to a member of it."""
    members = dict(saved)
    name = rng.choice(["config.json", "model.weights.h5"])
    data = bytearray(members[name])
    for _ in range(rng.choice([1, 3, 30])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    members[name] = bytes(data)
    if rng.random() < 0.5:
        write(path, members)
        return
    data = bytearray(write(path, saved).read_bytes())
    for _ in range(rng.choice([1, 1, 8])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])


def test_damage_of_any_kind_is_a_sentence(saved, path):
    rng, refused = random.Random(20), 0
    for _ in range(60):
        damaged(rng, saved, path)
        try:
            model = load_model(path)  # a bit of a weight
        except InputError as error:
            text, refused = str(error), refused + 1
            assert text.startswith(str(path)) and text.isprintable()
        else:
            assert isinstance(model, keras.Model)
    assert refused > 40


@pytest.mark.parametrize("value", [None, -1, 10**9, 1e308, "x", [], {}, True])
def test_other_values_in_a_description_are_a_sentence(saved, path, value):
    rng = random.Random(str(value))
    for _ in range(8):
        config = json.loads(saved["config.json"])
        *places, last = rng.choice(list(places_of(config)))
        inner = config
        for place in places:
            inner = inner[place]
        inner[last] = value
        write(path, saved | {"config.json": json.dumps(config)})
        try:
            load_model(path)
        except InputError as error:
            assert str(error).startswith(str(path)) and str(error).isprintable()


def places_of(value: object, before: tuple = ()) -> list[tuple]:
    """Return the path of every value in JSON."""
    if not isinstance(value, (dict, list)):
        return []
    found = []
    for place in value if isinstance(value, dict) else range(len(value)):
        found += [(*before, place), *places_of(value[place], (*before, place))]
    return found
