"""Bars of tqdm, and figures, in a notebook."""

from __future__ import annotations

import io

import PIL.Image
import pytest

from asc.plots.style import new_figure
from asc.progress import ProgressBar
from asc.training.callback import TrainingBar


@pytest.fixture
def stream():
    return io.StringIO()


def bar_of(stream, **options):
    return ProgressBar("reading", "clips", file=stream, mininterval=0, **options)


def test_a_bar_is_closed_when_all_is_done(stream):
    bar = bar_of(stream)
    for done in range(4):
        bar(done, 3)
    text = stream.getvalue()
    assert "reading" in text and "3/3" in text and text.endswith("\n")
    bar(1, 2)  # of the next work
    assert "1/2" in stream.getvalue()
    bar.close()
    bar.close()


def test_a_total_that_is_not_known_yet_or_grows(stream):
    bar = bar_of(stream)
    bar(0, 0)
    bar.show(5, 5)
    bar.show(6, 10, loss="0.1")
    bar.close()
    assert stream.getvalue().count("\n") == 1 and "loss=0.1" in stream.getvalue()


def test_a_training_that_stops_early(monkeypatch, stream, tmp_path):
    monkeypatch.setattr("sys.stderr", stream)

    class Named:
        path = tmp_path / "mine"

    bar = TrainingBar()
    bar.start(Named, batches=2, epochs=3, first=1)
    for done in (1, 2):
        bar.batch(done, 0.25)
    bar.epoch({"epoch": 2.0, "val_accuracy": 0.5}, best=True)
    bar.batch(1, 0.2)
    bar._bar.close()
    text = stream.getvalue()
    assert "mine" in text and "5/6" in text and "val_accuracy=0.500" in text


def test_a_notebook_shows_figures_without_pyplot():
    picture = PIL.Image.open(io.BytesIO(new_figure(40, 20)._repr_png_()))
    assert (picture.format, picture.size) == ("PNG", (40, 20))
