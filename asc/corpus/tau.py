"""TAU Urban Acoustic Scenes (2019 and later).

A corpus folder has ``meta.csv`` (tab separated: filename, scene_label,
identifier, source_label), ``audio/``, and ``evaluation_setup/`` with
``fold{k}_train.csv`` and ``fold{k}_evaluate.csv`` or ``fold{k}_test.csv``. The
identifier is the recording location, which makes it the leakage group.

References
----------
Mesaros, Heittola, Virtanen. "A multi-device dataset for urban acoustic scene
classification." DCASE 2018.
"""

from __future__ import annotations

import re
from pathlib import Path

from asc.corpus.base import Corpus, CorpusBuilder, read_lines
from asc.corpus.table import table_rows


def detect(path: Path) -> bool:
    """Return True if the folder looks like a TAU corpus."""
    return (path / "meta.csv").is_file()


def read(path: Path) -> Corpus:
    """Read a TAU corpus folder."""
    builder = CorpusBuilder(path, "tau")
    for number, row in table_rows(path / "meta.csv"):
        where = f"meta.csv line {number}"
        if not row:
            builder.reject(where, "the number of fields is not that of the header.")
            continue
        builder.add(where, row["path"], row["label"], row.get("recording"))

    setup = path / "evaluation_setup"
    tests: dict[int, list[str]] = {}
    # "evaluate" lists are labelled and complete, so they win over "test" lists.
    for kind in ("test", "evaluate"):
        for file in setup.glob(f"fold*_{kind}.csv"):
            number = re.fullmatch(r"fold(\d+)_\w+\.csv", file.name)
            if number:
                tests[int(number.group(1))] = _listed(file)
    for fold, test in sorted(tests.items()):
        train = _listed(setup / f"fold{fold}_train.csv")
        builder.add_fold(
            f"fold{fold}", train or sorted(builder.paths - set(test)), test
        )
    return builder.build()


def _listed(path: Path) -> list[str]:
    """Return the first column of a list without its header."""
    if not path.is_file():
        return []
    return [line.split("\t")[0] for line in read_lines(path)[1:] if line.strip()]
