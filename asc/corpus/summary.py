"""Analysis of a corpus: the facts to know before features are extracted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from asc.audio import MISSING
from asc.corpus.base import Clip, Corpus, Problem
from asc.corpus.duplicates import equal_files
from asc.corpus.groups import count_values
from asc.corpus.headers import Header, read_headers
from asc.corpus.leakage import PARTS, equal_in_train
from asc.corpus.splits import make_splits, split_notes
from asc.text import printable


def summarise(
    corpus: Corpus,
    *,
    duplicates: bool = False,
    accept_truncated: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Count the clips, recordings, hours, formats and splits of a corpus.

    Parameters
    ----------
    corpus : Corpus
    duplicates : bool
        Read all files completely, to find those that are equal.
    accept_truncated : bool
        Count what is there of files that may be truncated, which else are unreadable.
    progress : callable(done, total), optional
        Called with headers that were read, then with files.

    Returns
    -------
    dict of plain values for JSON
        ``name``, ``format``, ``root``, ``clips``; ``scenes`` (name -> ``clips``,
        ``recordings``, ``seconds``); ``recordings`` (those that are named) and
        ``without_recording`` (clips that name none); ``groups`` (name -> value ->
        clips); ``seconds`` (in total) and
        ``clip_seconds`` (``min``, ``median``, ``max``), over files whose header tells
        their length; ``unknown_lengths`` (count of the others);
        ``formats`` (list of ``format``, ``sample_rate``, ``channels``,
        ``clips``, the most frequent first); ``missing`` and ``unreadable`` (counts of
        files); ``duplicates`` (clips that equal another one); ``splits`` (name ->
        ``train``, ``validation``, ``test``, ``leakage``, ``leakage_at_least``,
        ``adjacent``, and ``duplicates``, the test clips that equal one in train);
        ``problems`` and ``notes`` (sentences); ``skipped`` (number of files in the
        folder that were left out, by ending). What is unknown is None.
    """
    found = read_headers(corpus, accept_truncated=accept_truncated, progress=progress)
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
    lengths = [header.seconds for header in read if header.seconds is not None]
    groups = equal_files(corpus, progress=progress) if duplicates else None
    splits = make_splits(corpus)
    return {
        "name": corpus.name,
        "format": corpus.format,
        "root": printable(str(corpus.root)),
        "clips": len(corpus.clips),
        "scenes": _scenes(corpus, found),
        "recordings": len(corpus.recordings) if corpus.recordings_known else None,
        "without_recording": corpus.without_recording,
        "groups": {name: count_values(v) for name, v in corpus.groups.items()},
        "seconds": _total(lengths),
        "clip_seconds": _spread(lengths),
        "unknown_lengths": len(read) - len(lengths),
        "formats": _formats(read),
        "missing": len(missing),
        "unreadable": len(unreadable),
        "duplicates": None if groups is None else int((groups >= 0).sum()),
        "splits": {
            name: {part: len(split.part(part)) for part in PARTS}
            | {
                "leakage": split.leakage,
                "leakage_at_least": split.leakage_at_least,
                "adjacent": split.adjacent,
                "duplicates": None if groups is None else equal_in_train(split, groups),
            }
            for name, split in splits.items()
        },
        "problems": problems,
        "notes": [*corpus.notes, *split_notes(corpus, splits)],
        "skipped": dict(corpus.skipped),
    }


def _scenes(
    corpus: Corpus, headers: Sequence[Header | Problem]
) -> dict[str, dict[str, Any]]:
    """Count clips, recordings and seconds by scene, in alphabetical order."""
    clips: dict[str, list[tuple[Clip, Header | Problem]]] = defaultdict(list)
    for clip, header in zip(corpus.clips, headers, strict=True):
        clips[clip.scene].append((clip, header))
    return {
        scene: {
            "clips": len(rows),
            "recordings": (
                len({clip.recording for clip, _ in rows if clip.recording_known})
                if corpus.recordings_known
                else None
            ),
            "seconds": _total(
                [
                    header.seconds
                    for _, header in rows
                    if isinstance(header, Header) and header.seconds is not None
                ]
            ),
        }
        for scene, rows in sorted(clips.items())
    }


def _total(lengths: Sequence[float]) -> float | None:
    return round(math.fsum(lengths), 6) if lengths else None


def _spread(lengths: Sequence[float]) -> dict[str, float] | None:
    if not lengths:
        return None
    values = {"min": min(lengths), "median": median(lengths), "max": max(lengths)}
    return {name: round(value, 6) for name, value in values.items()}


def _formats(headers: Sequence[Header]) -> list[dict[str, Any]]:
    counts = Counter((h.format, h.sample_rate, h.channels) for h in headers)
    return [
        {"format": format, "sample_rate": rate, "channels": channels, "clips": count}
        for (format, rate, channels), count in sorted(
            counts.items(), key=lambda item: (-item[1], item[0])
        )
    ]
