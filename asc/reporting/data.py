"""The stores of a report: facts, scenes, and splits with their leakage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc.corpus.leakage import PARTS
from asc.errors import AscError
from asc.store import FeatureStore


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
    labels, seconds = store.labels(), store.measured("seconds")
    recordings, known = np.asarray(store.recordings()), store.recordings_known
    scenes = [
        {
            "scene": scene,
            "clips": int(own.sum()),
            "recordings": len(set(recordings[own])) if known else None,
            "seconds": float(seconds[own].sum()),
        }
        for label, scene in enumerate(store.scenes)
        for own in [labels == label]
    ]
    splits = [_split(store, name, summary["splits"]) for name in store.splits]
    return {"facts": facts, "scenes": scenes, "splits": splits}


def _split(store: FeatureStore, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a split, or its ``error`` if it cannot be read."""
    try:
        split = store.split(name)
    except AscError as error:
        return {"name": name, "error": str(error), "leakage": None}
    return {
        "name": name,
        "error": "",
        "clips": [len(split.part(part)) for part in PARTS],
        "leakage": split.leakage,
        "adjacent": split.adjacent,
        "duplicates": facts[name]["duplicates"],
    }
