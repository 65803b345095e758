"""What all pictures share: palette, type sizes, axes, and text that is safe to draw."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import lru_cache, partial, wraps
from io import BytesIO
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")
_STYLE_LOCK = RLock()


class Colour(NamedTuple):
    """A colour on light and on dark paper, as ``#rrggbb``."""

    light: str
    dark: str


#: The colours of pictures and of the report, by their name in a style sheet. Blue and
#: orange are apart for every kind of colour vision (after Okabe and Ito), and both
#: can be read as text on the paper.
PALETTE = {
    "paper": Colour("#ffffff", "#14171a"),
    "ink": Colour("#1b1d1f", "#e6e8ea"),
    "soft": Colour("#5c636a", "#a0a8b0"),
    "line": Colour("#dde1e4", "#343b41"),
    "blue": Colour("#0072b2", "#62b6ea"),
    "orange": Colour("#c44e00", "#ff9a52"),
}
# Figures are drawn in the light colours; `embed` turns them into those of the page.
PAPER, INK, SOFT, GRID, BLUE, ORANGE = (colour.light for colour in PALETTE.values())
#: Text on a strong colour: white on light and on dark paper.
ON_COLOUR = "#fefefe"

#: Pixels per inch on screen; sizes of figures are given in these pixels.
DPI = 100
#: Sizes of text (in points).
TITLE, LABEL, TICK = 10.5, 9.0, 8.0

#: For every text that is not a constant of this package. Names come from untrusted
#: files: a dollar sign in one must not start a formula.
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}

#: How the title of one of several panels is written.
PANEL_TITLE = PLAIN | {"loc": "left", "fontsize": 9.5, "color": INK, "pad": 5}


def palette_css() -> str:
    """Return a style sheet that defines ``--ink`` etc.: light, dark and on paper."""
    light, dark = (
        ":root { "
        + " ".join(f"--{name}: {colour[place]};" for name, colour in PALETTE.items())
        + " }\n"
        for place in (0, 1)
    )
    return (
        f"{light}@media (prefers-color-scheme: dark) {{ {dark}}}\n"
        f"@media print {{ {light}}}\n"
    )


def own_style(draw: Callable[P, T]) -> Callable[P, T]:
    """Draw with matplotlib's defaults, whatever a user's matplotlibrc asks for."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        from matplotlib import rc_context, rcParamsDefault

        # One at a time: the settings are those of the process.
        with _STYLE_LOCK, rc_context(
            {k: v for k, v in rcParamsDefault.items() if not k.startswith("backend")}
        ):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: int, height: int) -> Figure:
    """Return an empty figure of so many pixels of a saved .png."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    # What a notebook asks for, also one that has not imported pyplot.
    figure._repr_png_ = partial(_as_png, figure)  # type: ignore[attr-defined]
    return figure


@own_style
def _as_png(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def add_axes(
    figure: Figure, left: float, top: float, width: float, height: float
) -> Axes:
    """Add axes at a place in pixels, counted from the left and from the top."""
    across, down = figure.bbox.size
    place = left / across, 1 - (top + height) / down, width / across, height / down
    return figure.add_axes(place)


def format_axes(axes: Axes, *, grid: bool = False, frame: bool = True) -> None:
    """Give axes the type sizes and colours that all pictures share."""
    axes.set_facecolor("none")
    format_ticks(axes)
    for side, spine in axes.spines.items():
        spine.set(color=SOFT, linewidth=0.7)
        spine.set_visible(frame or side in ("left", "bottom"))
    axes.xaxis.label.set(size=LABEL, color=INK)
    axes.yaxis.label.set(size=LABEL, color=INK)
    axes.grid(False)
    if grid:
        axes.grid(True, color=GRID, linewidth=0.7, linestyle="-")
        axes.set_axisbelow(True)


def format_ticks(axes: Axes) -> None:
    """Give the ticks of axes, or of a colour bar, their size and colours."""
    axes.tick_params(labelsize=TICK, colors=SOFT, labelcolor=INK, length=3, width=0.7)


def legend_above(axes: Axes, *, left: float = 0) -> None:
    """Write what the lines stand for in one line above axes, where no curve is."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(left, 1),
        ncols=4,
        borderaxespad=0.2,
        borderpad=0.2,
        columnspacing=0.9,
        handlelength=1.5,
        handletextpad=0.4,
        fontsize=TICK,
        labelcolor=INK,
        frameon=False,
    )


def write(
    figure: Figure, left: float, top: float, text: str, size: float, **look: Any
) -> None:
    """Write text as it is, below and to the right of a place in pixels."""
    width, height = figure.bbox.size
    usual = {"color": INK, "va": "top", "fontsize": size}
    figure.text(left / width, 1 - top / height, text, **PLAIN | usual | look)


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
@own_style
def _drawable() -> frozenset[int]:
    """Return the code points of the font that text is drawn in."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())
