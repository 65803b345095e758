"""The distribution: its name and version, its files, what it needs."""

from __future__ import annotations

import re
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest
from setuptools import Distribution
from world import run_python

import asc
from asc.environment import DISTRIBUTION, install_command, version

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def files_of(folder):
    """Return the files of a folder of the tree that belong to the project."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    ours = (path for path in found if path.parent.name != "__pycache__")
    return {str(path.relative_to(ROOT)) for path in ours}


@pytest.fixture
def distribution(monkeypatch):
    """Return what setuptools makes of setup.cfg."""
    monkeypatch.chdir(ROOT)
    found = Distribution({"script_name": "setup.py"})
    found.parse_config_files(["setup.cfg"])
    return found


def test_the_wheel_holds_every_file_of_the_package(distribution):
    """A template that package_data forgets is missed in an installed asc alone."""
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    modules = {module[2] for module in build.find_all_modules()}
    data = {
        f"{folder}/{name}" for _, folder, _, names in build.data_files for name in names
    }
    assert modules | data == files_of("asc")


def test_the_source_distribution_can_run_its_tests(distribution, tmp_path):
    command = distribution.get_command_obj("egg_info")
    command.egg_base = str(tmp_path)
    command.ensure_finalized()
    command.run()
    packed = set((Path(command.egg_info) / "SOURCES.txt").read_text().splitlines())
    for folder in ("asc", "bin", "docs", "tests"):
        assert packed >= files_of(folder)
    assert {"LICENSE", "README.md", "constraints.txt", "setup.cfg"} <= packed
    assert not [name for name in packed if name.startswith((".", "cache"))]


def test_extraction_needs_all_but_tensorflow():
    needed = set(SETUP["options"]["install_requires"].split())
    lines = (ROOT / "requirements-extract.txt").read_text().splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    assert {name.partition(">")[0] for name in needed - listed} == {"tensorflow"}
    assert listed < needed


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None  # cannot be imported

from asc.cli.commands import run

for words in (
    "asc-extract corpus s.h5 --rows 16 --columns 16 --jobs 1",
    "asc corpus info corpus",
    "asc store verify s.h5 --audio corpus --sample 2",
    "asc store preview s.h5 --clip 0 -o picture.png",
    "asc env",
    "asc runs list",
    "asc-train s.h5 --show",
    "asc-train s.h5 --run r",
    "asc models",
):
    sys.argv = words.split()
    print(words, "->", run(sys.argv[0]), file=sys.stderr)
"""


def test_without_tensorflow_all_works_but_training(few_clips, tmp_path):
    (tmp_path / "corpus").symlink_to(few_clips)
    done = run_python(WITHOUT_TENSORFLOW, cwd=tmp_path)
    codes = re.findall("^asc(.*) -> (.)$", done.stderr, re.MULTILINE)
    assert [code for _, code in codes] == [*"0000000", "3", "3"], done.stderr
    need = "This needs tensorflow, which is not installed. Install it with: pip install"
    assert f"\nasc-train: {need} tensorflow\n" in done.stderr
    assert f"\nasc: {need} tensorflow\n" in done.stderr
    assert not (tmp_path / "r").exists()


def test_every_file_has_the_name_of_setup_cfg():
    assert SETUP["metadata"]["name"] == DISTRIBUTION
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {SETUP['metadata']['version']}\n" in citation
    assert f"asc ({DISTRIBUTION}): " in citation


def test_nobody_is_told_to_install_the_package_of_somebody_else():
    """`asc` on PyPI is another project."""
    named = []
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for path in [*(ROOT / "asc").rglob("*.py"), *pages]:
        named += re.findall(r"'([^'\s]*)\[(\w+)\]'", path.read_text("utf-8"))
    extras = {extra for name, extra in named if name in ("asc", ".", DISTRIBUTION)}
    assert "asc" not in {name for name, _ in named}
    assert {"dask", "remote"} <= extras <= set(SETUP["options.extras_require"])


def test_the_version_is_that_of_the_distribution(monkeypatch):
    monkeypatch.setattr(metadata, "version", {DISTRIBUTION: "1.2.3"}.__getitem__)
    assert version() == asc.__version__ == "1.2.3"
    assert install_command("dask") == "pip install 'acoustic-scenes[dask]'"


def test_a_source_folder_that_was_never_installed_has_no_version(monkeypatch):
    def version_of(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version_of)
    assert version() == "not installed"
