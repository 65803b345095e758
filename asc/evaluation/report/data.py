"""The data analysis: what the store of a result holds, and what its splits leak."""

from __future__ import annotations

import numpy as np

from asc.corpus.splits import PARTS
from asc.errors import AscError
from asc.evaluation.report.html import Child, tag
from asc.evaluation.report.record import listing
from asc.evaluation.report.results import leakage_badge
from asc.evaluation.report.wording import duration
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
        _splits(store),
        tag(
            "p",
            "Leakage is the share of test clips whose recording is also in train.",
            class_="note",
        ),
    ]


def _scenes(store: FeatureStore) -> Child:
    labels, seconds = store.labels(), store.measured("seconds")
    recordings = np.asarray(store.recordings())
    known = store.recordings_known
    most = max(np.bincount(labels, minlength=len(store.scenes)).max(), 1)
    rows = []
    for label, scene in enumerate(store.scenes):
        own = labels == label
        clips, sessions = int(own.sum()), len(set(recordings[own]))
        rows.append(
            tag(
                "tr",
                tag("th", scene, scope="row"),
                tag(
                    "td",
                    tag(
                        "div",
                        tag(
                            "i",
                            class_="fill",
                            style=f"width:{100 * clips / most:.1f}%",
                        ),
                        class_="strip",
                    ),
                    class_="wide",
                ),
                tag("td", f"{clips:,}", class_="number"),
                tag("td", f"{sessions:,}" if known else "–", class_="number"),
                tag(
                    "td",
                    f"{clips / sessions:.1f}" if known and sessions else "–",
                    class_="number",
                ),
                tag("td", duration(float(seconds[own].sum())), class_="number"),
            )
        )
    head = tag(
        "tr",
        tag("th", "Scene", scope="col"),
        tag("th", "", class_="wide"),
        [
            tag("th", name, scope="col", class_="number")
            for name in ("Clips", "Recordings", "Clips of one", "Audio")
        ],
    )
    table = tag("table", tag("thead", head), tag("tbody", rows), class_="scenes")
    return tag("div", table, class_="scroll")


def _splits(store: FeatureStore) -> Child:
    rows = []
    for name in store.splits:
        try:
            split = store.split(name)
        except AscError as error:
            rows.append(tag("tr", tag("th", name), tag("td", str(error), colspan=4)))
            continue
        rows.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                [
                    tag("td", f"{len(split.part(part)):,}", class_="number")
                    for part in PARTS
                ],
                tag("td", leakage_badge(split.leakage)),
            )
        )
    head = tag(
        "tr",
        tag("th", "Split", scope="col"),
        [tag("th", part, scope="col", class_="number") for part in PARTS],
        tag("th", "Leakage", scope="col"),
    )
    return tag(
        "div", tag("table", tag("thead", head), tag("tbody", rows)), class_="scroll"
    )
