"""The data analysis: what the store of a result holds, and what its splits leak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from asc.corpus.leakage import PARTS
from asc.errors import AscError
from asc.reporting.html import Child, Element, tag
from asc.reporting.record import listing
from asc.reporting.results import leakage_badge
from asc.reporting.tables import table
from asc.reporting.wording import duration, percent
from asc.store import FeatureStore


def analysis(store: FeatureStore) -> list[Child]:
    """Return clips, recordings and length of every scene, and all splits."""
    summary = store.summary()
    spec = store.spec
    known = store.recordings_known
    facts: dict[str, Child] = {
        "store": store.path.name,
        "corpus": f"{summary['corpus'].get('name')}"
        f" (format {summary['corpus'].get('format')})",
        "clips": f"{summary['clips']:,}",
        "left out": f"{summary['failed']:,}",
        "recordings": f"{summary['recordings']:,}" if known else "not known",
        "features": ", ".join(
            f"{name} {' x '.join(map(str, feature['shape'][1:]))} {feature['dtype']}"
            for name, feature in summary["features"].items()
        ),
        "front end": f"{spec.sample_rate:,} Hz, {spec.seconds:g} s, {spec.channels},"
        f" FFT {spec.n_fft}, hop {spec.hop_length}, {spec.fmin:g} to"
        f" {spec.fmax:g} Hz",
        "digest": store.digest,
    }
    return [
        listing(facts),
        tag("h3", "Scenes"),
        _scenes(store),
        tag("h3", "Splits and their leakage"),
        _splits(store, summary["splits"]),
        tag(
            "p",
            "Leakage is the share of test clips whose recording is also in train,"
            " adjacent the share that touches a clip of train, and equal clips are"
            " those of test with the very same features in train.",
            class_="note",
        ),
    ]


def _scenes(store: FeatureStore) -> Element:
    labels, seconds = store.labels(), store.measured("seconds")
    recordings = np.asarray(store.recordings())
    known = store.recordings_known
    most = max(np.bincount(labels, minlength=len(store.scenes)).max(), 1)
    rows: list[list[Child]] = []
    for label, scene in enumerate(store.scenes):
        own = labels == label
        clips, sessions = int(own.sum()), len(set(recordings[own]))
        bar = tag("i", class_="fill", style=f"width:{100 * clips / most:.1f}%")
        each = f"{clips / sessions:.1f}" if known and sessions else "–"
        rows.append(
            [
                scene,
                tag("div", bar, class_="strip"),
                f"{clips:,}",
                f"{sessions:,}" if known else "–",
                each,
                duration(float(seconds[own].sum())),
            ]
        )
    columns = [("Scene", ""), ("", "wide")] + [
        (name, "number") for name in ("Clips", "Recordings", "Clips of one", "Audio")
    ]
    return table(columns, rows, kind="scenes")


def _splits(store: FeatureStore, facts: Mapping[str, Mapping[str, Any]]) -> Element:
    rows: list[list[Child]] = []
    for name in store.splits:
        try:
            split = store.split(name)
        except AscError as error:
            rows.append([name, tag("td", str(error), colspan=6)])
            continue
        rows.append(
            [
                name,
                *(f"{len(split.part(part)):,}" for part in PARTS),
                leakage_badge(split.leakage),
                percent(split.adjacent),
                f"{facts[name]['duplicates']:,}",
            ]
        )
    columns = [
        ("Split", ""),
        *((part, "number") for part in PARTS),
        ("Leakage", ""),
        ("Adjacent", "number"),
        ("Equal clips", "number"),
    ]
    return table(columns, rows)
