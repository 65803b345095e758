"""Training curves: the lines are the history, and gaps stay gaps."""

from __future__ import annotations

import numpy as np
import pytest

from asc import plots
from asc.errors import UsageError

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
    assert "simple-cnn, Mel" in [text.get_text() for text in figure.texts]


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


def test_the_learning_rate_has_a_panel_of_its_own():
    rates = [0.001, 0.002, 0.0005, 0.0]
    figure = plots.curves_figure(HISTORY | {"learning_rate": rates})
    axes = figure.axes[2]
    (line,) = axes.get_lines()
    assert list(line.get_ydata()) == rates
    assert axes.get_ylabel() == "Learning rate (\N{MULTIPLICATION SIGN} 10⁻³)"
    assert axes.yaxis.get_major_formatter()(0.0015) == "1.5"


@pytest.mark.parametrize("measure", ["accuracy", "loss", "learning_rate"])
def test_one_measure_is_a_panel_of_the_whole(measure):
    history = HISTORY | {"learning_rate": [0.1, 0.1, 0.01, 0.01]}
    (alone,) = plots.curve_figure(history, measure, best_epoch=3).axes
    every = plots.curves_figure(history, best_epoch=3).axes
    beside = every[("accuracy", "loss", "learning_rate").index(measure)]
    assert list(curves(alone)) == list(curves(beside))
    for label, line in curves(alone).items():
        assert (line.get_xydata() == curves(beside)[label].get_xydata()).all()
    assert alone.get_ylabel() == beside.get_ylabel()
    labels = [text.get_text() for text in alone.get_legend().get_texts()]
    assert labels == list(curves(alone))


def test_a_best_epoch_outside_the_history_is_not_marked():
    axes = plots.curve_figure(HISTORY, "loss", best_epoch=9).axes[0]
    assert set(curves(axes)) == {"train", "validation"}
    assert axes.get_xlim() == (0.5, 4.5)


def test_an_unknown_measure():
    with pytest.raises(UsageError, match="Did you mean 'accuracy'"):
        plots.curve_figure(HISTORY, "acuracy")
