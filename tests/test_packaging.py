"""The name and version of the distribution, which several files repeat."""

from __future__ import annotations

import re
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import asc
from asc.environment import DISTRIBUTION, install_command, version

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")


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
