"""Reading a corpus: what a reader is, the registry of readers, `open_corpus`."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from asc.corpus.base import Corpus
from asc.errors import InputError, MissingInputError, UsageError
from asc.files import reason
from asc.kinds import Kind, kind_of, not_a
from asc.registry import Registry
from asc.validation import check_path


class Reader(ABC):
    """Reads one layout of corpora.

    Attributes
    ----------
    name : str
        The format: lower-case letters, digits and single hyphens.
    description : str
        What the layout is recognised by, in a few words.
    priority : int
        Readers with a higher one are asked first whether they recognise a corpus.
        The built-in ones have less than 100.

    Examples
    --------
    A module that ``--import`` names, for folders with a file ``labels.txt``:

    >>> import asc
    >>> from asc.corpus import CorpusBuilder, read_lines
    >>> @asc.register_reader
    ... class LabelsReader(asc.Reader):
    ...     name = "labels"
    ...     description = "labels.txt with a path and a label in each line"
    ...
    ...     def detect(self, path):
    ...         return (path / "labels.txt").is_file()
    ...
    ...     def read(self, path):
    ...         builder = CorpusBuilder(path, self.name)
    ...         for number, line in enumerate(read_lines(path / "labels.txt"), 1):
    ...             file, _, label = line.partition(" ")
    ...             builder.add(f"line {number}", file, label, recording=None)
    ...         return builder.build()
    """

    name: ClassVar[str]
    description: ClassVar[str] = ""
    priority: ClassVar[int] = 100

    @abstractmethod
    def detect(self, path: Path) -> bool:
        """Return True if a path, which exists, looks like this layout."""

    @abstractmethod
    def read(self, path: Path) -> Corpus:
        """Read the metadata; audio is not opened.

        Use a `CorpusBuilder`: it checks every row, and turns a row that cannot be
        used into a `Problem`.

        Raises
        ------
        InputError
            If the metadata as a whole cannot be read.
        """


#: All readers by name.
READERS: Registry[Reader] = Registry("corpus format", "asc.corpus.readers")


def register_reader(reader: type[Reader]) -> type[Reader]:
    """Register a reader; also a decorator for its class.

    Raises
    ------
    UsageError
        If it is not a `Reader`, or its name is malformed or taken.
    """
    if not (isinstance(reader, type) and issubclass(reader, Reader)):
        raise UsageError(f"A reader must be a subclass of asc.Reader. Got {reader!r}.")
    READERS.add(getattr(reader, "name", ""), reader())
    return reader


def readers() -> list[Reader]:
    """Return all readers in the order in which they are asked."""
    return sorted(READERS, key=lambda reader: (-reader.priority, reader.name))


def open_corpus(path: str | os.PathLike[str], format: str | None = None) -> Corpus:
    """Read the metadata of a corpus; audio is not opened.

    Parameters
    ----------
    path : path-like
        A folder (TUT, TAU, ESC-50, or one folder for each scene), a .csv/.tsv table
        with columns path and label, or what a registered reader recognises.
    format : str, optional
        Name of the reader, such as ``tut``, ``tau``, ``esc50``, ``table`` or
        ``folder``. Detected if not given.

    Returns
    -------
    Corpus
        Clips sorted by path, official folds, and the rows that were left out.

    Raises
    ------
    MissingInputError
        If nothing is there.
    InputError
        If it cannot be read, or has no usable clip.
    UsageError
        If the format does not exist.

    Examples
    --------
    >>> corpus = asc.open_corpus("corpus")
    >>> corpus.format, len(corpus.clips), corpus.scenes
    ('tut', 36, ('home', 'library', 'park'))
    """
    path = check_path("corpus", path)
    candidates = readers() if format is None else [READERS.get(format)]
    _check_readable(path)
    reader = next((one for one in candidates if one.detect(path)), None)
    if reader is None and format is None:
        raise InputError(_not_a_corpus(path) or f"{path} is not a corpus. {_formats()}")
    if reader is None:
        raise InputError(
            f"{path} cannot be read as format {format!r}. Expected"
            f" {candidates[0].description}. Leave out the format to have it detected."
        )
    try:
        corpus = reader.read(path)
    except InputError as error:
        if other := _not_a_corpus(path):
            raise InputError(other) from error
        raise
    if not corpus.clips:
        first = f" First problem: {corpus.problems[0]}" if corpus.problems else ""
        raise InputError(
            _not_a_corpus(path)
            or f"No clips in {path}, which was read as format {reader.name!r}.{first}"
            f" {_formats()}"
        )
    return corpus


def _check_readable(path: Path) -> None:
    try:
        path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character
        kind = MissingInputError if isinstance(error, FileNotFoundError) else InputError
        raise kind(f"No corpus at {path}: {reason(error)}.") from error
    if not (path.is_dir() or path.is_file()):
        raise InputError(f"{path} is neither a folder nor a regular file.")
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise InputError(f"Cannot read the folder {path}: permission denied.")


def _not_a_corpus(path: Path) -> str:
    """Return the message for what asc itself or a model wrote; empty for all else."""
    if kind_of(path) in (Kind.CORPUS, Kind.FILE, Kind.FOLDER, Kind.TABLE):
        return ""
    return not_a("a corpus", path, "Give a folder of audio, or a table of clips.")


def _formats() -> str:
    known = "; ".join(f"{one.name}: {one.description}" for one in readers())
    return f"Known formats are {known}."
