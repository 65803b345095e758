"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
#: A fence with its language, perhaps the file that it is to be saved as, and its text.
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """Some code in a page."""

    language: str
    file: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in their order.

    A block has a file if its fence names one after the language, or if it is Python
    and its first line does.
    """
    found = []
    for language, file, text in _BLOCK.findall(page.read_text("utf-8")):
        if language == "python" and (named := re.match(r"# (\w+\.py)\n", text)):
            file = named[1]
        found.append(Block(language, file, text))
    return found


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command in a block for a shell, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in line.split(" | "):
            if words := shlex.split(command, comments=True):
                yield words
