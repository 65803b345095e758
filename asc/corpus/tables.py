"""Metadata in tables with a header, and in lists of official folds.

A table must have a column for the path and one for the label; optional are the
recording (leakage group) and an official fold number, which makes the splits
``fold<number>`` (test on that fold, train on the others). Other columns are ignored.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from asc.corpus.builder import CorpusBuilder, read_lines, value_of
from asc.errors import InputError

#: Accepted names of each column, the preferred one first.
COLUMNS = {
    "path": ("path", "filename", "file"),
    "label": ("label", "scene", "scene_label", "category"),
    "recording": ("recording", "identifier", "source_id", "src_file"),
    "fold": ("fold",),
}
_REQUIRED = ("path", "label")


def read_table(
    path: Path,
    builder: CorpusBuilder,
    *,
    prefix: str = "",
    recording_in_name: str | None = None,
) -> None:
    """Read a table into a builder.

    Parameters
    ----------
    path : Path
    builder : CorpusBuilder
    prefix : str
        Put before every path, for corpora whose tables leave out the folder.
    recording_in_name : str, optional
        Regular expression of file names. Its first group is the recording, for rows
        that name none.

    Raises
    ------
    InputError
        If the table is unreadable or lacks the path or label column.
    """
    fold_of: dict[str, int] = {}
    for number, row in _table_rows(path):
        where = f"{path.name} line {number}"
        if not row:
            builder.reject(where, "the number of fields is not that of the header.")
            continue
        file, recording = row["path"].strip(), value_of(row.get("recording"))
        if recording_in_name and not recording:
            name = re.fullmatch(recording_in_name, re.split(r"[/\\]", file)[-1])
            recording = name[1] if name else ""
        kept = builder.add(where, file and prefix + file, row["label"], recording)
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


def _table_rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
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


def add_official_folds(builder: CorpusBuilder, setup: Path) -> None:
    """Add the official folds of DCASE corpora to a builder that has the clips.

    Parameters
    ----------
    builder : CorpusBuilder
    setup : Path
        The folder ``evaluation_setup`` with the lists (.txt or .csv). It need not be
        there.
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
