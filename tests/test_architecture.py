"""The order of the packages, what each may import, and the size of files."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from world import run_python

import asc

#: Data flows down this list and imports point up it.
ORDER = (
    "errors",
    "text",
    "progress",
    "compiled",
    "environment",
    "display",
    "files",
    "settings",
    "disk",
    "locking",
    "kinds",
    "validation",
    "registry",
    "interrupts",
    "parallel",
    "audio",
    "corpus",
    "synthetic",
    "features",
    "store",
    "transfer",
    "extraction",
    "plots",
    "pipeline",
    "models",
    "training",
    "evaluation",
    "prediction",
    "exporting",
    "experiments",
    "reporting",
    "cli",
)
#: Libraries that some packages alone may import, and the packages.
RESERVED = {
    "tensorflow": ORDER[ORDER.index("pipeline") :],
    "keras": ORDER[ORDER.index("pipeline") :],
    "h5py": ("store",),
    "click": ("cli",),
    "tqdm": ("progress",),
}
ROOT = Path(asc.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
#: All modules but the front doors, ``import asc`` and ``python -m asc``.
DOORS = [ROOT / "__init__.py", ROOT / "__main__.py"]
MODULES = [path for path in FILES if path not in DOORS]


def package_of(path: Path) -> str:
    """Return the part of `ORDER` that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every module that is imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # "from asc import store" imports asc.store.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def faults(path: Path, tree: ast.AST) -> list[str]:
    """Return what a module imports and may not."""
    package = package_of(path)
    allowed = ORDER[: ORDER.index(package) + 1]
    found = []
    for name in imports(tree):
        top, *rest = name.split(".")
        if top == "":
            found.append(f"{name}: relative")
        elif top == "asc" and rest and rest[0] not in allowed:
            found.append(f"{name}: below {package}")
        elif package not in RESERVED.get(top, ORDER):
            found.append(f"{name}: not for {package}")
    if package != "cli":
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "asc" and node.attr not in allowed:
                    found.append(f"asc.{node.attr}: below {package}")
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def relative(path: Path) -> str:
    return path.relative_to(ROOT.parent).as_posix()


# Direction


def test_every_module_has_its_place():
    assert {package_of(path) for path in MODULES} == set(ORDER)
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_point_up(path):
    assert faults(path, parsed(path)) == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("store/writer.py", "import asc.pipeline.dataset"),
        ("store/writer.py", "from asc.extraction import plan"),
        ("store/writer.py", "from asc import extraction"),
        ("store/writer.py", "def f():\n    import tensorflow as tf"),
        ("store/writer.py", "if TYPE_CHECKING:\n    import keras"),
        ("store/writer.py", "from keras.layers import Dense"),
        ("store/writer.py", "from . import schema"),
        ("store/writer.py", "import asc\nasc.train()"),
        ("errors.py", "import asc.environment"),
        ("features/spec.py", "import h5py"),
        ("evaluation/evaluate.py", "import h5py.h5d"),
        ("evaluation/evaluate.py", "from asc.prediction import predict"),
        ("prediction.py", "from tqdm import tqdm"),
        ("training/run.py", "import click"),
        ("training/run.py", "from asc.cli import main"),
    ],
)
def test_faults_are_found(place, source):
    assert len(faults(ROOT / place, ast.parse(source))) == 1


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("store/writer.py", "import h5py\nfrom asc.store import schema"),
        ("store/writer.py", "from asc import environment\nimport asc.errors"),
        ("pipeline/dataset.py", "import tensorflow\nimport keras"),
        ("cli/main.py", "import click\nfrom asc.reporting import report"),
    ],
)
def test_what_is_none_is_not_taken_for_a_fault(place, source):
    assert faults(ROOT / place, ast.parse(source)) == []


def circles(uses: dict[str, set[str]]) -> list[str]:
    """Return what is left when all that uses nothing that is left is taken away."""
    left = {name: set(used) & set(uses) for name, used in uses.items()}
    while free := [name for name, used in left.items() if not used]:
        left = {name: u - {*free} for name, u in left.items() if name not in free}
    return sorted(left)


def test_no_module_needs_itself_in_a_circle():
    """Not even for types, or inside a function: then they are one module."""
    names = {}
    for path in MODULES:
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    uses = {
        name: {
            module if module in names else module.rpartition(".")[0]
            for module in imports(parsed(path))
        }
        - {name}
        for name, path in names.items()
    }
    assert circles(uses) == []


def test_a_circle_is_found():
    uses = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(uses) == ["a", "b", "c"]  # and what needs it


@pytest.mark.parametrize("module", ["asc", "asc.cli.main", "asc.training.recipe"])
def test_importing_does_not_load_tensorflow(module):
    program = (
        f"import sys, {module}; loaded = {{'tensorflow', 'keras'}} & set(sys.modules);"
        " sys.exit(', '.join(loaded) or 0)"
    )
    done = run_python(program)
    assert (done.returncode, done.stderr) == (0, "")


def test_extraction_loads_nothing_that_takes_half_a_second():
    """scipy.signal takes that, to make a window or in librosa.filters."""
    program = (
        "import sys, asc, asc.extraction; from asc.features import FrontEnd;"
        " FrontEnd(asc.FeatureSpec.for_audio(8000, 1.0, rows=16, columns=16));"
        " slow = {'tensorflow', 'keras', 'scipy.signal', 'matplotlib', 'sklearn'};"
        " sys.exit(', '.join(slow & set(sys.modules)) or 0)"
    )
    done = run_python(program)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_asc_loads_nothing():
    program = (
        "import sys, asc; sys.exit(sorted(m for m in sys.modules if m[:4] == 'asc.')"
        " + [m for m in ('numpy', 'h5py', 'click') if m in sys.modules] or 0)"
    )
    done = run_python(program)
    assert (done.returncode, done.stderr) == (0, "")


# The front door


@pytest.mark.parametrize("name", asc.__all__)
def test_public_names_are_there(name):
    assert getattr(asc, name) is not None
    assert name in dir(asc)


def test_public_names_are_those_that_type_checkers_see():
    (block,) = (
        node for node in parsed(ROOT / "__init__.py").body if isinstance(node, ast.If)
    )
    seen = {
        alias.asname or alias.name: node.module
        for node in block.body
        for alias in node.names
    }
    assert set(seen) == set(asc.__all__) - {"__version__"}
    for name, module in seen.items():
        assert getattr(importlib.import_module(module), name) is getattr(asc, name)


def test_a_name_that_is_not_public():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        asc.trian


# Files


def test_files_are_of_a_size_to_read():
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert [relative(path) for path, count in lines.items() if count > 500] == []
    assert median(lines.values()) < 150


def test_files_are_named_for_what_they_do():
    words = {"common", "helper", "helpers", "misc", "util", "utils"}
    assert [relative(p) for p in FILES if words & {*p.stem.split("_")}] == []
    assert [
        relative(p) for p in ROOT.rglob("*") if p.is_dir() and p.name in words
    ] == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_the_library_neither_prints_nor_asserts(path):
    """It raises and returns; talking is up to the command line."""
    if package_of(path) == "cli":
        return
    for node in ast.walk(parsed(path)):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"
