"""Text that is safe to draw, and figures as files."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import HOSTILE

from asc import plots
from asc.errors import AscError, MissingInputError, UsageError
from asc.plots.style import plain, wrapped

NAMES = (*HOSTILE, "two\nlines\tand a tab", "\x00\x1b[31m")
HISTORY = {"accuracy": [0.2, 0.4], "loss": [2.0, 1.5]}


@pytest.mark.parametrize("ending", plots.SUFFIXES)
def test_hostile_names_are_drawn_as_they_are(no_mathtext, tmp_path, ending):
    path = tmp_path / f"picture{ending}"
    counts = np.eye(len(NAMES), dtype=int)
    figure = plots.confusion_figure(counts, NAMES, title="$\\frac$\n" + "y" * 999)
    plots.save(figure, path)
    plots.save(plots.curves_figure(HISTORY, title=" ".join(NAMES)), path)
    assert b"<script>" not in path.read_bytes()


@pytest.mark.parametrize("text", NAMES)
def test_plain_is_one_printable_line(text):
    shown = plain(text, 30)
    assert shown.isprintable() and len(shown) <= 30


def test_plain_keeps_both_ends():
    assert plain("a001_10_20.wav", 20) == "a001_10_20.wav"
    assert plain("a" * 20 + "b" * 20, 9) == "aaaa\N{HORIZONTAL ELLIPSIS}bbbb"
    assert plain("caf\u00e9 \u5730", 20) == "caf\u00e9 \N{WHITE SQUARE}"


def test_wrapped_has_an_end():
    assert wrapped("a\nb", 10) == "a\nb"
    lines = wrapped("word " * 500, 20).splitlines()
    assert len(lines) == 4 and max(map(len, lines)) <= 20


@pytest.fixture(scope="module")
def picture():
    return plots.curves_figure(HISTORY)


@pytest.mark.parametrize(
    "name, start", [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.svg", b"<?xml")]
)
def test_the_ending_decides_the_format(picture, tmp_path, name, start):
    path = plots.save(picture, tmp_path / name)
    assert path.read_bytes().startswith(start)
    before = path.read_bytes()
    assert plots.save(picture, str(path)) == path
    assert name == "a.svg" or path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.txt", ".png"])
def test_an_unknown_ending(picture, tmp_path, name):
    with pytest.raises(UsageError, match="expected one of .png, .pdf, .svg"):
        plots.save(picture, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder(picture, tmp_path):
    with pytest.raises(MissingInputError):
        plots.save(picture, tmp_path / "missing" / "a.png")


def test_a_failed_write_leaves_the_old_file(picture, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(AscError, match="The disk of .* is full"):
        plots.save(picture, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_svg_file_holds_no_time(picture, tmp_path):
    assert b"dc:date" not in plots.save(picture, tmp_path / "a.svg").read_bytes()
