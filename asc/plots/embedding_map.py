"""A map of embeddings: colours are scenes, shapes and lines are recordings."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import UsageError
from asc.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Shapes of the recordings of a scene, one after another.
MARKERS = "os^DvPX*"
_WIDTH, _HEIGHT = 640, 480
#: Pixels of a line of labels.
_LINE = 15


@style.own_style
def embedding_figure(
    points: np.ndarray,
    labels: np.ndarray,
    scenes: Sequence[str],
    *,
    recordings: Sequence[str] | None = None,
    correct: np.ndarray | None = None,
) -> Figure:
    """Draw clips as points of a plane.

    Parameters
    ----------
    points : np.ndarray [shape=(clips, 2)]
    labels : np.ndarray [shape=(clips,)]
        Index of the scene of each clip, which is its colour.
    scenes : sequence of str
    recordings : sequence of str [length=clips], optional
        Each recording of a scene has another shape, as long as there are shapes. Lines
        join the clips of one recording, which shows any number of recordings.
    correct : np.ndarray [shape=(clips,)], bool, optional
        Clips that are not have a dark outline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If points, labels and recordings differ in length.
    """
    clips = len(points)
    named = np.arange(clips) if recordings is None else np.asarray(recordings)
    right = np.ones(clips, bool) if correct is None else correct
    if not clips or not len(labels) == len(named) == len(right) == clips:
        raise UsageError(
            "A map needs one label and one recording for each clip. Got"
            f" {clips} points, {len(labels)} labels and {len(named)} recordings."
        )
    figure = style.new_figure(_WIDTH, _HEIGHT)
    axes = style.add_axes(figure, 1, 1, _WIDTH - 2, _HEIGHT - 2)
    axes.margins(0.04)
    places: dict[str, tuple[np.ndarray, str]] = {}
    for label, scene in enumerate(scenes):
        own = np.flatnonzero(labels == label)
        if not len(own):
            continue
        colour = _colour(label, len(scenes))
        names, first, which = np.unique(
            named[own], return_index=True, return_inverse=True
        )
        if recordings is None:
            which = np.zeros(len(own), int)
        else:
            which = np.argsort(np.argsort(first))[which]  # in the order of the clips
            _join(axes, points[own], which, colour)
        for shape, marker in enumerate(MARKERS):
            for wrong in (False, True):
                shown = own[(which % len(MARKERS) == shape) & (right[own] != wrong)]
                axes.scatter(
                    points[shown, 0],
                    points[shown, 1],
                    marker=marker,
                    s=32,
                    color=colour,
                    edgecolors=style.INK if wrong else style.PAPER,
                    linewidths=1.3 if wrong else 0.5,
                    zorder=4 if wrong else 3,
                )
        places[style.plain(scene, 24)] = np.median(points[own], axis=0), colour
    style.format_axes(axes)
    axes.set(xticks=[], yticks=[])
    _name_scenes(axes, places)
    return figure


def _colour(label: int, count: int) -> str:
    """Return the colour of a scene, for light and for dark paper."""
    lightness = 0.42 if label % 2 else 0.56
    rgb = colorsys.hls_to_rgb(label / max(count, 1), lightness, 0.7)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def _join(axes: Axes, points: np.ndarray, which: np.ndarray, colour: str) -> None:
    """Draw a line from each clip to the middle of its recording."""
    middle = np.stack([points[which == one].mean(axis=0) for one in which])
    ends = np.stack([points, middle, np.full_like(points, np.nan)], axis=1)
    axes.plot(*ends.reshape(-1, 2).T, color=colour, linewidth=0.8, alpha=0.6, zorder=2)


def _name_scenes(axes: Axes, places: dict[str, tuple[np.ndarray, str]]) -> None:
    """Write the scenes at their places, moved up where they would overlap."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    axes.autoscale_view()
    back = axes.transData.inverted()
    taken: list[tuple[float, float, float]] = []
    for name, (place, colour) in sorted(places.items(), key=lambda item: item[1][0][1]):
        box = {"boxstyle": "round,pad=0.1", "facecolor": style.PAPER, "alpha": 0.8}
        look: dict[str, Any] = style.PLAIN | {"ha": "center", "va": "center"}
        text = axes.text(
            place[0],
            place[1],
            name,
            fontsize=style.TICK,
            color=style.INK,
            bbox=box | {"edgecolor": colour},
            zorder=5,
            **look,
        )
        half = text.get_window_extent(renderer).width / 2 + 3
        x, y = axes.transData.transform(place)
        x = min(max(x, half + 2), _WIDTH - half - 2)
        for other, other_half, up in sorted(taken, key=lambda each: each[2]):
            if abs(x - other) < half + other_half and abs(y - up) < _LINE:
                y = up + _LINE
        taken.append((x, half, y))
        text.set_position(tuple(back.transform((x, min(y, _HEIGHT - 10)))))
