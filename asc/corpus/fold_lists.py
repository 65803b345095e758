"""Official lists of folds, as DCASE corpora have them in ``evaluation_setup``."""

from __future__ import annotations

import re
from pathlib import Path

from asc.corpus.builder import CorpusBuilder, read_lines


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


def _listed(path: Path) -> list[str]:
    """Return the files that a list names: the first field, without the header."""
    names = [line.split("\t")[0] for line in read_lines(path) if line.strip()]
    return names[1:] if names and names[0].strip() == "filename" else names
