"""What is in a corpus: the data analysis that comes before any feature."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from asc.corpus.base import Corpus, Problem
from asc.corpus.duplicates import equal_files
from asc.corpus.headers import MISSING, Header, read_headers
from asc.corpus.leakage import PARTS, equal_in_train
from asc.corpus.splits import describe as describe_splits
from asc.corpus.splits import make_splits
from asc.text import counted, printable

#: Problems that the text lists before it only counts them.
_SHOWN = 10


def summarise(
    corpus: Corpus,
    *,
    headers: bool = True,
    duplicates: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Count the clips, recordings, hours, formats and splits of a corpus.

    Parameters
    ----------
    corpus : Corpus
    headers : bool
        Read the headers of the audio. Without them, lengths, formats and missing
        files are unknown.
    duplicates : bool
        Read the files as a whole, to find those that are equal.
    progress : callable(done, total), optional
        Called as headers are read, and then as files are.

    Returns
    -------
    dict of plain values for JSON
        ``name``, ``format``, ``root``, ``clips``; ``scenes`` (name -> ``clips``,
        ``recordings``, ``seconds``); ``recordings``; ``seconds`` (in total) and
        ``clip_seconds`` (``min``, ``median``, ``max``), over files with a header;
        ``formats`` (list of ``format``, ``sample_rate``, ``channels``,
        ``clips``, the most frequent first); ``missing`` and ``unreadable`` (counts of
        files); ``duplicates`` (clips that another one equals); ``splits`` (name ->
        ``train``, ``validation``, ``test``, ``leakage``, ``adjacent``, and
        ``duplicates``, the test clips that equal one of train); ``problems`` and
        ``notes`` (sentences). What is not known is None.
    """
    found = read_headers(corpus, progress=progress) if headers else []
    read = [header for header in found if isinstance(header, Header)]
    failed = [problem for problem in found if isinstance(problem, Problem)]
    missing = [problem.where for problem in failed if problem.message == MISSING]
    unreadable = [problem for problem in failed if problem.message != MISSING]

    problems = [str(problem) for problem in corpus.problems]
    if missing:
        problems.append(
            f"{len(missing):,} of {len(corpus.clips):,} audio files are missing"
            f" (the first is {missing[0]})."
        )
    problems += map(str, unreadable)
    lengths = [header.seconds for header in read]
    splits = make_splits(corpus)
    groups = equal_files(corpus, progress=progress) if duplicates else None
    return {
        "name": corpus.name,
        "format": corpus.format,
        "root": str(corpus.root),
        "clips": len(corpus.clips),
        "scenes": _scenes(corpus, found),
        "recordings": len(corpus.recordings) if corpus.recordings_known else None,
        "seconds": _total(lengths),
        "clip_seconds": _spread(lengths),
        "formats": _formats(read),
        "missing": len(missing) if headers else None,
        "unreadable": len(unreadable) if headers else None,
        "duplicates": None if groups is None else int((groups >= 0).sum()),
        "splits": {
            name: facts
            | {
                "duplicates": (
                    None if groups is None else equal_in_train(splits[name], groups)
                )
            }
            for name, facts in describe_splits(splits).items()
        },
        "problems": problems,
        "notes": list(corpus.notes),
    }


def describe(summary: Mapping[str, Any]) -> str:
    """Return the text of a summary, for people.

    Parameters
    ----------
    summary : mapping
        As `summarise` returns it.
    """
    blocks = [
        [f"{summary['name']}: {summary['root']} (format {summary['format']})"],
        _scene_table(summary),
        _audio_lines(summary),
        _split_table(summary["splits"]),
        _listed("Problems", summary["problems"]),
        _listed("Notes", summary["notes"]),
    ]
    return "\n\n".join(
        "\n".join(printable(line).rstrip() for line in block)
        for block in blocks
        if block
    )


def _scenes(
    corpus: Corpus, headers: Sequence[Header | Problem]
) -> dict[str, dict[str, Any]]:
    """Count clips, recordings and seconds by scene, in alphabetical order."""
    clips = Counter(clip.scene for clip in corpus.clips)
    recordings: dict[str, set[str]] = defaultdict(set)
    for clip in corpus.clips:
        recordings[clip.scene].add(clip.recording)
    lengths: dict[str, list[float]] = defaultdict(list)
    for clip, header in zip(corpus.clips, headers):
        if isinstance(header, Header):
            lengths[clip.scene].append(header.seconds)
    return {
        scene: {
            "clips": clips[scene],
            "recordings": len(recordings[scene]) if corpus.recordings_known else None,
            "seconds": _total(lengths[scene]),
        }
        for scene in corpus.scenes
    }


def _total(lengths: Sequence[float]) -> float | None:
    return round(math.fsum(lengths), 6) if lengths else None


def _spread(lengths: Sequence[float]) -> dict[str, float] | None:
    if not lengths:
        return None
    values = {"min": min(lengths), "median": median(lengths), "max": max(lengths)}
    return {name: round(value, 6) for name, value in values.items()}


def _formats(headers: Sequence[Header]) -> list[dict[str, Any]]:
    counts = Counter(
        (header.format, header.sample_rate, header.channels) for header in headers
    )
    return [
        {"format": format, "sample_rate": rate, "channels": channels, "clips": count}
        for (format, rate, channels), count in sorted(
            counts.items(), key=lambda item: (-item[1], item[0])
        )
    ]


def _scene_table(summary: Mapping[str, Any]) -> list[str]:
    rows = [
        (name, scene["clips"], scene["recordings"], _minutes(scene["seconds"]))
        for name, scene in summary["scenes"].items()
    ]
    total = (
        f"{len(summary['scenes'])} scenes",
        summary["clips"],
        summary["recordings"],
        _minutes(summary["seconds"]),
    )
    return _table(("scene", "clips", "recordings", "minutes"), [*rows, total])


def _audio_lines(summary: Mapping[str, Any]) -> list[str]:
    lines = []
    for found in summary["formats"]:
        lines.append(
            f"{_count(found['clips'], 'clip')}: {found['format']},"
            f" {found['sample_rate']:,} Hz,"
            f" {_count(found['channels'], 'channel')}"
        )
    spread = summary["clip_seconds"]
    if spread:
        lines.append(
            f"clip length: {spread['min']:.2f} to {spread['max']:.2f} s,"
            f" median {spread['median']:.2f} s"
        )
    for kind in ("missing", "unreadable"):
        if summary[kind]:
            lines.append(f"{_count(summary[kind], 'audio file')} {kind}")
    if summary["duplicates"] is not None:
        lines.append(
            f"{_count(summary['duplicates'], 'clip')} equal to another; duplicates are"
            " test clips that equal one of train"
        )
    return lines


def _split_table(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = []
    for name, split in splits.items():
        shares = (split["leakage"], split["adjacent"])
        row = [name, *(split[part] for part in PARTS), *map(_percent, shares)]
        rows.append(row if split["duplicates"] is None else [*row, split["duplicates"]])
    header = ("split", *PARTS, "leakage", "adjacent", "duplicates")
    lines = _table(header[: len(rows[0])], rows)
    leaking = [name for name, split in splits.items() if split["leakage"]]
    if leaking:
        lines += [
            "Leakage is the share of test clips whose recording is also in train,",
            "adjacent of those that touch a clip of train in time.",
            f"Scores on {', '.join(leaking)} measure the recognition of recordings,"
            " not only of scenes.",
        ]
    elif any(split["leakage"] is None for split in splits.values()):
        lines.append(
            "The corpus names no recordings, so nobody can tell how much of the test"
            " part is known from train."
        )
    return lines


def _listed(title: str, sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    lines = [f"{title} ({len(sentences):,})"]
    lines += [f"  {sentence}" for sentence in sentences[:_SHOWN]]
    if len(sentences) > _SHOWN:
        lines.append(f"  ... and {len(sentences) - _SHOWN:,} more")
    return lines


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def _minutes(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds / 60:,.1f}"


def _count(number: int, noun: str) -> str:
    return counted(number, noun, noun + "s")


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return aligned lines: the first column to the left, numbers to the right."""
    cells = [list(header)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        )
        for row in cells
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
