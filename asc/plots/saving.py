"""Figures as files: PNG, PDF and SVG."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc.errors import AscError, MissingInputError, UsageError
from asc.files import replacing
from asc.plots.style import DPI, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Suffixes of the files that `save` writes.
SUFFIXES = (".png", ".pdf", ".svg")
#: Images inside .pdf and .svg files are for print.
_PRINT_DPI = 300
#: Metadata without the time, which would differ from one run to the next.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file, whole or not at all.

    Parameters
    ----------
    figure : Figure
    path : path-like
        Ends in .png, .pdf or .svg. A file of this name is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the suffix is another.
    MissingInputError
        If the folder does not exist.
    AscError
        If the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path} is not a picture file. Got the suffix {path.suffix!r}; expected"
            f" one of {', '.join(SUFFIXES)}."
        )
    if not path.parent.is_dir():
        raise MissingInputError(
            f"{path} cannot be written: there is no folder {path.parent}. Create it,"
            " or choose another one."
        )
    try:
        with replacing(path) as tmp_path:
            figure.savefig(
                tmp_path,
                format=suffix[1:],
                dpi=DPI if suffix == ".png" else _PRINT_DPI,
                # A user's matplotlibrc may ask for another size or no background.
                bbox_inches=figure.bbox_inches,
                facecolor=PAPER,
                edgecolor="none",
                transparent=False,
                metadata=_METADATA[suffix],
            )
    except OSError as error:
        raise AscError(f"{path} cannot be written ({error.strerror}).") from error
    return path
