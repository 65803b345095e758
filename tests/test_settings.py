"""Files of settings: YAML gives what JSON would, and nothing else."""

from __future__ import annotations

import sys

import pytest

from asc.errors import InputError, MissingInputError
from asc.experiments.grid import named_grid
from asc.settings import read_settings
from asc.training.recipes import choose

yaml = pytest.importorskip("yaml")


def test_yaml_and_json_are_the_same(tmp_path):
    (tmp_path / "a.json").write_text(
        '{"model": "x", "epochs": 3, "rate": 0.001, "list": [1, 2.5, null, true]}'
    )
    (tmp_path / "a.YAML").write_text(
        "# mine\nmodel: x\nepochs: 3\nrate: 1e-3\nlist: [1, 2.5, null, true]\n"
    )
    expected = read_settings(tmp_path / "a.json")
    found = read_settings(tmp_path / "a.YAML")
    assert found == expected
    assert [type(value) for value in found.values()] == [str, int, float, list]


def test_recipes_and_grids_can_be_yaml(tmp_path):
    file = tmp_path / "mine.yml"
    file.write_text("epochs: 7\nlearning_rate: 5e-4\naugment: none\n")
    recipe, sources = choose(file, {"seed": 2})
    assert (recipe.epochs, recipe.learning_rate, recipe.augment) == (7, 5e-4, "none")
    assert sources["epochs"] == f"file {file}" and sources["seed"] == "flag"
    file.write_text("models: [simple-cnn, cnn-rnn]\n")
    assert named_grid(file).models == ("simple-cnn", "cnn-rnn")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "is not YAML: .*line 1"),
        ("a: &x [1]\nb: *x", "anchors"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("a: 2026-01-01", "Put texts such as dates in quotes"),
        ("a: .nan", "not a text, number"),
        ("{[1, 2]: 3}", "is not YAML"),
        ("[" * 20_000, "is not YAML|nested too deeply"),
        ("a: \x1b[2J", "is not YAML"),
        ("a: " + "x" * (1 << 17), "too large"),
    ],
)
def test_what_is_refused(tmp_path, text, sentence):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=sentence) as caught:
        read_settings(file)
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 1000


def test_without_pyyaml_a_sentence_says_so(tmp_path, monkeypatch):
    with pytest.raises(MissingInputError):
        read_settings(tmp_path / "none.yaml")
    (tmp_path / "a.yaml").write_text("a: 1")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(InputError, match=r"pip install '.*\[yaml\]', or write JSON"):
        read_settings(tmp_path / "a.yaml")
