"""An example clip of every scene: waveform and features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc import plots
from asc.corpus.segments import split_segment
from asc.errors import AscError
from asc.features import read_clip
from asc.store import FeatureStore

#: Scenes that are drawn.
_MAX_SCENES = 60


def gallery_section(
    stores: Sequence[FeatureStore], audio: Path | None
) -> dict[str, Any]:
    """Return the first clip of every scene of the first store.

    Parameters
    ----------
    stores : sequence of FeatureStore
    audio : Path, optional
        Folder of the corpus; without it there are no waveforms.

    Returns
    -------
    dict
        ``stores`` (their number), ``store`` (name of the one drawn), ``clips`` (dicts
        of ``scene``, ``path``, ``figure`` and ``waveform``, a bool), ``scales`` of the
        colours, ``scenes`` (number of those with a clip), ``audio`` (whether there is
        a folder) and ``unreadable`` (number of clips without a waveform).
    """
    if not stores:
        return {"stores": 0}
    store = stores[0]
    first = plots.example_rows(store)
    rows = dict(list(first.items())[:_MAX_SCENES])
    panels = {
        row: [plots.row_panels(store, row, name)[0] for name in store.spec.features]
        for row in rows.values()
    }
    limits = plots.colour_limits([panel for each in panels.values() for panel in each])
    paths = store.paths()
    clips = []
    for label, row in rows.items():
        samples = _samples(store, audio, paths[row])
        figure = plots.clip_figure(panels[row], limits, samples=samples)
        alt = ", ".join(panel.title for panel in panels[row]) + f" of {paths[row]}"
        clips.append(
            {
                "scene": store.scenes[label],
                "path": paths[row],
                "figure": plots.embed(figure, alt=alt),
                "waveform": samples is not None,
            }
        )
    return {
        "stores": len(stores),
        "store": store.path.name,
        "clips": clips,
        "scales": colour_scales(limits),
        "scenes": len(first),
        "audio": audio is not None,
        "unreadable": sum(not clip["waveform"] for clip in clips),
    }


def colour_scales(limits: dict[str, tuple[float, float]]) -> list[plots.Embedded]:
    """Return a colour scale for each unit."""
    return [
        plots.embed(
            plots.scale_figure(unit, ends),
            alt=f"{unit}: {ends[0]:g} (dark) to {ends[1]:g} (bright)",
        )
        for unit, ends in limits.items()
    ]


def _samples(store: FeatureStore, audio: Path | None, path: str) -> np.ndarray | None:
    """Return the audio of a clip, None if it cannot be read."""
    if audio is None:
        return None
    root = audio.resolve()
    file = (root / split_segment(path)[0]).resolve()
    # The path is untrusted: a store could name any file.
    if not file.is_relative_to(root):
        return None
    try:
        return read_clip(root / path, store.spec, accept_truncated=True).y[0]
    except AscError:
        return None
