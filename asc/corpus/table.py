"""A table of clips: .csv or .tsv with a header.

Required are a column for the path and one for the label; optional are the
recording (leakage group) and an official fold number, which makes the splits
``fold<number>`` (test on that fold, train on the others). Paths are relative
to the folder of the table. Other columns are ignored.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from asc.corpus.base import Corpus, CorpusBuilder, read_lines
from asc.errors import InputError

#: Accepted names of each column, the preferred one first.
COLUMNS = {
    "path": ("path", "filename", "file"),
    "label": ("label", "scene", "scene_label", "category"),
    "recording": ("recording", "identifier", "source_id", "src_file"),
    "fold": ("fold",),
}
_REQUIRED = ("path", "label")


def detect(path: Path) -> bool:
    """Return True for a .csv or .tsv file."""
    return path.is_file() and path.suffix.lower() in (".csv", ".tsv")


def read(path: Path) -> Corpus:
    """Read a table."""
    return read_table(path, CorpusBuilder(path.parent, "table"))


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
    fold_of: dict[str, str] = {}
    for number, row in table_rows(path):
        where = f"{path.name} line {number}"
        if not row:
            builder.reject(where, "the number of fields is not that of the header.")
            continue
        kept = builder.add(
            where, prefix + row["path"], row["label"], row.get("recording")
        )
        if kept and row.get("fold", "").strip():
            fold_of[kept] = row["fold"].strip()
    for fold in sorted(set(fold_of.values()), key=lambda name: (len(name), name)):
        builder.add_fold(
            f"fold{fold}",
            train=[file for file, other in fold_of.items() if other != fold],
            test=[file for file, other in fold_of.items() if other == fold],
        )
    return builder.build()


def table_rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield line numbers and rows under the names that `COLUMNS` prefers.

    A row that does not have as many fields as the header comes out empty.
    """
    lines = read_lines(path)
    if not lines:
        raise InputError(f"{path} is empty; expected a header and one row for a clip.")
    delimiter = "\t" if "\t" in lines[0] else ","
    reader = csv.reader(lines, delimiter=delimiter)
    header = [name.strip() for name in next(reader)]
    index = {
        column: header.index(found)
        for column, names in COLUMNS.items()
        for found in [next((name for name in names if name in header), None)]
        if found is not None
    }
    for column in _REQUIRED:
        if column not in index:
            raise InputError(
                f"{path} has no column for the {column}. Received the columns"
                f" {', '.join(map(repr, header))}; expected one of"
                f" {', '.join(map(repr, COLUMNS[column]))}."
            )
    for row in reader:
        if row:
            whole = len(row) == len(header)
            yield reader.line_num, (
                {column: row[i] for column, i in index.items()} if whole else {}
            )
