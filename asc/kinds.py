"""What a path leads to, by its content.

Commands take several kinds of files and folders, and it is easy to swap them. The
message then says what was received, in place of how it failed to be something else.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from itertools import islice
from pathlib import Path

from asc.errors import AscError, InputError, MissingInputError
from asc.files import open_regular, read_json
from asc.text import printable


class Kind(Enum):
    """Kinds of files and folders; the value is its name in a sentence."""

    STORE = "a store"
    HDF5 = "an HDF5 file"
    AUDIO = "an audio file"
    MODEL = "a Keras model"
    TABLE = "a table"
    BUNDLE = "a bundle"
    RUN = "a run folder"
    FOLDS = "a run folder of all folds"
    COMPARISON = "a comparison"
    EVALUATION = "a saved evaluation"
    REPORT = "a report"
    CORPUS = "a folder of audio"
    FILE = "a file"
    FOLDER = "a folder"
    MISSING = "missing"


#: Folders of runs, and what `asc predict` takes a model from.
RUNS = (Kind.RUN, Kind.FOLDS)
WITH_MODELS = (*RUNS, Kind.BUNDLE)
#: The first member of a bundle. The name of a member follows 30 bytes of a zip file.
BUNDLE_RECORD = "asc-model.json"
_BUNDLE = re.compile(rb"PK\x03\x04.{26}" + BUNDLE_RECORD.encode(), re.DOTALL)

#: First bytes of audio, whether libsndfile decodes it or not.
_AUDIO = re.compile(
    rb"(RIFF|RIFX|RF64|BW64)....WAVE"
    rb"|riff\x2e\x91\xcf\x11"  # W64
    rb"|FORM....AIF[FC]"
    rb"|fLaC|OggS|\.snd|caff|wvpk|MAC |#!AMR"
    rb"|ID3|\xff[\xe2-\xe7\xf0-\xfd]"  # MP3 and AAC
    rb"|....ftyp"  # MPEG-4
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # Windows Media
    rb"|\x1a\x45\xdf\xa3",  # Matroska and WebM
    re.DOTALL,
)
#: In the head of every report.
REPORT_MARK = '<meta name="generator" content="asc report">'
_HDF5 = b"\x89HDF\r\n\x1a\n"
#: Bytes of a file that are looked at; a store names its format in them.
_HEAD_BYTES = 4096
#: Entries of a folder that are looked at, so that no folder takes long.
_MOST_ENTRIES = 1000


def kind_of(path: str | os.PathLike[str]) -> Kind:
    """Return what a path leads to; never raises an error.

    Files are known by their first bytes, whatever their name; tables, which have none
    of their own, by their name.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _kind_of_folder(path)
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except MissingInputError:
        return Kind.MISSING
    except (AscError, OSError, ValueError):  # ValueError: a null character
        return Kind.FILE
    if head.startswith(_HDF5):
        return Kind.STORE if b"asc-store" in head else Kind.HDF5
    if _AUDIO.match(head):
        return Kind.AUDIO
    if _BUNDLE.match(head):
        return Kind.BUNDLE
    if head.startswith(b"PK\x03\x04") and path.suffix.lower() == ".keras":
        return Kind.MODEL
    if REPORT_MARK.encode() in head:
        return Kind.REPORT
    if path.suffix.lower() in (".csv", ".tsv") and b"\0" not in head:
        return Kind.TABLE
    return Kind.FILE


def not_a(expected: str, path: str | os.PathLike[str], advice: str = "") -> str:
    """Return the message for a path that leads to something else.

    Parameters
    ----------
    expected : str
        What was expected, as ``"a run folder"``.
    path : path-like
    advice : str
        A sentence on what to do.
    """
    name, kind = printable(os.fspath(path)), kind_of(path)
    if kind is Kind.MISSING:
        found = f"{name} is not {expected}: there is no such file or folder."
    elif kind in (Kind.FILE, Kind.FOLDER):
        found = f"{name} is not {expected}."
    else:
        found = f"{name} is {kind.value}, not {expected}."
    return f"{found} {advice}".rstrip()


def check_text_file(expected: str, path: Path) -> None:
    """Raise InputError for what is surely no text, such as a store or a folder."""
    if kind_of(path) not in (Kind.FILE, Kind.TABLE, Kind.MISSING):
        raise InputError(not_a(expected, path))


def _kind_of_folder(path: Path) -> Kind:
    if (path / "recipe.json").is_file():
        return Kind.FOLDS if _has_all_folds(path) else Kind.RUN
    if (path / "grid.json").is_file():
        return Kind.COMPARISON
    if (path / "metrics.json").is_file():
        return Kind.EVALUATION
    below = (
        Path(folder) / file for folder, _, files in os.walk(path) for file in files
    )
    for file in islice(below, _MOST_ENTRIES):
        if kind_of(file) is Kind.AUDIO:
            return Kind.CORPUS
    return Kind.FOLDER


def _has_all_folds(path: Path) -> bool:
    try:
        record = read_json(path / "recipe.json", root=path)
        return record["recipe"]["split"] == "folds"
    except (AscError, LookupError, TypeError):
        return False
