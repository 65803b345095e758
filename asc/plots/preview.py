"""What a store holds, as pictures: the only drawing that reads a store."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from asc.errors import UsageError
from asc.plots.spectrogram_axes import Panel
from asc.plots.spectrograms import Tile, spectrogram_figure, spectrogram_sheet
from asc.plots.style import own_style, plain
from asc.text import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from asc.store import FeatureStore

_CHANNELS = {"mono": ("",), "midside": ("mid", "side")}
#: A sheet of more scenes than this is no longer a picture.
_MOST_SCENES = 100


@own_style
def preview_clip(store: FeatureStore, row: int) -> Figure:
    """Draw the features of one clip of a store.

    Parameters
    ----------
    store : FeatureStore
    row : int
        Row of the clip.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each feature and channel.

    Raises
    ------
    UsageError
        If there is no such row, or it holds no data.
    """
    if not 0 <= row < len(store):
        raise UsageError(
            f"Row {row} does not exist. {store.path} has the rows 0 to"
            f" {len(store) - 1}."
        )
    if row not in store.finished_rows():
        raise UsageError(f"Row {row} of {store.path} holds no data.")
    detail = plain(PurePosixPath(store.paths()[row]).name, 52)
    if store.recordings_named()[row]:
        detail += f", recording {plain(store.recordings()[row], 24)}"
    return spectrogram_figure(
        [row_panels(store, row, feature) for feature in _grouped(store)],
        title=store.scenes[store.labels()[row]],
        detail=detail,
    )


@own_style
def preview_scenes(store: FeatureStore) -> Figure:
    """Draw the first clip of each scene of a store.

    Parameters
    ----------
    store : FeatureStore

    Returns
    -------
    matplotlib.figure.Figure
        Of mid/side stores it shows the mid channel. Beyond 100 scenes it shows the
        first 100.

    Raises
    ------
    UsageError
        If the store has no data.
    """
    rows = example_rows(store)
    if not rows:
        raise UsageError(f"{store.path} holds no data that could be drawn.")
    paths = store.paths()
    tiles = []
    for label, scene in enumerate(store.scenes[:_MOST_SCENES]):
        if label in rows:
            row = rows[label]
            panels = [row_panels(store, row, name)[0] for name in _grouped(store)]
            tiles.append(Tile(scene, PurePosixPath(paths[row]).name, panels))
        else:
            tiles.append(Tile(scene))
    detail = (
        f"first clip of each scene, {counted(len(store.scenes), 'scene', 'scenes')}"
    )
    if len(tiles) < len(store.scenes):
        detail += f", the first {len(tiles)} of them"
    if store.spec.channels == "midside":
        detail += ", mid channel"
    return spectrogram_sheet(tiles, title=plain(store.path.name, 40), detail=detail)


def _grouped(store: FeatureStore) -> list[str]:
    """Return the features, those of one unit as neighbours: they share a colour bar."""
    labels = {name: store.drawing(name).value_label for name in store.spec.features}
    order = list(labels.values())
    return sorted(labels, key=lambda name: order.index(labels[name]))


def example_rows(store: FeatureStore) -> dict[int, int]:
    """Return the first row of each scene that holds data, by the index of the scene."""
    finished = store.finished_rows()
    labels, first = np.unique(store.labels()[finished], return_index=True)
    return dict(zip(labels.tolist(), finished[first].tolist(), strict=True))


def row_panels(store: FeatureStore, row: int, feature: str) -> list[Panel]:
    """Return one feature of one clip, a panel for each channel."""
    values = store.decode(feature, store.features(feature)[row])
    return [
        Panel(values[..., place], store.drawing(feature), store.spec.seconds, channel)
        for place, channel in enumerate(_CHANNELS[store.spec.channels])
    ]
