"""Finds the reader for a corpus and opens it."""

from __future__ import annotations

import os
from pathlib import Path

from asc.corpus import esc50, folder, table, tau, tut
from asc.corpus.base import Corpus
from asc.errors import InputError, UsageError
from asc.text import unknown_name

#: Readers by format name, in the order in which they are asked.
READERS = {"tut": tut, "tau": tau, "esc50": esc50, "table": table, "folder": folder}


def open_corpus(path: str | os.PathLike[str], format: str | None = None) -> Corpus:
    """Read the metadata of a corpus; audio is not opened.

    Parameters
    ----------
    path : path-like
        A folder (TUT, TAU, ESC-50, or one folder for each scene) or a .csv/.tsv
        table with columns path and label.
    format : str, optional
        Name of the reader (``tut``, ``tau``, ``esc50``, ``table``, ``folder``).
        Detected if not given.

    Returns
    -------
    Corpus
        Clips sorted by path, official folds, and the rows that were left out.

    Raises
    ------
    InputError
        If nothing is there, it cannot be read, or it has no usable clip.
    UsageError
        If the format does not exist.
    """
    path = Path(path)
    if format is not None and format not in READERS:
        raise UsageError(unknown_name("corpus format", format, tuple(READERS)))
    try:
        path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"There is no corpus at {path}: {reason.lower()}.") from error
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise InputError(f"Cannot read the folder {path}: permission denied.")
    found = format or next(
        (name for name, reader in READERS.items() if reader.detect(path)), None
    )
    if found is None:
        raise InputError(
            f"{path} is no corpus: expected a folder or a .csv or .tsv table."
        )
    if not READERS[found].detect(path):
        raise InputError(
            f"{path} cannot be read as format {found!r}: the files that tell it are"
            " not there. Leave out --format to have the reader detected."
        )
    return READERS[found].read(path)
