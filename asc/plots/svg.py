"""A matplotlib renderer that writes SVG elements for a page."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.colors import to_hex
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from asc.plots.style import DPI, PALETTE

if TYPE_CHECKING:
    from matplotlib.backend_bases import GraphicsContextBase
    from matplotlib.font_manager import FontProperties
    from matplotlib.text import Text
    from matplotlib.transforms import Transform
    from PIL import Image

#: Colours of the palette in a style sheet; on a page without them, the light ones.
_VARIABLES = {
    colour.light: f"var(--{name},{colour.light})" for name, colour in PALETTE.items()
}
_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


class PageRenderer(RendererBase):
    """Draws into a list of SVG elements, in pixels of the page.

    Matplotlib's own SVG has ids that clash on one page, a style sheet of its own and
    fixed colours and fonts, and whether it writes text as text is a setting of the
    whole process. Clipping is not supported: figures here draw inside their axes.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__()
        self._width, self._height = width, height
        self._flip = Affine2D().scale(1, -1).translate(0, height)
        self._elements: list[tuple[str, str]] = []  # style, markup
        #: Characters of the images, which are no shorter in a PNG of the figure.
        self.image_characters = 0

    def markup(self) -> str:
        """Return the elements; neighbours of one style share it."""
        return "".join(
            f'<g style="{style}">{"".join(markup for _, markup in found)}</g>'
            for style, found in itertools.groupby(self._elements, lambda one: one[0])
        )

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self._width, self._height

    def points_to_pixels(self, points: Any) -> Any:
        return points * DPI / 72

    def option_image_nocomposite(self) -> bool:
        return True

    def option_scale_image(self) -> bool:
        return True  # an image keeps its own pixels; the browser scales it

    def draw_path(
        self,
        gc: GraphicsContextBase,
        path: Path,
        transform: Transform,
        rgbFace: Any = None,
    ) -> None:
        style = self._style(gc, rgbFace)
        outline = _outline(path, transform + self._flip) if style else ""
        if outline:
            self._elements.append((style, f'<path d="{outline}"/>'))

    def draw_markers(
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: Any = None,
    ) -> None:
        segments = path.iter_segments(trans, simplify=False)
        places = [corner[-2:] for corner, _ in segments]
        marker = marker_path.transformed(marker_trans)
        marks = [marker.transformed(Affine2D().translate(*place)) for place in places]
        if marks:
            whole = Path.make_compound_path(*marks)
            self.draw_path(gc, whole, Affine2D(), rgbFace)

    def draw_image(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        im: Any,
        transform: Transform | None = None,
    ) -> None:
        rows, columns = im.shape[:2]
        if transform is None:
            transform = Affine2D().scale(columns, rows)
        (left, first), (right, last) = transform.transform([(0, 0), (1, 1)])
        # Pixels go down the page, and the first row of an image is its lowest.
        pixels = im if first > last else im[::-1]
        top = self._height - y - max(first, last)
        width, height = right - left, abs(last - first)
        uri = _image(pixels)
        self.image_characters += len(uri)
        image = (
            f'<image x="{_number(x + left)}" y="{_number(top)}"'
            f' width="{_number(width)}" height="{_number(height)}"'
            f' preserveAspectRatio="none" href="{uri}"/>'
        )
        enlarged = width > 2 * columns
        self._elements.append(
            (f"image-rendering:{'pixelated' if enlarged else 'auto'}", image)
        )

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Text | None = None,
    ) -> None:
        anchor = ""
        if mtext is not None and (angle == 0 or mtext.get_rotation_mode() == "anchor"):
            # The font of the page is wider or narrower than the one that the text was
            # laid out in, so the browser aligns it, along the direction of the text.
            right, up = mtext.get_transform().transform(mtext.get_unitless_position())
            along = np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))])
            distance = along @ (right - x, self._height - up - y)
            x, y = (x, y) + along * distance
            anchor = f";text-anchor:{_ANCHORS[mtext.get_horizontalalignment()]}"
        size = self.points_to_pixels(prop.get_size_in_points())
        weight = ";font-weight:600" if prop.get_weight() in ("bold", 700) else ""
        across, down = _number(x), _number(y)
        place = f'x="{across}" y="{down}"'
        if angle:
            place += f' transform="rotate({_number(-angle)} {across} {down})"'
        style = f"fill:{_colour(gc.get_rgb())};font-size:{_number(size)}px"
        self._elements.append(
            (style + weight + anchor, f"<text {place}>{escaped(s)}</text>")
        )

    def _style(self, gc: GraphicsContextBase, face: Any) -> str:
        """Return the style of a path, or nothing if it is invisible."""
        forced = gc.get_alpha() if gc.get_forced_alpha() else None
        style = ""
        if face is not None and (opacity := _opacity(face, forced)):
            style += f"fill:{_colour(face)}"
            style += f";fill-opacity:{_number(opacity, 3)}" if opacity < 1 else ""
        stroke = _opacity(gc.get_rgb(), forced)
        if gc.get_linewidth() and stroke:
            width = _number(self.points_to_pixels(gc.get_linewidth()), 2)
            style += ";" if style else "fill:none;"
            style += f"stroke:{_colour(gc.get_rgb())};stroke-width:{width}"
            style += f";stroke-opacity:{_number(stroke, 3)}" if stroke < 1 else ""
            style += f";stroke-linejoin:{gc.get_joinstyle()}"
            if gc.get_capstyle() != "butt":
                cap = gc.get_capstyle().replace("projecting", "square")
                style += f";stroke-linecap:{cap}"
            dashes: Any = gc.get_dashes()[1]
            if dashes is not None:
                lengths = (_number(self.points_to_pixels(one)) for one in dashes)
                style += f";stroke-dasharray:{' '.join(lengths)}"
        return style


def _outline(path: Path, transform: Transform) -> str:
    pieces = []
    for corner, code in path.iter_segments(transform):
        letter = _COMMANDS.get(code)
        pieces.append(f"{letter}{' '.join(map(_number, corner))}" if letter else "Z")
    return "".join(pieces)


def _number(value: float, digits: int = 1) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _opacity(colour: Sequence[float], forced: float | None) -> float:
    if forced is not None:
        return forced
    return colour[3] if len(colour) == 4 else 1


def _colour(colour: Any) -> str:
    """Return a colour as a style sheet has it: by name if it is of the palette."""
    text = to_hex(colour[:3])
    return _VARIABLES.get(text, text)


def _image(pixels: np.ndarray) -> str:
    """Return pixels [shape=(rows, columns, 4)], uint8 as the URI of a PNG."""
    from PIL import Image

    pixels = np.ascontiguousarray(pixels)
    colours, places = np.unique(pixels.view(np.uint32), return_inverse=True)
    if len(colours) > 256:
        return png_uri(Image.fromarray(pixels))
    # A table of colours saves most of the bytes.
    table = colours.view(np.uint8).reshape(-1, 4)
    image = Image.fromarray(places.reshape(pixels.shape[:2]).astype(np.uint8))
    image.putpalette(table[:, :3].tobytes())
    if (table[:, 3] == 255).all():
        return png_uri(image)
    return png_uri(image, transparency=table[:, 3].tobytes())


def png_uri(image: Image.Image, **options: Any) -> str:
    """Return an image as the URI of a PNG."""
    data = io.BytesIO()
    image.save(data, format="PNG", optimize=True, **options)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def escaped(text: str) -> str:
    """Return text without markup, control characters or marks of direction."""
    return escape("".join(sign for sign in text if sign.isprintable()))
