"""Metadata in tables with a header, and in lists of official folds.

A table must have a column for the path and one for the label. Optional are the
recording (leakage group); an official fold number, which makes the splits
``fold<number>`` (test on that fold, train on the others); the part of a given split;
start and end in seconds of a segment of a file; and groups to report by: device, city,
location, and whatever is called ``group_NAME``. Other columns are named in a note.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from asc.corpus.builder import CorpusBuilder, read_lines, value_of
from asc.corpus.groups import is_group_name
from asc.corpus.parts import fold_of, parts_of
from asc.corpus.places import names_in
from asc.corpus.segments import Span
from asc.errors import InputError
from asc.files import open_regular
from asc.text import counted, some_of

Columns = Mapping[str, tuple[str, ...]]

#: Accepted names of each column, the preferred one first.
COLUMNS: Columns = {
    "path": ("path", "filename", "file", "file_name"),
    "label": ("label", "scene", "scene_label", "category"),
    "recording": ("recording", "identifier", "source_id", "src_file"),
    "fold": ("fold",),
    "part": ("split", "subset", "partition", "set"),
    "start": ("start", "onset", "start_time"),
    "end": ("end", "offset", "end_time"),
}
#: The same of groups.
GROUPS: Columns = {
    "device": ("device", "source_label"),
    "city": ("city",),
    "location": ("location",),
}
#: What other columns begin with that are a group.
_GROUP = "group_"
#: Endings of tables.
TABLE_ENDINGS = (".csv", ".tsv")
_REQUIRED = ("path", "label")
#: Longer than any audio file (in seconds).
_MOST_SECONDS = 1e8


def read_table(
    path: Path,
    builder: CorpusBuilder,
    *,
    prefix: str = "",
    recording_in_name: str | None = None,
    groups_in_recording: str | None = None,
    columns: Columns = COLUMNS,
    known: Iterable[str] = (),
    part: str | None = None,
    root: Path | None = None,
) -> None:
    """Read a table into a builder.

    Parameters
    ----------
    path : Path
    builder : CorpusBuilder
    prefix : str
        Put before every path, for corpora whose tables leave out the folder; may have
        fields in it, as in ``audio/fold{fold}/``.
    recording_in_name : str, optional
        Regular expression of file names. Its first group is the recording, for rows
        that name none.
    groups_in_recording : str, optional
        Regular expression of recordings. What its groups match that have a name are
        values of groups, for rows that give none.
    columns : mapping
        Accepted names of each column, in lower case.
    known : iterable of str
        Columns that the format defines and that are not needed here.
    part : {'train', 'validation', 'test'}, optional
        Part of the given split that all rows are in.
    root : Path, optional
        The folder of the corpus, if the table is one of its files: see `read_lines`.

    Raises
    ------
    InputError
        If the table is unreadable or lacks the path or label column.
    """
    name = path.name
    if path.is_relative_to(builder.root):
        name = path.relative_to(builder.root).as_posix()
    header, rows = _parsed(path, root)
    index = _index(path, header, columns)
    group_index = _group_index(header, index)
    used = {*index.values(), *group_index.values()}
    _note_unused(builder, name, header, used, known)
    given: dict[str, str] = {}
    for number, fields in rows:
        where = f"{name} line {number}"
        if len(fields) != len(header):
            builder.reject(where, "the number of fields is not that of the header.")
            continue
        row = {column: value_of(fields[i]) for column, i in index.items()}
        # A path or a label may read as a missing value: the species "none".
        row |= {column: fields[index[column]].strip() for column in _REQUIRED}
        groups = {group: fields[i] for group, i in group_index.items()}
        if recording_in_name and not row.get("recording"):
            row["recording"] = _recording_in(recording_in_name, row["path"])
        match = re.fullmatch(groups_in_recording or "", row.get("recording", ""))
        if match:
            groups = match.groupdict() | {
                k: v for k, v in groups.items() if value_of(v)
            }
        kept = _add_row(builder, where, row, groups, prefix, part)
        if kept and row.get("part"):
            given[kept] = row["part"]
    _give_parts(builder, name, given)


def has_column(path: Path, name: str) -> bool:
    """Return True for a table with a column of this name."""
    try:
        with open_regular(path) as file:
            header = file.read(1 << 16).decode("utf-8-sig", errors="replace")
    except InputError:
        return False
    first = header.lstrip().split("\n")[0]
    return name in re.split(r"[\t,;]", re.sub(r'["\s]', "", first.lower()))


def _add_row(
    builder: CorpusBuilder,
    where: str,
    row: dict[str, str],
    groups: Mapping[str, str],
    prefix: str,
    part: str | None,
) -> str | None:
    """Add the clip of a row; return its path if it is kept."""
    file, recording = row["path"], row.get("recording", "")
    fold = _fold(row.get("fold", ""))
    if row.get("fold") and fold is None and parts_of([row["fold"]]):
        row.setdefault("part", row["fold"])
    try:
        span = _span(row.get("start", ""), row.get("end", ""))
    except InputError as error:
        builder.reject(where, f"{file}: {error}")
        return None
    folder = prefix.format(fold=fold) if file else ""
    kept = builder.add(
        where,
        folder + file,
        row["label"],
        recording,
        span=span,
        part=part,
        fold=fold,
        groups=groups,
    )
    if kept and row.get("fold") and fold is None and not row.get("part"):
        builder.reject(where, f"the fold {row['fold']!r} of {kept} is not a number.")
    return kept


def _recording_in(pattern: str, path: str) -> str:
    """Return the recording that a file name has in it; empty if there is none."""
    match = re.fullmatch(pattern, re.split(r"[/\\]", path)[-1])
    return match[1] if match else ""


def _fold(text: str) -> int | None:
    # Spreadsheets and data frames write 1.0 if other rows have no fold.
    match = re.fullmatch(r"(\d{1,9})(\.0*)?", text, re.ASCII)
    return int(match[1]) if match else fold_of(text)


def _span(start: str, end: str) -> Span | None:
    """Return the segment that two fields give, in seconds; None if both are empty."""
    if not start and not end:
        return None
    begin, stop = _seconds("start", start or "0"), None
    if end:
        stop = _seconds("end", end)
        if stop <= begin:
            raise InputError(f"the segment from {start} to {end} s is empty.")
    return Span(begin, stop)


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _MOST_SECONDS:
        raise InputError(f"the {name} {text!r} is not a number of seconds.")
    return seconds


def _give_parts(builder: CorpusBuilder, name: str, given: Mapping[str, str]) -> None:
    """Put clips into the parts of the given split that a column names."""
    parts = parts_of(set(given.values()))
    for path, value in given.items():
        if value in parts:
            builder.give(path, parts[value])
    others = sorted(set(given.values()) - parts.keys())
    if others:
        clips = sum(value not in parts for value in given.values())
        builder.notes.append(
            f"{counted(clips, 'clip is', 'clips are')} in no part of the split that"
            f" {name} gives: {_shown(others)} is not train, validation or test."
        )


def _note_unused(
    builder: CorpusBuilder,
    name: str,
    header: list[str],
    used: Collection[int],
    known: Iterable[str],
) -> None:
    ignored = {"", *known}
    unused = [
        title
        for i, title in enumerate(header)
        if i not in used
        and _plain(title) not in ignored
        and not title.startswith("Unnamed:")  # as pandas names an index
    ]
    if unused:
        columns = counted(len(unused), "column", "columns")
        builder.notes.append(f"{columns} of {name} not used: {_shown(unused)}.")


def _index(path: Path, header: list[str], columns: Columns) -> dict[str, int]:
    """Return the place of each column that is there."""
    plain = list(map(_plain, header))
    index = {
        column: plain.index(found)
        for column, names in columns.items()
        for found in [next((name for name in names if name in plain), None)]
        if found is not None
    }
    for column in _REQUIRED:
        if column not in index:
            raise InputError(
                f"{path} has no column for the {column}. Got the columns"
                f" {_shown(header)}. Expected one of"
                f" {', '.join(map(repr, columns[column]))}."
            )
    if not {"start", "end"} <= index.keys():  # one alone may mean anything
        for column in ("start", "end"):
            index.pop(column, None)
    return index


def _group_index(header: list[str], index: Mapping[str, int]) -> dict[str, int]:
    """Return the place of each group that is there, and is not another column."""
    plain = list(map(_plain, header))
    found = {
        group: plain.index(name)
        for group, names in GROUPS.items()
        for name in reversed(names)
        if name in plain
    }
    for place, title in enumerate(plain):
        name = title.removeprefix(_GROUP)
        if name != title and is_group_name(name):
            found.setdefault(name, place)
    return {name: i for name, i in sorted(found.items()) if i not in index.values()}


def _plain(title: str) -> str:
    return re.sub(r"[\s-]+", "_", title.strip().lower())


def _shown(names: Iterable[str]) -> str:
    return some_of([repr(name[:80]) for name in names], most=10)


def _parsed(
    path: Path, root: Path | None
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the header of a table, and its rows with the numbers of their lines."""
    lines = read_lines(path, root)
    if not lines:
        raise InputError(
            f"{path} is empty. Expected a header and one row for each clip."
        )
    first = next(filter(str.strip, lines))
    delimiter = next((sign for sign in "\t,;" if sign in first), ",")
    # A line break within quotes belongs to the field; a quote without end is an error.
    whole = (f"{line}\n" for line in lines)
    reader = csv.reader(whole, delimiter=delimiter, strict=True)

    def rows() -> Iterator[tuple[int, list[str]]]:
        try:
            for row in reader:
                if any(row):
                    yield reader.line_num, row
        except csv.Error as error:  # a quote that is never closed swallows the rest
            raise InputError(f"{path} is not a table ({error}).") from error

    found = rows()
    _, header = next(found, (0, []))  # a single quote has no row
    return [title.strip() for title in header], found


def add_official_folds(builder: CorpusBuilder, setup: Path) -> None:
    """Add the official folds of DCASE corpora to a builder that has the clips.

    Parameters
    ----------
    builder : CorpusBuilder
    setup : Path
        The folder ``evaluation_setup`` with the lists (.txt or .csv). It need not be
        there.
    """
    lists: dict[int, dict[str, Path]] = {}
    for file in names_in(setup):
        name = re.fullmatch(
            r"fold(\d{1,9})_(train|evaluate|test)\.(txt|csv)", file, re.ASCII
        )
        if name:
            lists.setdefault(int(name[1]), {})[name[2]] = setup / file

    for fold, found in sorted(lists.items()):
        train, evaluate, test = (
            _listed(found.get(kind), builder.root)
            for kind in ("train", "evaluate", "test")
        )
        if found.keys() != {"train"}:
            # "evaluate" lists are labelled and complete, so they win over "test" lists.
            builder.add_fold(f"fold{fold}", train or None, evaluate or test)


def _listed(path: Path | None, root: Path) -> list[str]:
    """Return the files that a list names: the first field, without the header."""
    if path is None:
        return []
    names = [line.split("\t")[0] for line in read_lines(path, root) if line.strip()]
    return names[1:] if names and names[0].strip() == "filename" else names
