"""Figures as files: PNG, PDF and SVG."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from asc.disk import writing_to
from asc.errors import MissingInputError, UsageError
from asc.files import replacing
from asc.plots.style import DPI, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Suffixes of the files that `save` writes.
SUFFIXES = (".png", ".pdf", ".svg")
#: Pixels to an inch of .png files to look at closely, and of images inside .pdf and
#: .svg files.
FINE_DPI, _PRINT_DPI = 2 * DPI, 300
#: Metadata without the time, which would differ from one run to the next.
_METADATA: Any = {".png": {}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


@own_style
def save(figure: Figure, path: str | os.PathLike[str], *, dpi: float = DPI) -> Path:
    """Write a figure to a file, whole or not at all.

    Parameters
    ----------
    figure : Figure
    path : path-like
        Ends in .png, .pdf or .svg. A file of this name is replaced.
    dpi : float > 0
        Pixels to an inch of a .png file: at 100, a spectrogram has the documented
        640 x 480.

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
    with writing_to(path), replacing(path) as tmp_path:
        write_figure(figure, tmp_path, suffix, dpi if suffix == ".png" else _PRINT_DPI)
    return path


def write_figure(
    figure: Figure, file: Path | BinaryIO, suffix: str, dpi: float
) -> None:
    """Write a figure in one of the formats of `SUFFIXES`."""
    figure.savefig(file, format=suffix[1:], dpi=dpi, metadata=_METADATA[suffix])
