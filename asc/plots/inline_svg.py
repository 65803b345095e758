"""Figures in a page: inline SVG whose colours follow the page, or a PNG."""

from __future__ import annotations

import base64
import io
import itertools
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asc.plots.saving import write_figure
from asc.plots.style import DPI, PALETTE, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pixels of a PNG for one of the page, for screens of high resolution.
_PNG_SCALE = 1.5
#: Colours of the palette in a style sheet; on a page without them, the light ones.
_VARIABLES = {
    colour.light: f"var(--{name},{colour.light})" for name, colour in PALETTE.items()
}
#: Settings of matplotlib while it writes SVG; they are those of the whole process.
_SETTINGS: Any = {
    "image.composite_image": False,
    "savefig.bbox": None,
    "svg.fonttype": "none",
    "svg.hashsalt": "asc",
    "svg.image_inline": True,
}
_LOCK = threading.Lock()
_NUMBER = r"-?\d+\.?\d*(?:e-?\d+)?"
_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"


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


@own_style
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
    width, height = (round(size) for size in figure.bbox.size)
    alt = "".join(sign for sign in alt if sign.isprintable())
    style = f"display:block;width:100%;max-width:{width}px;height:auto"
    page = _page_svg(figure)
    ET.SubElement(page, "title").text = alt
    # The font of the page can be wider than the one of the layout.
    page.set("style", f"{style};overflow:visible;stroke-linejoin:round")
    markup = ET.tostring(page, "unicode")
    pixels = sum(len(image.get("href", "")) for image in page.iter("image"))
    if len(markup) - pixels > limit:
        file = io.BytesIO()
        write_figure(figure, file, ".png", _PNG_SCALE * DPI)
        size = {"width": str(width), "height": str(height), "style": style}
        image = ET.Element("img", size, src=_png_uri(file.getvalue()), alt=alt)
        markup = ET.tostring(image, "unicode")
    return Embedded(markup, width, height)


def _page_svg(figure: Figure) -> ET.Element:
    """Return what matplotlib writes as SVG, without ids; one group for each style.

    Nothing is clipped: the figures of this package draw inside their axes.
    """
    import matplotlib

    file = io.BytesIO()
    with _LOCK, matplotlib.rc_context(_SETTINGS):
        # The page is the paper, and a date would differ from one run to the next.
        figure.savefig(
            file,
            format="svg",
            metadata={"Date": None},
            facecolor="none",
            edgecolor="none",
        )
    root = ET.fromstring(file.getvalue())
    page = ET.Element("svg", viewBox=root.get("viewBox", ""), role="img")
    elements = _page_elements(root)
    for style, found in itertools.groupby(
        elements, lambda one: one.attrib.pop("style")
    ):
        ET.SubElement(page, "g", style=style).extend(found)
    return page


def _page_elements(root: ET.Element) -> Iterator[ET.Element]:
    """Return the paths, texts and images of an SVG of matplotlib, each with a style."""
    markers = {path.get("id"): path for path in root.iter(f"{_SVG}path")}
    for element in _drawn(root):
        kind, values = element.tag.removeprefix(_SVG), element.attrib
        style = _page_style(values.get("style", ""))
        # A line of nothing but NaN has no coordinates.
        if kind == "path" and style != "fill:none" and "d" in values:
            yield ET.Element(kind, style=style, d=_moved(values["d"]))
        elif kind == "use":
            marker = markers[values[_LINK].removeprefix("#")]
            by = float(values["x"]), float(values["y"])
            yield ET.Element("path", style=style, d=_moved(marker.attrib["d"], *by))
        elif kind == "text":
            place = {
                name: _moved(value)
                for name, value in values.items()
                if name in ("x", "y", "transform") and "rotate(-0 " not in value
            }
            text = ET.Element(kind, place, style=style)
            text.text = element.text
            yield text
        elif kind == "image":
            data = base64.b64decode(values[_LINK].partition(",")[2])
            size = {name: values[name] for name in ("width", "height", "transform")}
            # Cells are enlarged as they are, but reduced smoothly.
            enlarged = float(size["transform"].split()[0].removeprefix("matrix(")) > 1
            style = f"image-rendering:{'pixelated' if enlarged else 'auto'}"
            yield ET.Element(kind, size, style=style, href=_png_uri(data))


def _drawn(element: ET.Element) -> Iterator[ET.Element]:
    """Return what is drawn inside an element, in its order."""
    for child in element:
        if child.tag != f"{_SVG}defs":
            yield child
            yield from _drawn(child)


def _page_style(style: str) -> str:
    """Return a style with the colours and the font of the page."""
    style = re.sub("font-family: [^;]*; ", "", style)
    style = re.sub("#[0-9a-f]{6}", lambda one: _VARIABLES.get(one[0], one[0]), style)
    return re.sub("([:;]) ", r"\1", style)


def _moved(text: str, x: float = 0, y: float = 0) -> str:
    """Return coordinates moved by (x, y), each rounded to a tenth of a point."""
    by = itertools.cycle((x, y))
    moved = re.sub(
        _NUMBER, lambda one: f"{float(one[0]) + next(by):.1f}".removesuffix(".0"), text
    )
    return " ".join(moved.split())


def _png_uri(data: bytes) -> str:
    """Return a PNG as a URI; of few colours, for few bytes, where it is opaque."""
    from PIL import Image

    image: Image.Image = Image.open(io.BytesIO(data)).convert("RGBA")
    if image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB").quantize(128)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
