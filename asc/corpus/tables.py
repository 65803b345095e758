"""Tables of clips: delimited text with a header.

Required are a column for the path and one for the label; optional are the
recording (leakage group) and an official fold number, which makes the splits
``fold<number>`` (test on that fold, train on the others). Other columns are ignored.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder, read_lines
from asc.errors import InputError

#: Accepted names of each column, the preferred one first.
COLUMNS = {
    "path": ("path", "filename", "file"),
    "label": ("label", "scene", "scene_label", "category"),
    "recording": ("recording", "identifier", "source_id", "src_file"),
    "fold": ("fold",),
}
_REQUIRED = ("path", "label")


def read_table(path: Path, builder: CorpusBuilder, *, prefix: str = "") -> Corpus:
    """Read a table into a builder and build the corpus.

    Parameters
    ----------
    path : Path
        The table.
    builder : CorpusBuilder
        Receives the rows.
    prefix : str
        Put before every path, for corpora whose tables leave out the folder.

    Raises
    ------
    InputError
        If the table is unreadable or lacks the path or label column.
    """
    fold_of: dict[str, int] = {}
    for number, row in table_rows(path):
        where = f"{path.name} line {number}"
        if not row:
            builder.reject(where, "the number of fields is not that of the header.")
            continue
        file = row["path"].strip()
        kept = builder.add(
            where, file and prefix + file, row["label"], row.get("recording")
        )
        fold = row.get("fold", "").strip()
        if not kept or not fold:
            continue
        # Spreadsheets and data frames write 1.0 if other rows have no fold.
        match = re.fullmatch(r"(\d{1,9})(\.0*)?", fold, re.ASCII)
        if match:
            fold_of[kept] = int(match.group(1))
        else:
            builder.reject(where, f"the fold {fold!r} of {kept} is not a number.")
    for fold_number in sorted(set(fold_of.values())):
        builder.add_fold(
            f"fold{fold_number}",
            train=[file for file, other in fold_of.items() if other != fold_number],
            test=[file for file, other in fold_of.items() if other == fold_number],
        )
    return builder.build()


def table_rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield line numbers and rows under the names that `COLUMNS` prefers.

    A row whose number of fields differs from the header's is empty.
    """
    lines = read_lines(path)
    if not lines:
        raise InputError(
            f"{path} is empty. Expected a header and one row for each clip."
        )
    first = next(filter(str.strip, lines))
    reader = csv.reader(lines, delimiter="\t" if "\t" in first else ",")
    rows = _nonempty(path, reader)
    header = [name.strip() for name in next(rows)]
    index = {
        column: header.index(found)
        for column, names in COLUMNS.items()
        for found in [next((name for name in names if name in header), None)]
        if found is not None
    }
    for column in _REQUIRED:
        if column not in index:
            raise InputError(
                f"{path} has no column for the {column}. Got the columns"
                f" {', '.join(map(repr, header))}. Expected one of"
                f" {', '.join(map(repr, COLUMNS[column]))}."
            )
    for row in rows:
        fits = len(row) == len(header)
        yield reader.line_num, (
            {column: row[i] for column, i in index.items()} if fits else {}
        )


def _nonempty(path: Path, reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield the rows that are not blank lines."""
    try:
        yield from filter(any, reader)
    except csv.Error as error:  # a quote that is never closed swallows the rest
        raise InputError(f"{path} is not a table ({error}).") from error
