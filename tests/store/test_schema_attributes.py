"""Attributes of a store that are not as documented are refused."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest


def set_json(file: h5py.File, name: str, value: object) -> None:
    file.attrs[name] = np.bytes_(json.dumps(value))


NAMES = [
    "spec",
    "provenance",
    "environment",
    "corpus",
    "scenes",
    "fingerprint",
    "digest",
    "complete",
    "recordings",
]


@pytest.mark.parametrize("name", NAMES)
def test_missing_attribute(own_store, name, refusal):
    with h5py.File(own_store, "r+") as file:
        del file.attrs[name]
    assert f"the attribute {name!r} is missing" in refusal(own_store)


@pytest.mark.parametrize("name", ["format", "version"])
def test_missing_mark(own_store, name, refusal):
    with h5py.File(own_store, "r+") as file:
        del file.attrs[name]
    text = refusal(own_store)
    assert f"HDF5 but not an asc store: the attribute {name!r} is missing" in text


ANYTHING = {
    "vlen": "text of variable length",
    "array": np.array([b"a", b"b"]),
    "numbers": np.zeros(7000),
    "empty": h5py.Empty("S10"),
    "compound": np.array([("a", 1)], [("x", "S1"), ("y", "i4")])[0],
    "long": np.bytes_(b"x" * 63_000),
    "bytes": np.bytes_(b"\xff\xfe"),
}


@pytest.mark.parametrize("kind", ANYTHING)
@pytest.mark.parametrize("name", [*NAMES, "format", "version"])
def test_attribute_of_another_kind(own_store, name, kind, refusal):
    with h5py.File(own_store, "r+") as file:
        file.attrs[name] = ANYTHING[kind]
    assert f"the attribute {name!r}" in refusal(own_store)


@pytest.mark.parametrize("version", [2, 1000, 2**62, 0, -1])
def test_other_version(own_store, version, refusal):
    with h5py.File(own_store, "r+") as file:
        file.attrs["version"] = version
    assert f"Got {version}, expected at most 1." in refusal(own_store)


@pytest.mark.parametrize(
    "scenes",
    [
        [],
        {},
        "bus",
        [1, 2],
        [None],
        [""],
        ["bus", "bus"],
        ["bus", "\x1b[31mhome"],
        ["bus\n"],
        ["bus\0"],
        ["\ud800"],
        ["\u2028"],
        ["\x9b2J"],
        ["bus", "\u202esub"],
        ["\u2067bus"],
        ["bus\u200f"],
        [["bus"]],
    ],
)
def test_scenes(own_store, scenes, refusal):
    with h5py.File(own_store, "r+") as file:
        set_json(file, "scenes", scenes)
    assert "scenes" in refusal(own_store)


@pytest.mark.parametrize("name", ["spec", "provenance", "environment", "corpus"])
@pytest.mark.parametrize(
    "text",
    ["", "spec", "{", "[" * 50_000, "null", "[]", "[1]", "3", '"{}"', "9" * 5000],
    ids=lambda text: text[:4] or "none",
)
def test_no_json(own_store, name, text, refusal):
    with h5py.File(own_store, "r+") as file:
        file.attrs.create(name, text.encode() or b"\0", dtype=f"S{len(text) or 1}")
    assert f"the attribute {name!r} is not " in refusal(own_store)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 2**40},
        {"rows": 2**30, "columns": 2**30},
        {"rows": 17},
        {"columns": "16"},
        {"rows": 16.0},
        {"sample_rate": 10**300},
        {"sample_rate": None},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": {}},
        {"step": 0},
        {"mel_floor": float("-inf")},
        {"mel_floor": "low"},
        {"dtype": "object"},
        {"dtype": "float32"},
        {"dtype": ["uint8"]},
        {"features": [["mel"]]},
        {"features": ["../clips"]},
        {"features": 5},
        {"channels": "midside"},
        {"window": "\x1b[31m"},
        {"__class__": "x"},
        {"n" * 40_000: 1},
    ],
)
def test_spec(own_store, change, refusal):
    with h5py.File(own_store, "r+") as file:
        set_json(file, "spec", json.loads(file.attrs["spec"]) | change)
    refusal(own_store)


@pytest.mark.parametrize("name", ["provenance", "environment", "corpus"])
@pytest.mark.parametrize(
    "text",
    ['{"a":NaN}', '{"a":-Infinity}', '{"a":1e999}', '{"a":' * 101 + "1" + "}" * 101],
    ids=lambda text: text[:9],
)
def test_json_that_could_not_be_written_again(own_store, name, text, refusal):
    with h5py.File(own_store, "r+") as file:
        file.attrs[name] = np.bytes_(text)
    assert f"the attribute {name!r} is not JSON" in refusal(own_store)


@pytest.mark.parametrize("name", ["provenance", "environment", "corpus"])
@pytest.mark.parametrize("text", ["\x9b2J", "\u202e", "\ud800"])
def test_json_that_commands_a_terminal(own_store, name, text, refusal):
    """These values are shown, and JSON shows such characters as they are."""
    with h5py.File(own_store, "r+") as file:
        set_json(file, name, json.loads(file.attrs[name]) | {"name": [{text: 1}]})
    assert f"{name!r} has control characters" in refusal(own_store)


def test_numbers_that_are_none(own_store, refusal):
    with h5py.File(own_store, "r+") as file:
        file.attrs["recordings"] = np.nan
    refusal(own_store)


@pytest.mark.parametrize("place", ["/", "splits/fold1"])
def test_numbers_of_80_bits(own_store, place, refusal):
    """Python has none, and JSON cannot be written of those of NumPy."""
    name = "recordings" if place == "/" else "leakage"
    with h5py.File(own_store, "r+") as file:
        del file[place].attrs[name]
        file[place].attrs.create(name, np.longdouble(0.1))
    assert f"the attribute {name!r} is not a number" in refusal(own_store)
