"""Figures in a page: inline SVG whose colours follow the page, or a PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asc.plots.style import DPI, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pixels of a PNG for one of the page, for screens of high resolution.
_PNG_SCALE = 1.5


@dataclass(frozen=True)
class Embedded:
    """A figure as HTML. Jinja2 prints it as it is: all text in it is escaped.

    Attributes
    ----------
    markup : str
        An ``<svg>`` or ``<img>`` element that takes the width there is, up to `width`.
    width, height : int
        Natural size (in CSS pixels).
    """

    markup: str
    width: int
    height: int

    def __html__(self) -> str:
        """Return the markup: the protocol of Jinja2 and MarkupSafe."""
        return self.markup


def embed(figure: Figure, *, alt: str, limit: int = 30_000) -> Embedded:
    """Return a figure of this package as an element of a page.

    Parameters
    ----------
    figure : Figure
    alt : str
        What it shows, for those who cannot see it.
    limit : int
        Most characters of SVG, not counting the pixels of images inside it. A larger
        figure becomes a PNG, in light colours.

    Returns
    -------
    Embedded
        SVG in the colours and the font of the page, with the colours of `palette_css`
        as CSS variables. It has no ids, so that any number of figures fit on one page,
        and is the same whenever it is drawn.
    """
    from asc.plots.svg import PageRenderer, escaped

    width, height = (round(size) for size in figure.bbox.size)
    renderer = PageRenderer(width, height)
    framed = figure.get_frameon()
    figure.set_frameon(False)  # the page is the paper
    try:
        figure.draw(renderer)
    finally:
        figure.set_frameon(framed)
    style = f"display:block;width:100%;max-width:{width}px;height:auto"
    drawn = renderer.markup()
    if len(drawn) - renderer.image_characters > limit:
        markup = (
            f'<img src="{_png(figure)}" alt="{escaped(alt)}" width="{width}"'
            f' height="{height}" style="{style}">'
        )
    else:
        markup = (
            f'<svg viewBox="0 0 {width} {height}" role="img"'
            # The font of the page can be wider than the one of the layout.
            f' style="{style};overflow:visible">'
            f"<title>{escaped(alt)}</title>{drawn}</svg>"
        )
    return Embedded(markup, width, height)


def _png(figure: Figure) -> str:
    """Return a figure as the URI of a PNG with few colours, for few bytes."""
    from PIL import Image

    from asc.plots.svg import png_uri

    data = io.BytesIO()
    figure.savefig(
        data,
        format="png",
        dpi=_PNG_SCALE * DPI,
        bbox_inches=figure.bbox_inches,
        facecolor=PAPER,
        transparent=False,
    )
    return png_uri(Image.open(data).convert("RGB").quantize(128))
