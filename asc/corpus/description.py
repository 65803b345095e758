"""The text of a corpus's summary, and the table of splits, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asc.corpus.groups import group_line
from asc.corpus.leakage import PARTS
from asc.text import (
    UNKNOWN_LEAKAGE,
    counted,
    leakage_percent,
    listed,
    percent,
    printable,
    table,
)


def describe(summary: Mapping[str, Any]) -> str:
    """Return the text of what `asc.corpus.summary.summarise` returns."""
    blocks = [
        [f"{summary['name']}: {summary['root']} (format {summary['format']})"],
        _scene_table(summary),
        [
            group_line(name, counts, summary["clips"])
            for name, counts in summary["groups"].items()
        ],
        _audio_lines(summary),
        split_lines(summary["splits"]),
        *(
            [f"{title} ({len(lines):,})", *listed(lines)] if lines else []
            for title, lines in (
                ("Problems", summary["problems"]),
                ("Notes", summary["notes"]),
            )
        ),
    ]
    return "\n\n".join(
        "\n".join(printable(line) for line in block) for block in blocks if block
    )


def split_lines(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the table of splits, and what its columns mean.

    Parameters
    ----------
    splits : mapping
        As in the summary of a corpus or a store. ``duplicates`` and ``copies`` are
        shown if they were counted.
    """
    meanings = {
        "leakage": "share of test clips whose recording is also in train",
        "adjacent": "share of test clips that touch a clip of train in time",
        "duplicates": "test clips that equal a clip in train",
        "copies": "test clips with a near-duplicate in train",
    }
    facts = [
        fact
        for fact in meanings
        if fact in ("leakage", "adjacent")
        or any(split.get(fact) is not None for split in splits.values())
    ]
    titles = {"copies": "near-duplicates"}
    rows = [["split", *PARTS, *(titles.get(fact, fact) for fact in facts)]]
    for name, split in splits.items():
        counts = [f"{split[part]:,}" for part in PARTS]
        leak = split["leakage"], split["leakage_at_least"]
        shares = [leakage_percent(*leak, 1), percent(split["adjacent"])]
        rows.append([name, *counts, *shares, *(f"{split[f]:,}" for f in facts[2:])])
    lines = table(rows, "<" + ">" * (len(rows[0]) - 1))
    lines += [f"{titles.get(fact, fact)}: {meanings[fact]}" for fact in facts]
    leaking = [name for name, split in splits.items() if split["leakage_at_least"]]
    if leaking:
        lines.append(
            f"Accuracy on {', '.join(leaking)} measures recognition of recordings seen"
            " in training, not only of scenes."
        )
    if any(split["leakage"] is None for split in splits.values()):
        lines.append(f"{UNKNOWN_LEAKAGE}.")
    return lines


def _scene_table(summary: Mapping[str, Any]) -> list[str]:
    def row(name: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
        recordings, seconds = facts["recordings"], facts["seconds"]
        return (
            name,
            f"{facts['clips']:,}",
            "-" if recordings is None else f"{recordings:,}",
            "-" if seconds is None else f"{seconds / 60:,.1f}",
        )

    scenes = summary["scenes"]
    rows = [row(name, facts) for name, facts in scenes.items()]
    total = row(counted(len(scenes), "scene", "scenes"), summary)
    return table([("scene", "clips", "recordings", "minutes"), *rows, total], "<>>>")


def _audio_lines(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{counted(found['clips'], 'clip', 'clips')}: {found['format']},"
        f" {found['sample_rate']:,} Hz,"
        f" {counted(found['channels'], 'channel', 'channels')}"
        for found in summary["formats"]
    ]
    spread = summary["clip_seconds"]
    if spread:
        lines.append(
            f"clip length: {spread['min']:.2f} to {spread['max']:.2f} s,"
            f" median {spread['median']:.2f} s"
        )
    if summary.get("unknown_lengths"):
        clips = counted(summary["unknown_lengths"], "clip", "clips")
        lines.append(f"clip length unknown: {clips}, known only by decoding")
    for kind in ("missing", "unreadable"):
        if summary[kind]:
            lines.append(
                f"{counted(summary[kind], 'audio file', 'audio files')} {kind}"
            )
    if summary["duplicates"] is not None:
        clips = counted(summary["duplicates"], "clip equals", "clips equal")
        lines.append(f"{clips} another one")
    return lines
