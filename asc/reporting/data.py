"""The stores of a report: facts, scenes, and splits with their leakage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asc.corpus.groups import group_values
from asc.corpus.leakage import PARTS, Leakage
from asc.errors import AscError
from asc.store import FeatureStore
from asc.text import counted


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
        "recordings": _recordings(summary),
        **{
            f"group {name}": group_values(counts)
            for name, counts in summary["groups"].items()
        },
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
    origins, known = store.origins(), store.recordings_known
    scenes = [
        {
            "scene": scene,
            "clips": int(own.sum()),
            "recordings": (
                len(set(origins.recordings[own & origins.named])) if known else None
            ),
            "seconds": float(seconds[own].sum()),
        }
        for label, scene in enumerate(store.scenes)
        for own in [labels == label]
    ]
    splits = [
        {
            "name": name,
            "clips": [split[part] for part in PARTS],
            "leakage": Leakage(split["leakage"], split["leakage_at_least"]),
            **{fact: split[fact] for fact in ("adjacent", "duplicates")},
        }
        for name, split in summary["splits"].items()
    ]
    return {"facts": facts, "scenes": scenes, "splits": splits}


def _recordings(summary: dict[str, Any]) -> str:
    if summary["recordings"] is None:
        return "unknown"
    unknown = summary["without_recording"]
    clips = f"; {counted(unknown, 'clip', 'clips')} without one" if unknown else ""
    return f"{summary['recordings']:,}{clips}"
