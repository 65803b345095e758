"""Recipes by name and from files: who wins, and that the record says so."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from world import MINI_MODELS

from asc import registry
from asc.errors import InputError, UsageError
from asc.evaluation.evaluate import evaluate
from asc.experiments.experiment import resume, train
from asc.models import model_names
from asc.models.entries import MODELS
from asc.registry import import_modules, imported_modules
from asc.store import FeatureStore
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.recipes import RECIPES, choose
from asc.training.run import Run


def test_nothing_chosen_is_the_documented_system():
    recipe, sources = choose()
    assert recipe == choose("slides")[0] == Recipe()
    assert set(sources) == set(Recipe().to_dict())
    assert set(sources.values()) == {"default"}


@pytest.mark.parametrize("name", RECIPES)
def test_names_stand_for_their_values(name):
    recipe, sources = choose(name)
    for field, value in recipe.to_dict().items():
        told = RECIPES[name].get(field, getattr(Recipe(), field))
        assert value == told
        assert sources[field] == (
            f"recipe {name}" if field in RECIPES[name] else "default"
        )
    assert not {"feature", "split", "seed", "weights"} & set(RECIPES[name])
    recipe.resolve()


def test_flags_win_over_files_and_files_over_defaults(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text('{"epochs": 7, "ema": 0.9, "seed": 0}')
    recipe, sources = choose(file, {"epochs": 9, "jit": False})
    assert recipe == Recipe(epochs=9, ema=0.9)
    told = {name: source for name, source in sources.items() if source != "default"}
    # What was said is not a default, even where it says the same.
    assert told == {
        **{"epochs": "flag", "jit": "flag"},
        **{"ema": f"file {file}", "seed": f"file {file}"},
    }


def test_a_run_is_a_recipe(tmp_path, small_store):
    recipe = Recipe(model="cnn-rnn", epochs=3, weight_decay=0.01, limit=5)
    _, sources = choose("better")
    run = create_run(tmp_path / "r", recipe, FeatureStore(small_store), sources=sources)
    record = json.loads((run.path / "recipe.json").read_text())
    assert record["sources"] == sources
    for place in (run.path, str(run.path), run.path / "recipe.json"):
        assert choose(place)[0] == recipe


def test_the_sources_of_a_recipe_made_by_code(tmp_path, small_store):
    run = create_run(tmp_path / "r", Recipe(epochs=3), FeatureStore(small_store))
    sources = json.loads((run.path / "recipe.json").read_text())["sources"]
    assert sources.pop("epochs") == "given"
    assert set(sources.values()) == {"default"}


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ('{"epoch": 3}', UsageError, "mine.json: .*Did you mean 'epochs'"),
        ('{"recipe": {"sead": 3}}', UsageError, "Did you mean 'seed'"),
        ('{"epochs": true}', UsageError, "mine.json: epochs must be a whole number"),
        ('{"jit": 1}', UsageError, "jit must be true or false"),
        ('{"schedule": "cosin"}', UsageError, "Did you mean 'cosine'"),
        ('{"ema": 1}', UsageError, r"ema must be a number in \[0, 1\)"),
        ('{"weight_decay": NaN}', InputError, "NaN is not a number in JSON"),
        ('{"schedule": "cosine", "warmup": 50}', UsageError, "shorter than epochs"),
        ('{"recipe": 3}', InputError, "an object of fields"),
        ("[]", InputError, "an object of fields"),
        ("{", InputError, "is not JSON"),
        ("\x00", InputError, "is not JSON"),
        ("[" * 100_000, InputError, "is not JSON"),
    ],
)
def test_a_file_that_is_none(tmp_path, text, error, sentence):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(error, match=sentence):
        choose(file)


def test_a_store_in_place_of_a_recipe(small_store):
    with pytest.raises(InputError, match="is a store, not a recipe"):
        choose(small_store)


def test_names_and_files_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'better'.*A path of a file"):
        choose("beter")
    for missing in (tmp_path / "none", "none.json"):
        with pytest.raises(InputError, match="no recipe"):
            choose(missing)


# Modules that register models


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return the name of a module in the current folder that registers a model."""
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    monkeypatch.setattr(registry, "_IMPORTED", {})
    monkeypatch.chdir(tmp_path)
    shutil.copy(MINI_MODELS, tmp_path / "my_models.py")
    with MODELS.restored():
        yield "my_models"
    sys.modules.pop("my_models", None)


def test_a_module_makes_its_models_known(tmp_path, module, small_store):
    recipe = Recipe(model="dense", imports=[module])
    assert recipe.imports == (module,)
    run = create_run(tmp_path / "run", recipe, FeatureStore(small_store))
    assert choose(Run(run.path).path)[0] == recipe
    with pytest.raises(InputError, match="Unknown model 'dense'.*--import my_models"):
        recipe.resolve()
    assert module not in sys.modules
    assert import_modules([module]) == (module,)
    recipe.resolve()
    assert "dense" in model_names() and module in imported_modules()


def test_the_current_folder_is_not_left_on_the_path(module, tmp_path):
    before = list(sys.path)
    (tmp_path / "with_sibling.py").write_text("import my_models as sibling")
    (tmp_path / "json.py").write_text("raise SystemExit('it stood in for another')")
    import_modules(["with_sibling", "json"])
    assert sys.modules.pop("with_sibling").sibling.dense
    with pytest.raises(InputError):
        import_modules(["no_such_module"])
    assert sys.path == before


def test_a_run_never_imports_what_it_names(tmp_path, module, small_store, monkeypatch):
    """Neither from its own folder, nor from the current one, nor from Python's path."""
    store = FeatureStore(small_store)
    run = create_run(tmp_path / "run", Recipe(epochs=1, limit=4), store)
    record = json.loads((run.path / "recipe.json").read_text())
    record["recipe"]["imports"] = ["brought", "wave"]
    record["recipe"]["model"] = "brought"
    (run.path / "recipe.json").write_text(json.dumps(record))
    (run.path / "brought.py").write_text("raise SystemExit('it ran')")
    (run.path / "model.keras").touch()
    monkeypatch.chdir(run.path)
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    opened = Run(run.path)
    for use in (opened.load_model, lambda: evaluate(opened, store=store)):
        with pytest.raises(InputError):
            use()
    for use in (
        lambda: resume(opened, store=store),
        lambda: train(store, run.path, tmp_path / "new"),
    ):
        with pytest.raises(InputError, match="--import brought --import wave"):
            use()
    assert "brought" not in sys.modules and "wave" not in sys.modules


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("no_such_module", InputError, "ModuleNotFoundError.*PYTHONPATH"),
        ("broken", InputError, "ZeroDivisionError"),
        ("my-models", UsageError, "not the name of a module"),
        ("models.py/", UsageError, "not the name of a module"),
        ("", UsageError, "not the name of a module"),
    ],
)
def test_a_module_that_cannot_be_imported(module, name, error, sentence):
    with open("broken.py", "w") as file:
        file.write("1 / 0")
    with pytest.raises(error, match=sentence):
        import_modules([name])
