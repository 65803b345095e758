"""Curves, confusion matrices, safe text and files."""

from __future__ import annotations

import numpy as np
import pytest

from asc import plots
from asc.errors import AscError, MissingInputError, UsageError
from asc.plots.style import plain, wrapped

HOSTILE = (
    "$\\frac{1}{",
    "<script>alert(1)</script>",
    "two\nlines\tand a tab",
    "x_" * 100,
    "$x^2$ & \\LaTeX % #",
    "\u5730\u9244 \U0001f600 \u202egnp.exe \x00\x1b[31m",
)
SCENES = (
    "beach bus cafe/restaurant car city_center forest_path grocery_store home library"
    " metro_station office park residential_area train tram"
).split()


def texts(figure):
    """Every text of a figure, drawn or not."""
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text()]


def words(figure):
    return "\n".join(text.get_text() for text in texts(figure))


# Training curves

HISTORY = {
    "epoch": [1, 2, 3, 4],
    "accuracy": [0.2, 0.4, 0.5, 0.6],
    "loss": [2.0, 1.5, 1.2, 1.0],
    "val_accuracy": [0.25, 0.45, 0.55, 0.5],
    "val_loss": [1.9, 1.4, 1.1, 1.3],
}


def curves(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_curves_show_the_history():
    figure = plots.curves_figure(HISTORY, best_epoch=3, title="simple-cnn, Mel")
    for axes, key, best in zip(
        figure.axes, ("accuracy", "loss"), ("55 %", "1.100"), strict=True
    ):
        lines = curves(axes)
        for label, column in (("train", key), ("validation", f"val_{key}")):
            assert list(lines[label].get_xdata()) == HISTORY["epoch"]
            assert list(lines[label].get_ydata()) == HISTORY[column]
        assert list(lines[f"best epoch 3: {best}"].get_xdata()) == [3, 3]
        assert axes.get_xlabel() == "Epoch"
        low, high = axes.get_xlim()
        assert low < 1 and high > 4
    assert "simple-cnn, Mel" in words(figure)


def test_curves_say_that_training_was_augmented():
    axes, _ = plots.curves_figure(HISTORY, augmented=True).axes
    assert set(curves(axes)) == {"train (augmented)", "validation"}


def test_accuracy_is_in_percent():
    figure = plots.curves_figure({"accuracy": [0.0, 0.5, 1.0]})
    figure.canvas.draw()
    axes = figure.axes[0]
    assert axes.get_ylabel() == "Accuracy (%)"
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        assert float(label.get_text().replace("\N{MINUS SIGN}", "-")) == pytest.approx(
            100 * place
        )


@pytest.mark.parametrize(
    "history",
    [
        {},
        {"epoch": []},
        {"epoch": [1], "loss": [0.5]},
        {"loss": [0.5, float("nan"), 0.4], "val_loss": [float("inf")] * 3},
        {"accuracy": [float("nan")] * 3},
        {"accuracy": np.linspace(0, 1, 200), "val_loss": np.ones(200)},
    ],
)
def test_incomplete_histories_are_drawn(history, tmp_path):
    figure = plots.curves_figure(history, best_epoch=1, augmented=True)
    plots.save(figure, tmp_path / "curves.png")


def test_a_single_epoch_is_in_the_middle_and_marked():
    figure = plots.curves_figure({"epoch": [7], "accuracy": [0.5]})
    axes = figure.axes[0]
    assert axes.get_xlim() == (6.5, 7.5)
    assert axes.get_lines()[0].get_marker() == "o"
    assert [tick for tick in axes.get_xticks() if 6.5 <= tick <= 7.5] == [7]


def test_a_value_between_gaps_of_a_long_history_is_marked():
    loss = np.full(100, 0.5)
    loss[[9, 11]] = np.nan
    line = plots.curves_figure({"loss": loss}).axes[1].get_lines()[0]
    assert line.get_markevery() == [10]


@pytest.mark.parametrize(
    "history, message",
    [
        ({"epoch": [1, 2], "loss": [1.0]}, "epoch 2, loss 1"),
        ({"loss": ["good"]}, "numbers"),
        ({"loss": 1.0}, "numbers"),
    ],
)
def test_histories_that_cannot_be_drawn(history, message):
    with pytest.raises(UsageError, match=message):
        plots.curves_figure(history)


# Confusion


def annotations(figure):
    """Texts in the cells: {(row, column): [text, ...]}."""
    from matplotlib.text import Annotation

    found: dict = {}
    for note in figure.axes[0].findobj(Annotation):
        column, row = note.xy
        found.setdefault((row, column), []).append(note.get_text())
    return found


def test_confusion_shows_counts_and_shares():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 3, (15, 15)) + 200 * np.eye(15, dtype=int)
    figure = plots.confusion_figure(counts, SCENES, title="accuracy 81.2 %")
    axes = figure.axes[0]
    found = annotations(figure)
    assert set(found) == {(row, column) for row, column in np.argwhere(counts)}
    for (row, column), (count, share) in found.items():
        assert int(count) == counts[row, column]
        percent = 100 * counts[row, column] / counts[row].sum()
        assert share == "<1%" if percent < 0.5 else float(share[:-1]) == round(percent)
    shares = counts / counts.sum(axis=1, keepdims=True)
    correct, wrong = (image.get_array() for image in axes.images)
    np.testing.assert_allclose(correct.compressed(), np.diagonal(shares))
    assert wrong.mask.tolist() == ((counts == 0) | np.eye(15, dtype=bool)).tolist()
    np.testing.assert_allclose(wrong.compressed(), shares[~wrong.mask])
    assert [label.get_text() for label in axes.get_yticklabels()] == SCENES
    assert [label.get_text() for label in axes.get_xticklabels()] == SCENES
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("True scene", "Predicted scene")
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first scene is on top
    assert "accuracy 81.2 %" in words(figure)


@pytest.mark.parametrize("count", [1, 2, 15, 50, 90, 260])
def test_nothing_of_a_confusion_matrix_is_cut_off(count):
    names = [f"W{number:03}_residential_area" for number in range(count)]
    title = "accuracy 81.2 % (95 % CI 77.1-85.0), split fold1, leakage 0 %"
    counts = np.eye(count, dtype=int) * 9
    figure = plots.confusion_figure(counts, names, title=title)
    figure.canvas.draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert max(width, height) < 20
    assert len(annotations(figure)) == (count if count <= 60 else 0)
    labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    for upper, lower in zip(labels, labels[1:], strict=False):
        assert upper.y0 >= lower.y1 - 2


def test_a_scene_without_clips_is_an_empty_row():
    figure = plots.confusion_figure(np.array([[0, 0], [1, 3]]), ["a", "b"])
    assert annotations(figure) == {(1, 0): ["1", "25%"], (1, 1): ["3", "75%"]}


@pytest.mark.parametrize(
    "counts", [np.eye(3), np.zeros((2, 3)), np.zeros(2), [[1, -1], [0, 1]]]
)
def test_confusions_that_cannot_be_drawn(counts):
    with pytest.raises(UsageError, match="confusion"):
        plots.confusion_figure(counts, ["a", "b"])


# Names from strangers


@pytest.mark.parametrize("ending", plots.SUFFIXES)
def test_hostile_names_are_drawn_as_they_are(no_mathtext, tmp_path, ending):
    path = tmp_path / f"picture{ending}"
    counts = np.eye(len(HOSTILE), dtype=int)
    figure = plots.confusion_figure(counts, HOSTILE, title="$\\frac$\n" + "y" * 999)
    plots.save(figure, path)
    plots.save(plots.curves_figure(HISTORY, title=" ".join(HOSTILE)), path)
    assert b"<script>" not in path.read_bytes()


def test_hostile_titles_stay_inside():
    figure = plots.confusion_figure(np.eye(2), ["a", "b"], title="long words " * 99)
    assert figure.get_tightbbox().y1 <= figure.get_size_inches()[1]


@pytest.mark.parametrize("text", HOSTILE)
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


# Files


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
    with pytest.raises(AscError, match="No space left"):
        plots.save(picture, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
