"""The examples in docstrings run, and give what they say.

They run in a folder that has what the examples name: ``corpus`` (a small synthetic
one), ``store.h5`` (its store, with features of 16 x 16), and ``run``, ``interrupted``
and ``comparison``, which were trained from it.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import asc
from asc.corpus.reader import READERS
from asc.exporting import FORMATS
from asc.features import FEATURES
from asc.models.entries import MODELS
from asc.pipeline.transforms import TRANSFORMS

FORMAT1 = Path(__file__).parent / "resources" / "format1"
#: Public names that need no example: what is done with them is shown elsewhere.
WITHOUT = {
    "AscError",
    "Corpus",
    "DecibelFeature",
    "ExportFormat",
    "Feature",
    "__version__",
    "download_corpus",
    "register_reader",
}


def examples():
    """Return the docstrings of asc that have examples, by name."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {}
    for module in pkgutil.walk_packages(asc.__path__, "asc."):
        source = module.module_finder.find_spec(module.name).origin
        if ">>> " in Path(source).read_text("utf-8"):
            loaded = importlib.import_module(module.name)
            found |= {test.name: test for test in finder.find(loaded) if test.examples}
    return found


EXAMPLES = examples()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with what the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    asc.write_synthetic_corpus(
        folder / "corpus", scenes=3, recordings=6, clips=2, seconds=1
    )
    shutil.copy(FORMAT1 / "store.h5", folder)
    for name in ("run", "interrupted", "comparison"):
        shutil.copytree(FORMAT1 / name, folder / name)
    return folder


@pytest.fixture(autouse=True)
def surroundings(folder, monkeypatch):
    """Undo what an example registers, and train the smallest model in all of them."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(FORMAT1))
    with ExitStack() as stack:
        for registry in (READERS, FEATURES, TRANSFORMS, MODELS, FORMATS):
            stack.enter_context(registry.restored())
        tiny = importlib.import_module("tiny_model").tiny
        asc.register_model("simple-cnn", tiny, replace=True)
        yield
    # It is registered again by whoever imports it next.
    del sys.modules["tiny_model"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_gives_what_it_says(name):
    test = EXAMPLES[name]
    test.globs = {"asc": asc}
    failures: list[str] = []
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    doctest.DocTestRunner(optionflags=flags).run(test, out=failures.append)
    assert "".join(failures) == ""


def test_public_names_have_examples():
    documented = {name: getattr(asc, name).__doc__ or "" for name in asc.__all__}
    assert {name for name, text in documented.items() if ">>> " not in text} == WITHOUT


def test_no_example_is_skipped():
    for name, test in EXAMPLES.items():
        assert not any(doctest.SKIP in e.options for e in test.examples), name
