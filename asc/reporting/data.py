"""The stores of a report: facts, scenes, and splits with their leakage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc.corpus.leakage import PARTS
from asc.errors import AscError
from asc.store import FeatureStore


def data_section(stores: Sequence[FeatureStore]) -> dict[str, Any]:
    """Return ``parts`` (of a split) and ``stores``: facts, scenes and splits.

    A store that cannot be read has its ``error`` in place of scenes and splits.
    """
    return {"parts": PARTS, "stores": [_readable(store) for store in stores]}


def _readable(store: FeatureStore) -> dict[str, Any]:
    try:
        return _store(store) | {"error": ""}
    except AscError as error:
        return {"facts": {"store": store.path.name}, "error": str(error)}


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
    splits = [
        {
            "name": name,
            "clips": [split[part] for part in PARTS],
            **{fact: split[fact] for fact in ("leakage", "adjacent", "duplicates")},
        }
        for name, split in summary["splits"].items()
    ]
    return {"facts": facts, "scenes": scenes, "splits": splits}
