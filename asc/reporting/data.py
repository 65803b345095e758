"""What the stores of a report hold, and what their splits leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asc.corpus.leakage import PARTS
from asc.errors import AscError
from asc.store import FeatureStore


@dataclass(frozen=True)
class SceneData:
    """Clips of one scene of a store.

    Attributes
    ----------
    scene : str
    clips : int
    recordings : int or None
        None if they are unknown.
    seconds : float
    """

    scene: str
    clips: int
    recordings: int | None
    seconds: float


@dataclass(frozen=True)
class SplitData:
    """A split of a store; ``error`` and nothing else if it cannot be read."""

    name: str
    clips: tuple[int, ...] = ()
    leakage: float | None = None
    adjacent: float | None = None
    duplicates: int = 0
    error: str = ""


def data_section(stores: Sequence[FeatureStore]) -> dict[str, Any]:
    """Return ``parts`` (of a split) and ``stores``: facts, scenes and splits."""
    return {"parts": PARTS, "stores": [_store(store) for store in stores]}


def _store(store: FeatureStore) -> dict[str, Any]:
    summary, spec = store.summary(), store.spec
    facts = {
        "store": store.path.name,
        "corpus": f"{summary['corpus'].get('name')}"
        f" (format {summary['corpus'].get('format')})",
        "clips": f"{summary['clips']:,}",
        "failed clips": f"{summary['failed']:,}",
        "recordings": (
            f"{summary['recordings']:,}" if store.recordings_known else "unknown"
        ),
        "features": ", ".join(
            f"{name} {' x '.join(map(str, feature['shape'][1:]))} {feature['dtype']}"
            for name, feature in summary["features"].items()
        ),
        "front end": f"{spec.sample_rate:,} Hz, {spec.seconds:g} s, {spec.channels},"
        f" FFT {spec.n_fft}, hop {spec.hop_length}, {spec.fmin:g} to"
        f" {spec.fmax:g} Hz",
        "digest": store.digest,
    }
    return {
        "facts": facts,
        "scenes": _scenes(store),
        "splits": [_split(store, name, summary["splits"]) for name in store.splits],
    }


def _scenes(store: FeatureStore) -> list[SceneData]:
    labels, seconds = store.labels(), store.measured("seconds")
    recordings = np.asarray(store.recordings())
    return [
        SceneData(
            scene,
            int(own.sum()),
            len(set(recordings[own])) if store.recordings_known else None,
            float(seconds[own].sum()),
        )
        for label, scene in enumerate(store.scenes)
        for own in [labels == label]
    ]


def _split(store: FeatureStore, name: str, facts: dict[str, Any]) -> SplitData:
    try:
        split = store.split(name)
    except AscError as error:
        return SplitData(name, error=str(error))
    return SplitData(
        name,
        tuple(len(split.part(part)) for part in PARTS),
        split.leakage,
        split.adjacent,
        facts[name]["duplicates"],
    )
