"""The pages are complete, short where they must be, and build without a warning."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from pages import PAGES, ROOT, blocks

import asc
from asc.models.entries import MODELS
from asc.pipeline.transforms import TRANSFORMS
from asc.training.recipes import RECIPES

REFERENCE = ROOT / "docs" / "reference"


def heading_names(text: str) -> set[str]:
    """Return the headings of a page as GitHub names them in links."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" not in link:
            place, _, heading = link.partition("#")
            target = page.parent / place if place else page
            assert target.is_file(), link
            if heading:
                assert heading in heading_names(target.read_text("utf-8")), link


def test_the_readme_is_short_and_has_the_exit_codes():
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.count("\n") < 250
    assert set(re.findall(r"^\| (\d+) \|", text, re.MULTILINE)) == {
        *("0", "1", "2", "3", "4", "5", "6", "7", "130")
    }


def test_every_public_name_is_in_the_reference():
    text = (REFERENCE / "api.md").read_text("utf-8")
    found = set(re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.MULTILINE))
    assert found == set(asc.__all__) - {"__version__"}


def test_every_model_augmentation_and_recipe_is_in_the_reference():
    text = (REFERENCE / "models.md").read_text("utf-8")
    for name in {*MODELS.names(), *TRANSFORMS.names(), *RECIPES}:
        assert f"\n| `{name}` |" in text, name


def test_pictures_are_small():
    sizes = [path.stat().st_size for path in (ROOT / "docs").rglob("*.png")]
    assert sizes and sum(sizes) < 500_000


def test_every_fence_is_a_block_that_is_run():
    """A fence of another form would be passed over by the test of blocks."""
    for page in PAGES:
        fences = re.findall(r"^ *```[\w{].*$", page.read_text("utf-8"), re.MULTILINE)
        code = [fence for fence in fences if "{" not in fence]
        assert len(code) == len(blocks(page)), page


def test_the_pages_build_without_a_warning(tmp_path):
    """The notebook is not executed: another test does that."""
    options = ("-W", "--keep-going", "-q", "-D", "nb_execution_mode=off")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, ROOT / "docs", tmp_path],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "reference" / "commands.html").read_text("utf-8")
    assert "asc store verify" in page and "--validate-steps" in page
    assert "Read the metadata of a corpus" in (
        tmp_path / "reference" / "api.html"
    ).read_text("utf-8")
