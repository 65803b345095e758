"""What all pictures share: canvas, type sizes, colours, safe text, files."""

from __future__ import annotations

import os
import textwrap
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc.errors import AscError, InputError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

#: Endings of the files that `save` writes.
ENDINGS = (".png", ".pdf", ".svg")
#: Pixels per inch on screen; sizes of figures are given in these pixels.
DPI = 100
#: Images inside .pdf and .svg files are for print.
_PRINT_DPI = 300

INK, SOFT, GRID = "#222222", "#5f5f5f", "#e2e2e2"
#: Okabe and Ito's blue and vermilion: apart for every kind of colour vision.
BLUE, VERMILION = "#0072b2", "#d55e00"

TITLE, LABEL, TICK = 10.5, 9.0, 8.0

#: For every text that is not a constant of this package. Names come from
#: strangers' files: a dollar sign in one must not start a formula.
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}


def new_figure(width: int, height: int) -> Figure:
    """Return an empty figure of so many pixels of a saved .png."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width / DPI, height / DPI), dpi=DPI, facecolor="white")
    figure.set_layout_engine("none")  # a user's matplotlibrc may ask for one
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, *, grid: bool = False, frame: bool = True) -> None:
    """Give axes the type sizes and colours that all pictures share."""
    axes.set_facecolor("white")
    axes.tick_params(labelsize=TICK, colors=SOFT, labelcolor=INK, length=3, width=0.7)
    for side, spine in axes.spines.items():
        spine.set(color=SOFT, linewidth=0.7)
        spine.set_visible(frame or side in ("left", "bottom"))
    axes.xaxis.label.set(size=LABEL, color=INK)
    axes.yaxis.label.set(size=LABEL, color=INK)
    axes.grid(False)
    if grid:
        axes.grid(True, color=GRID, linewidth=0.7, linestyle="-")
        axes.set_axisbelow(True)


def dress_bar(bar: Colorbar, label: str) -> None:
    """Give a colour bar its label and what `dress` gives to axes."""
    bar.set_label(label, size=LABEL, color=INK)
    bar.ax.tick_params(labelsize=TICK, colors=SOFT, labelcolor=INK, length=3, width=0.7)
    bar.outline.set(edgecolor=SOFT, linewidth=0.7)


def plain(text: str, limit: int) -> str:
    """Return text from a file on one line, fit to be drawn.

    Parameters
    ----------
    text : str
        Anything, such as the name of a scene or a file.
    limit : int >= 3
        Longer text loses its middle: names of files tend to differ at both ends.

    Returns
    -------
    str
        Without control characters; characters that the font lacks are boxes.
    """
    known = _drawable()
    line = "".join(
        (sign if ord(sign) in known else "\N{WHITE SQUARE}")
        for sign in " ".join(text[: 40 * limit].split())
        if sign.isprintable()
    )
    if len(line) <= limit:
        return line
    head = limit // 2
    return f"{line[:head]}\N{HORIZONTAL ELLIPSIS}{line[len(line) - limit + head + 1:]}"


def wrapped(text: str, width: int, *, most: int = 4) -> str:
    """Return text as at most so many lines of at most so many characters."""
    lines = [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(plain(part, width * most), width)
    ]
    return "\n".join(lines[:most])


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    """Return the code points of the font that text is drawn in."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())


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
        If the ending is another.
    InputError
        If the folder does not exist.
    AscError
        If the file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(
            f"{path} does not end in the name of a picture format. Received"
            f" {path.suffix!r}; expected one of {', '.join(ENDINGS)}."
        )
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: there is no folder {path.parent}. Make it"
            " first, or choose another."
        )
    # A short name of its own: a long one could be refused where `path` is not.
    growing = path.with_name(f".asc-{uuid.uuid4().hex}{ending}")
    try:
        figure.savefig(
            growing,
            format=ending[1:],
            dpi=DPI if ending == ".png" else _PRINT_DPI,
            # Said here because a user's matplotlibrc may say otherwise, and the
            # picture would then have another size or no background.
            bbox_inches=figure.bbox_inches,
            facecolor="white",
            edgecolor="none",
            transparent=False,
            metadata=_without_time(ending),
        )
        os.replace(growing, path)
    except OSError as error:
        raise AscError(f"{path} cannot be written ({error.strerror}).") from error
    finally:
        growing.unlink(missing_ok=True)
    return path


def _without_time(ending: str) -> dict[str, Any]:
    """Return metadata that does not change from one run to the next."""
    return {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(ending, {})
