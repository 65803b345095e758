"""The run folder: never overwritten, whole files, and safe to open."""

from __future__ import annotations

import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc import files
from asc.errors import InputError, StoreError, UsageError
from asc.files import write_csv, write_json
from asc.store import FeatureStore
from asc.training import new_run
from asc.training.bundle import load_run
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.run import Run


@pytest.fixture(scope="module")
def record(store, tmp_path_factory):
    """What a sound recipe.json holds."""
    run = create_run(tmp_path_factory.mktemp("runs") / "run", Recipe(), store)
    return json.loads((run.path / "recipe.json").read_text())


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# Making one


def test_a_run_knows_recipe_spec_scenes_and_store(tmp_path, store):
    recipe = Recipe(model="cnn-rnn", split="fold1", epochs=3, weights="none", limit=7)
    made = create_run(tmp_path / "deep" / "run", recipe, store)
    opened = Run(str(made.path))
    for run in (made, opened):
        assert run.recipe == recipe
        assert run.spec == store.spec
        assert run.scenes == store.scenes == ("beach", "bus", "cafe/restaurant", "home")
        assert run.store == {
            "path": str(store.path.resolve()),
            "fingerprint": store.fingerprint,
            "digest": store.digest,
        }
        assert run.open_store().digest == store.digest
        assert run.history() == []


def test_a_run_is_never_overwritten(tmp_path, store):
    first = create_run(tmp_path / "run", Recipe(epochs=3), store)
    first.log("something happened")
    before = content(first.path)
    with pytest.raises(UsageError, match="never overwritten.*--run.*--resume"):
        create_run(first.path, Recipe(epochs=4), store)
    assert content(first.path) == before


def test_a_file_is_never_overwritten(tmp_path, store):
    path = tmp_path / "run"
    path.write_text("mine")
    with pytest.raises(UsageError, match="never overwritten"):
        create_run(path, Recipe(), store)
    assert path.read_text() == "mine"


def test_an_empty_folder_can_become_a_run(tmp_path, store):
    assert create_run(tmp_path, Recipe(), store).scenes == store.scenes


def test_default_paths_are_new_ones(tmp_path, monkeypatch, store):
    monkeypatch.setenv("ASC_CACHE", str(tmp_path))
    monkeypatch.setattr(new_run.time, "strftime", lambda _: "20170101-120000")
    recipe = Recipe(feature="stft", split="recording")
    paths = []
    for _ in range(3):
        paths.append(create_run(None, recipe, store).path)
    stem = "small-simple-cnn-stft-recording-20170101-120000"
    assert [path.name for path in paths] == [stem, f"{stem}-2", f"{stem}-3"]
    assert {path.parent for path in paths} == {tmp_path / "runs"}


def test_two_that_begin_at_once_get_folders_of_their_own(tmp_path, monkeypatch, store):
    monkeypatch.setenv("ASC_CACHE", str(tmp_path))
    monkeypatch.setattr(new_run.time, "strftime", lambda _: "20170101-120000")
    start = threading.Barrier(8)

    def create(path):
        start.wait()
        try:
            return create_run(path, Recipe(), store).path
        except UsageError:
            return None

    with ThreadPoolExecutor(8) as pool:
        default = list(pool.map(create, [None] * 8))
        named = list(pool.map(create, [tmp_path / "named"] * 8))
    assert len(set(default)) == 8 and None not in default
    assert (named.count(tmp_path / "named"), named.count(None)) == (1, 7)


# The store of a run


def test_a_store_that_moved(tmp_path, own_store):
    run = create_run(tmp_path / "run", Recipe(), FeatureStore(own_store))
    moved = own_store.rename(tmp_path / "moved.h5")
    with pytest.raises(InputError, match=r"no longer at .*own\.h5.*--store"):
        run.open_store()
    assert run.open_store(moved).path == moved


def test_another_store_is_not_taken_for_it(tmp_path, extract, own_store, few_clips):
    run = create_run(tmp_path / "run", Recipe(), FeatureStore(own_store))
    other = extract(few_clips, settings={"mel_floor": -120.0}).store
    with pytest.raises(StoreError, match="is not the store"):
        run.open_store(other)


# Opening what is none


def test_another_kind_of_thing_is_named(tmp_path, small_store):
    sentence = "is a store, not a run folder. Name a folder that asc-train made"
    with pytest.raises(InputError, match=f"{small_store} {sentence}"):
        Run(small_store)
    (tmp_path / "recipe.json").write_text("{}")
    model = tmp_path / "model.keras"
    model.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match=f"is a Keras model, .* is in, {tmp_path}.$"):
        Run(model)
    with pytest.raises(InputError, match="not a run folder or a bundle: there is no"):
        load_run(tmp_path / "none.zip")
    comparison = tmp_path / "comparison"
    comparison.mkdir()
    (comparison / "grid.json").write_text("{}")
    with pytest.raises(InputError, match=f"one of its runs, .* {comparison}/runs/NAME"):
        Run(comparison)


@pytest.mark.parametrize("value", ["", ["run"], None])
def test_a_run_is_one_path(value):
    with pytest.raises(UsageError, match="^run must be "):
        Run(value)


@pytest.mark.parametrize("name", ["", "missing", "file"])
def test_what_is_no_run_folder(tmp_path, name):
    (tmp_path / "file").write_text("text")
    with pytest.raises(InputError, match="is not a run folder"):
        Run(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "5",
        '"recipe"',
        "{}",
        '{"recipe": {}}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "NaN",
    ],
)
def test_a_recipe_file_that_holds_something_else(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(
        InputError,
        match=r"recipe\.json (is damaged|cannot be read|is not JSON|is not UTF-8)",
    ):
        Run(tmp_path)


def test_a_recipe_file_that_is_not_text(tmp_path):
    (tmp_path / "recipe.json").write_bytes(b"\x89HDF\xff\xfe")
    with pytest.raises(
        InputError,
        match=r"recipe\.json (is damaged|cannot be read|is not JSON|is not UTF-8)",
    ):
        Run(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("recipe.model", "\x1b[2J"),
        ("recipe.epochs", "many"),
        ("recipe.surprise", 1),
        ("recipe", ["model"]),
        ("recipe", 5),
        ("recipe.jit", 1),
        ("recipe.imports", "os"),
        ("recipe.imports", ["../code.py"]),
        ("spec.rows", -1),
        ("spec", None),
        ("scenes", "abc"),
        ("scenes", []),
        ("scenes", [1, 2]),
        ("scenes", ["beach", "\x1b[2J"]),
        ("store", "path"),
        ("store", {}),
        ("store.path", 5),
        ("store.path", "a\x00b"),
        ("store.digest", None),
    ],
)
def test_a_record_that_was_tampered_with(tmp_path, record, place, value):
    _write(tmp_path, record, place, value)
    with pytest.raises(
        InputError,
        match=r"recipe\.json (is damaged|cannot be read|is not JSON|is not UTF-8)",
    ):
        Run(tmp_path)


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)
_places = st.sampled_from(
    [
        *("recipe", "spec", "scenes", "store"),
        *("recipe.model", "recipe.split", "recipe.weights", "recipe.epochs"),
        *("recipe.mixup_alpha", "recipe.learning_rate", "recipe.limit"),
        *("recipe.imports", "recipe.jit", "recipe.ema", "recipe.warmup"),
        *("spec.sample_rate", "spec.seconds", "spec.features", "spec.window"),
        *("store.path", "store.digest"),
    ]
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(place=_places, value=_json_values)
def test_any_record_opens_or_is_refused(tmp_path_factory, record, place, value):
    folder = tmp_path_factory.getbasetemp() / "tampered"
    folder.mkdir(exist_ok=True)
    _write(folder, record, place, value)
    try:
        run = Run(folder)
    except InputError:
        return
    assert run.recipe == Recipe.from_dict(run.recipe.to_dict())
    assert all(isinstance(scene, str) for scene in run.scenes)
    assert all(isinstance(text, str) for text in run.store.values())


def _write(folder, record, place, value):
    changed = json.loads(json.dumps(record))
    *groups, name = place.split(".")
    group = changed
    for part in groups:
        group = group[part]
    group[name] = value
    (folder / "recipe.json").write_text(json.dumps(changed))


# What else is in it


@pytest.mark.parametrize("data", [None, b"", b"not a model", b"PK\x03\x04 broken"])
def test_a_model_that_is_missing_or_damaged(tmp_path, store, data):
    run = create_run(tmp_path / "run", Recipe(), store)
    if data is not None:
        (run.path / "model.keras").write_bytes(data)
    with pytest.raises(InputError, match=r"model\.keras"):
        run.load_model()


def test_a_run_that_was_not_evaluated(tmp_path, store):
    run = create_run(tmp_path / "run", Recipe(), store)
    with pytest.raises(InputError, match=r"no metrics\.json.*--resume"):
        run.metrics()
    write_json(run.path / "metrics.json", {"accuracy": 0.5})
    assert run.metrics() == {"accuracy": 0.5}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 100_000, "\xff"])
def test_damaged_metrics_are_told_in_a_sentence(tmp_path, own_store, text):
    run = create_run(tmp_path / "run", Recipe(), FeatureStore(own_store))
    (run.path / "metrics.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="metrics.json is (damaged|not).*asc evaluate"):
        run.metrics()


def test_the_log_grows_by_lines_with_the_time(tmp_path, store):
    run = create_run(tmp_path / "run", Recipe(), store)
    run.log("café")
    run.log("end")
    lines = (run.path / "log.txt").read_text("utf-8").splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", s) for s in lines] == [
        "café",
        "end",
    ]


def test_the_environment_is_recorded(tmp_path, store):
    run = create_run(tmp_path / "run", Recipe(), store)
    run.record_environment(["asc-train", "store.h5"])
    facts = json.loads((run.path / "environment.json").read_text())
    assert facts["command"] == ["asc-train", "store.h5"]
    assert {"asc", "python", "machine", "started"} <= set(facts)
    assert {"cpu", "memory_bytes", "gpus", "git_commit"} <= set(facts)
    assert {"tensorflow", "keras", "numpy"} <= set(facts["libraries"])


# Whole files


def test_json_is_readable_text(tmp_path):
    path = tmp_path / "values.json"
    write_json(path, {"scene": "café", "value": 0.1})
    assert json.loads(path.read_text("utf-8")) == {"scene": "café", "value": 0.1}
    assert "café" in path.read_text("utf-8")
    assert path.read_text("utf-8").endswith("}\n")


def test_csv_is_what_a_table_program_reads(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, ["name", "value"], [["a, b", 1], ["c", 2.5]])
    assert path.read_text() == 'name,value\n"a, b",1\nc,2.5\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_what_json_cannot_hold_leaves_the_file_as_it_was(tmp_path, value):
    path = tmp_path / "values.json"
    write_json(path, {"old": 1})
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"new": value})
    assert json.loads(path.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["values.json"]


@pytest.mark.parametrize("stage", ["fsync", "replace"])
@pytest.mark.parametrize("write", ["json", "csv"])
def test_a_failing_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch, stage, write):
    def failing(*arguments):
        raise OSError("No space left on device")

    def attempt(value):
        if write == "json":
            write_json(path, {"value": value})
        else:
            write_csv(path, ["value"], [[value]])

    path = tmp_path / "values"
    attempt(1)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, stage, failing)
        with pytest.raises(OSError, match="No space left"):
            attempt(2)
    assert path.read_bytes() == before
    attempt(3)
    assert path.read_bytes() != before
    assert os.listdir(tmp_path) == ["values"]


def test_other_labels_make_another_store(tmp_path, own_store):
    """Features may be equal to the last bit; what they are called is not."""
    run = create_run(tmp_path / "run", Recipe(), FeatureStore(own_store))
    assert run.is_own(FeatureStore(own_store))
    renamed = FeatureStore(own_store)
    renamed.scenes = tuple(reversed(renamed.scenes))
    assert not run.is_own(renamed)
    split_otherwise = FeatureStore(own_store)
    split_otherwise.fingerprint = "0" * 64
    with pytest.raises(StoreError, match="features, labels or splits"):
        run.check_store(split_otherwise)
