"""TUT Acoustic Scenes 2016 and 2017, development and evaluation sets.

A corpus folder has ``meta.txt`` (file, scene and, from 2017 on, recording;
tab separated, no header), ``audio/`` and ``evaluation_setup/`` with the
official lists: ``fold{k}_train.txt`` and ``fold{k}_evaluate.txt`` (file and
scene), ``fold{k}_test.txt`` (file only) in a development set; ``evaluate.txt``
and ``test.txt`` in an evaluation set.

Two facts of the 2017 development set look like mistakes and are not repaired:
recording b031 (home) is tested in folds 3 and 4, recording a036 (home) in
none.

References
----------
Mesaros, Heittola, Virtanen. "TUT database for acoustic scene classification
and sound event detection." EUSIPCO 2016.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from asc.corpus.base import Corpus, CorpusBuilder, read_lines


def detect(path: Path) -> bool:
    """Return True if the folder looks like a TUT corpus."""
    return (path / "meta.txt").is_file()


def read(path: Path) -> Corpus:
    """Read a TUT corpus folder."""
    builder = CorpusBuilder(path, "tut")
    for number, line in enumerate(read_lines(path / "meta.txt"), start=1):
        if not line.strip():
            continue
        where = f"meta.txt line {number}"
        fields = line.split("\t")
        if len(fields) not in (2, 3):
            builder.reject(
                where, f"{len(fields)} tab-separated fields, expected 2 or 3."
            )
            continue
        recording = fields[2] if len(fields) == 3 else _recording_of(fields[0])
        builder.add(where, fields[0], fields[1], recording)

    add_official_folds(builder, path / "evaluation_setup")
    return builder.build()


def add_official_folds(builder: CorpusBuilder, setup: Path) -> None:
    """Read the lists of all folds, with the ending .txt or .csv.

    Parameters
    ----------
    builder : CorpusBuilder
        Has the clips, and receives the folds.
    setup : Path
        Folder of the lists. It need not be there.
    """
    lists: dict[tuple[int, str], list[str]] = {}
    for file in sorted(setup.iterdir()) if setup.is_dir() else ():
        name = re.fullmatch(r"fold(\d+)_(train|evaluate|test)\.(txt|csv)", file.name)
        if name:
            lists[int(name.group(1)), name.group(2)] = _listed(file)
    for fold in sorted({fold for fold, kind in lists if kind != "train"}):
        # "evaluate" lists are labelled and complete, so they win over "test" lists.
        test = lists.get((fold, "evaluate")) or lists.get((fold, "test"), [])
        builder.add_fold(f"fold{fold}", lists.get((fold, "train")) or None, test)


def _recording_of(path: str) -> str | None:
    """Return the recording that a file name starts with (``b020_90_100.wav``)."""
    name = re.fullmatch(r"(.+)_\d+_\d+", PurePosixPath(path.strip()).stem)
    return name.group(1) if name else None


def _listed(path: Path) -> list[str]:
    """Return the files that a list names: the first field, without the header."""
    names = [line.split("\t")[0] for line in read_lines(path) if line.strip()]
    return names[1:] if names and names[0].strip() == "filename" else names
