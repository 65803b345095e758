"""An example clip of every scene: waveform and features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asc import plots
from asc.reporting.media import Media
from asc.store import FeatureStore

#: Scenes that are drawn.
_MAX_SCENES = 60


def gallery_section(stores: Sequence[FeatureStore], media: Media) -> dict[str, Any]:
    """Return the first clip of every scene of the first store.

    Parameters
    ----------
    stores : sequence of FeatureStore
    media : Media
        Without its folder of audio there are no waveforms.

    Returns
    -------
    dict
        ``stores`` (their number), ``store`` (name of the one drawn), ``clips`` (dicts
        of ``scene``, ``path``, ``figure``, ``player``, a data URI or None, and
        ``waveform``, a bool), ``scales`` of the colours, ``scenes`` (number of those
        with a clip), ``audio`` (whether there is a folder), ``unreadable`` (number of
        clips without a waveform) and ``left_out`` (of those that may be played but are
        not, because the page would be too large).
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
        samples = media.samples(store, paths[row])
        figure = plots.clip_figure(panels[row], limits, samples=samples)
        alt = ", ".join(panel.title for panel in panels[row]) + f" of {paths[row]}"
        clips.append(
            {
                "scene": store.scenes[label],
                "path": paths[row],
                "figure": media.embed(figure, f"clip-{store.scenes[label]}", alt=alt),
                "player": media.player(store, samples),
                "waveform": samples is not None,
            }
        )
    return {
        "stores": len(stores),
        "store": store.path.name,
        "clips": clips,
        "scales": colour_scales(limits, media, "clip"),
        "scenes": len(first),
        "audio": media.audio is not None,
        "left_out": media.left_out,
        "unreadable": sum(not clip["waveform"] for clip in clips),
    }


def colour_scales(
    limits: dict[str, tuple[float, float]], media: Media, name: str
) -> list[plots.Embedded]:
    """Return a colour scale for each unit."""
    return [
        media.embed(
            plots.scale_figure(unit, ends),
            f"{name}-scale-{unit}",
            alt=f"{unit}: {ends[0]:g} (dark) to {ends[1]:g} (bright)",
        )
        for unit, ends in limits.items()
    ]
