"""Charts as elements: their colours follow the page, light, dark or on paper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from asc.evaluation.calibration import Calibration
from asc.reporting.html import Child, Element, tag

_WIDTH, _HEIGHT = 380, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 12, 38
#: More points than this are a line without marks.
_MOST_MARKS = 40

Points = Sequence[tuple[float, float]]


class Chart:
    """Two axes, and what is drawn between them.

    Parameters
    ----------
    x, y : tuple of float
        Lowest and highest value of each axis.
    x_label, y_label : str
    x_ticks, y_ticks : sequence of float
    scale : float
        What ticks of the vertical axis are multiplied by.
    height : int
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        x_label: str,
        y_label: str,
        x_ticks: Sequence[float],
        y_ticks: Sequence[float],
        x_scale: float = 1,
        y_scale: float = 1,
        height: int = _HEIGHT,
    ) -> None:
        self._x, self._y, self._height = x, y, height
        self._drawn: list[Element] = []
        bottom = height - _BOTTOM
        for value in y_ticks:
            _, place = self._at(x[0], value)
            self._drawn += [
                tag("path", class_="grid", d=f"M{_LEFT} {place}H{_WIDTH - _RIGHT}"),
                _text(_LEFT - 6, place + 4, f"{y_scale * value:.6g}", "end"),
            ]
        for value in x_ticks:
            place, _ = self._at(value, y[0])
            self._drawn += [
                tag("path", class_="tick", d=f"M{place} {bottom}v4"),
                _text(place, bottom + 17, f"{x_scale * value:.6g}", "middle"),
            ]
        self._drawn += [
            tag("path", class_="axis", d=f"M{_LEFT} {bottom}H{_WIDTH - _RIGHT}"),
            _text((_LEFT + _WIDTH - _RIGHT) / 2, height - 4, x_label, "middle", "name"),
            tag(
                "text",
                y_label,
                class_="name",
                text_anchor="middle",
                transform=f"translate(11 {(_TOP + bottom) / 2:g}) rotate(-90)",
            ),
        ]

    def _at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a value, in units of the drawing."""
        across, up = (
            (value - low) / (high - low)
            for value, (low, high) in ((x, self._x), (y, self._y))
        )
        bottom = self._height - _BOTTOM
        return (
            round(_LEFT + across * (_WIDTH - _RIGHT - _LEFT), 1),
            round(bottom - up * (bottom - _TOP), 1),
        )

    def line(self, points: Points, kind: str) -> None:
        """Draw a line through the values that are finite, with marks if few."""
        path, pen = "", "M"
        for x, y in points:
            if not math.isfinite(y):
                pen = "M"
                continue
            path += "{}{:g} {:g}".format(pen, *self._at(x, y))
            pen = "L"
        self._drawn.append(tag("path", class_=f"line {kind}", d=path))
        if len(points) <= _MOST_MARKS:
            self.marks(points, kind)

    def marks(self, points: Points, kind: str) -> None:
        """Draw a dot at every value that is finite."""
        for x, y in points:
            if math.isfinite(y):
                across, down = self._at(x, y)
                self._drawn.append(
                    tag("circle", class_=f"mark {kind}", cx=across, cy=down, r=3)
                )

    def upright(self, x: float, kind: str) -> None:
        """Draw an upright line over the whole height."""
        place, bottom = self._at(x, self._y[0])
        self._drawn.append(
            tag("path", class_=kind, d=f"M{place} {_TOP}V{bottom}"),
        )

    def box(self, x: tuple[float, float], y: tuple[float, float], kind: str) -> None:
        """Draw a filled rectangle."""
        left, bottom = self._at(x[0], y[0])
        right, top = self._at(x[1], y[1])
        self._drawn.append(
            tag(
                "rect",
                class_=kind,
                x=left,
                y=top,
                width=round(right - left, 1),
                height=round(bottom - top, 1),
            )
        )

    def element(self, title: str) -> Element:
        """Return the drawing."""
        return picture(title, _WIDTH, self._height, self._drawn)


def picture(title: str, width: float, height: float, drawn: Iterable[Child]) -> Element:
    """Return a drawing that takes the width there is, with words for who hears it."""
    return tag(
        "svg",
        tag("title", title),
        list(drawn),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
    )


def curves(history: Sequence[dict[str, float]], best: float | None) -> list[Element]:
    """Return accuracy and loss over the epochs of a training.

    Parameters
    ----------
    history : sequence of dict
        ``epoch`` and any of ``accuracy``, ``val_accuracy``, ``loss``, ``val_loss``.
    best : float, optional
        Epoch whose model was kept.
    """
    drawn = []
    epochs = [record["epoch"] for record in history]
    for key, label in (("accuracy", "Accuracy (%)"), ("loss", "Loss")):
        series = {
            kind: [
                (record["epoch"], record[name])
                for record in history
                if math.isfinite(record.get(name, math.nan))
            ]
            for kind, name in (("train", key), ("validation", f"val_{key}"))
        }
        values = [y for points in series.values() for _, y in points]
        if not values:
            continue
        low, high, ticks = _range(values, (0.0, 1.0) if key == "accuracy" else None)
        chart = Chart(
            (min(epochs) - 0.5, max(epochs) + 0.5),
            (low, high),
            x_label="Epoch",
            y_label=label,
            x_ticks=_whole(epochs),
            y_ticks=ticks,
            y_scale=100 if key == "accuracy" else 1,
        )
        if best is not None:
            chart.upright(best, "best")
        for kind, points in series.items():
            chart.line(points, kind)
        drawn.append(chart.element(f"{label} over {len(history)} epochs"))
    return drawn


def reliability(found: Calibration) -> Element:
    """Return the diagram of accuracy over confidence, with the clips below."""
    tenths = [0, 0.2, 0.4, 0.6, 0.8, 1]
    chart = Chart(
        (0, 1),
        (0, 1),
        x_label="Confidence (%)",
        y_label="Accuracy (%)",
        x_ticks=tenths,
        y_ticks=tenths,
        x_scale=100,
        y_scale=100,
        height=300,
    )
    for begin, end, told, reached in zip(
        found.edges, found.edges[1:], found.confidence, found.accuracy
    ):
        if math.isfinite(reached):
            chart.box((begin + 0.006, end - 0.006), (0, reached), "bar")
            chart.box(
                (begin + 0.006, end - 0.006),
                (min(told, reached), max(told, reached)),
                "gap",
            )
    chart.line([(0, 0), (1, 1)], "ideal")
    return chart.element("Accuracy of the clips of every confidence")


def legend(*items: tuple[str, str]) -> Element:
    """Return what the colours and lines of a drawing stand for.

    Parameters
    ----------
    *items : (str, str)
        Name of the key in the style sheet, and words.
    """
    return tag(
        "p",
        [
            tag("span", tag("span", class_=f"key {key}"), words, class_="item")
            for key, words in items
        ],
        class_="legend",
    )


def _range(
    values: Sequence[float], within: tuple[float, float] | None
) -> tuple[float, float, list[float]]:
    """Return round limits around values, and ticks."""
    from matplotlib.ticker import MaxNLocator

    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.05, high + 0.05
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    low, high = float(ticks[0]), float(ticks[-1])
    if within is not None:
        low, high = max(low, within[0]), min(high, within[1])
    return low, high, [float(t) for t in ticks if low - 1e-9 <= t <= high + 1e-9]


def _whole(epochs: Sequence[float]) -> list[float]:
    """Return a few whole numbers to mark on an axis of epochs."""
    first, last = min(epochs), max(epochs)
    step = next(
        step
        for step in (base * 10**power for power in range(9) for base in (1, 2, 5))
        if (last - first) / step <= 8
    )
    return [float(v) for v in np.arange(math.ceil(first / step) * step, last + 1, step)]


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> Element:
    return tag(
        "text", text, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor, class_=kind or None
    )
