"""Figures in a page: markup that is safe, small, repeatable and follows the page."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pytest
from pictures import noise, panel

from asc import plots
from asc.plots.style import DPI, ON_COLOUR, PALETTE

HOSTILE = (
    "</text><script>alert(1)</script>",
    "\"quotes\" & 'apostrophes'",
    "$x^2$ &amp; \\LaTeX",
    "abc\u202egnp.exe\x00\x1b[31m\u2028",
    "</title><img src=x onerror=alert(1)>",
)
#: Pixels of a figure to points of its SVG.
POINT = 72 / DPI
HISTORY = {"loss": [2.0, 1.5, 1.2], "val_loss": [2.1, float("nan"), 1.4]}


def parsed(embedded):
    """The markup as a tree: it is XML, and nothing else is in it."""
    return ET.fromstring(str(embedded.markup))


def texts(root):
    return [element.text for element in root.iter("text")]


def outline(path):
    """The corners of a path [shape=(corners, 2)]."""
    return np.array(re.findall(r"-?[\d.]+", path.get("d")), float).reshape(-1, 2)


def scale_of(root, embedded):
    """Points of the markup in an inch of the figure, across and down, over 72."""
    box = np.array(root.get("viewBox").split(), float)
    return box[2:] / (embedded.width, embedded.height) / POINT


def points(figure, values):
    """Places on the only axes of a figure, in points from the upper left corner."""
    (axes,) = figure.axes
    places = axes.transData.transform(values)
    places[:, 1] = figure.bbox.height - places[:, 1]
    return places * POINT


def pixels_of(uri):
    from PIL import Image

    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


@pytest.fixture(scope="module")
def curve():
    return plots.curve_figure(HISTORY, "loss", best_epoch=1)


def figures():
    shown = noise()
    limits = plots.colour_limits([shown])
    return {
        "curve": plots.curve_figure(HISTORY, "loss"),
        "confusion": plots.confusion_figure(np.eye(3, dtype=int), "abc"),
        "reliability": plots.reliability_figure(
            np.linspace(0, 1, 3), np.array([0.3, 0.8]), np.array([0.2, 0.9])
        ),
        "clip": plots.clip_figure([shown], limits, samples=np.ones(9)),
        "scale": plots.scale_figure("Level (dB)", (-90, 0)),
    }


@pytest.mark.parametrize("name", figures())
def test_every_figure_is_plain_elements_that_take_the_width_there_is(name):
    figure = figures()[name]
    embedded = plots.embed(figure, alt="what it shows")
    root = parsed(embedded)
    assert (root.tag, root.get("role")) == ("svg", "img")
    assert root.findtext("title") == "what it shows"
    assert scale_of(root, embedded) == pytest.approx([1, 1], rel=1e-3)
    assert (embedded.width, embedded.height) == tuple(figure.bbox.size.round())
    assert "width:100%" in root.get("style")
    for element in root.iter():
        assert element.tag in {"svg", "title", "g", "path", "text", "image"}
        # No ids, which could clash; no references, classes or handlers.
        assert set(element.attrib) <= {
            *("viewBox", "role", "style", "d", "x", "y", "width", "height"),
            *("transform", "preserveAspectRatio", "href"),
        }
        assert "url(" not in element.get("style", "")
        assert "nan" not in "".join(element.attrib.values()).replace("data:", "")[:200]
        if element.tag == "image":
            assert element.get("href").startswith("data:image/png;base64,")


def test_colours_are_those_of_the_page(curve):
    markup = plots.embed(curve, alt="").markup
    variables = {
        name for name, _ in re.findall(r"var\(--(\w+),(#[0-9a-f]{6})\)", markup)
    }
    assert {"ink", "soft", "line", "blue", "orange"} <= variables <= set(PALETTE)
    fixed = re.sub(r"var\(--\w+,#[0-9a-f]{6}\)", "", markup)
    assert "#" not in fixed
    # The page is the paper: nothing is painted behind the figure.
    assert "paper" not in variables


def test_the_palette_is_defined_for_light_dark_and_print():
    css = plots.palette_css()
    for name, colour in PALETTE.items():
        found = re.findall(rf"--{name}: (#[0-9a-f]{{6}});", css)
        assert found == [colour.light, colour.dark, colour.light]


def test_colours_can_be_read_on_the_paper():
    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(
            parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
        )
        return linear @ (0.2126, 0.7152, 0.0722)

    def contrast(one, other):
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    for place in ("light", "dark"):
        paper = getattr(PALETTE["paper"], place)
        for name in ("ink", "soft", "blue", "orange"):  # WCAG 2.2, level AA
            assert contrast(getattr(PALETTE[name], place), paper) >= 4.5
    assert contrast(ON_COLOUR, PALETTE["blue"].light) >= 4.5


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(no_mathtext, name):
    embedded = plots.embed(
        plots.confusion_figure(np.eye(2, dtype=int), [name, "b"], title=name), alt=name
    )
    root = parsed(embedded)
    assert root.findtext("title") == "".join(
        sign for sign in name if sign.isprintable()
    )
    assert {element.tag for element in root.iter()} == {
        *("svg", "title", "g", "path", "text", "image")
    }
    assert all(text.isprintable() for text in texts(root))
    picture = plots.embed(
        plots.confusion_figure(np.eye(2, dtype=int), [name, "b"]), alt=name, limit=0
    )
    assert re.fullmatch(r'<img [^<>]*alt="[^<>"]*"[^<>]*>', picture.markup)


def test_text_is_text_in_the_font_of_the_page(curve):
    root = parsed(plots.embed(curve, alt=""))
    assert {"Epoch", "Loss", "train", "validation"} <= set(texts(root))
    assert "font-family" not in plots.embed(curve, alt="").markup


def test_lines_are_where_the_values_are():
    figure = plots.curve_figure({"val_loss": [1.0, 3.0, 2.0]}, "loss")
    root = parsed(plots.embed(figure, alt=""))
    expected = points(figure, [(1, 1.0), (2, 3.0), (3, 2.0)])
    outlines = [outline(path) for path in root.iter("path") if "C" not in path.get("d")]
    assert any(
        found.shape == expected.shape and np.allclose(found, expected, atol=0.06)
        for found in outlines
    )


@pytest.mark.parametrize("middle, joined", [(float("nan"), False), (2.0, True)])
def test_a_gap_breaks_the_line(middle, joined):
    figure = plots.curve_figure({"val_loss": [1.0, middle, 3.0]}, "loss")
    root = parsed(plots.embed(figure, alt=""))
    ends = points(figure, [(1, 1.0), (3, 3.0)])
    whole = [path for path in root.iter("path") if path.get("d").count("M") == 1]
    lines = [outline(path)[[0, -1]] for path in whole]
    assert any(np.allclose(line, ends, atol=0.06) for line in lines) == joined


def test_a_line_without_a_value_is_left_out():
    history = {"loss": [float("nan")] * 2, "val_loss": [2.0, 1.0]}
    root = parsed(plots.embed(plots.curve_figure(history, "loss"), alt="x"))
    assert {"train", "validation"} <= {*texts(root)}


def test_marks_are_where_the_values_are():
    figure = plots.curve_figure({"val_loss": [1.0, 3.0, 2.0]}, "loss")
    root = parsed(plots.embed(figure, alt=""))
    centres = [
        outline(path).mean(axis=0) for path in root.iter("path") if "z" in path.get("d")
    ]
    for place in points(figure, [(1, 1.0), (2, 3.0), (3, 2.0)]):
        assert np.abs(np.array(centres) - place).max(axis=1).min() < 1


@pytest.mark.parametrize("rows", [6, 7])
def test_pixels_are_the_values_with_the_lowest_row_at_the_bottom(rows):
    values = np.arange(rows * 5, dtype=float).reshape(rows, 5)
    shown = panel(values, "Mel", "Value")
    figure = plots.clip_figure([shown], {"Value": (0.0, values.max())})
    (image,) = parsed(plots.embed(figure, alt="")).iter("image")
    found = pixels_of(image.get("href"))
    expected = figure.axes[0].images[0].to_rgba(values, bytes=True)
    np.testing.assert_array_equal(found, expected)
    # The lowest row is the first, and the image is turned upside down.
    numbers = re.findall(r"-?[\d.]+", image.get("transform"))
    across, _, _, down, left, bottom = (float(number) for number in numbers)
    assert (image.get("width"), image.get("height")) == ("5", str(rows))
    box = figure.axes[0].bbox
    expected = np.array([box.width, -box.height, box.x0, figure.bbox.height - box.y0])
    drawn = [5 * across, rows * down, left, bottom]
    np.testing.assert_allclose(drawn, POINT * expected, atol=0.06)


def test_the_first_row_of_a_confusion_matrix_is_on_top():
    counts = np.array([[4, 0], [2, 2]])
    root = parsed(plots.embed(plots.confusion_figure(counts, "ab"), alt=""))
    correct, wrong, *_ = (pixels_of(one.get("href")) for one in root.iter("image"))
    # Empty cells are transparent, full ones opaque.
    assert correct[0, 0, 3] == 255 and 0 < correct[1, 1, 3] < 255
    assert correct[0, 1, 3] == correct[1, 0, 3] == wrong[0, 1, 3] == 0
    assert wrong[1, 0, 3] > 0


def test_a_large_figure_is_a_picture(curve):
    svg = plots.embed(curve, alt="")
    assert svg.markup.startswith("<svg")
    picture = plots.embed(curve, alt='loss of "x"', limit=1000)
    root = parsed(picture)
    assert (root.tag, root.get("alt")) == ("img", 'loss of "x"')
    assert (picture.width, picture.height) == (svg.width, svg.height)
    rows, columns = pixels_of(root.get("src")).shape[:2]
    assert columns / rows == pytest.approx(picture.width / picture.height, rel=0.02)
    assert columns > picture.width


def test_pixels_of_images_do_not_count_for_the_limit():
    values = np.random.default_rng(0).uniform(0, 1, (200, 200))
    shown = panel(values, "Mel", "Value")
    embedded = plots.embed(plots.clip_figure([shown], {"Value": (0, 1)}), alt="")
    assert embedded.markup.startswith("<svg") and len(embedded.markup) > 30_000


@pytest.mark.parametrize("epochs", [1000, 5000])
def test_long_trainings_stay_small(epochs):
    rng = np.random.default_rng(0)
    history = {"loss": rng.normal(size=epochs), "val_loss": rng.normal(size=epochs)}
    embedded = plots.embed(plots.curve_figure(history, "loss"), alt="")
    assert len(embedded.markup) < 100_000


def test_drawing_again_gives_the_same_and_leaves_the_figure(curve, tmp_path):
    before = plots.save(curve, tmp_path / "a.png").read_bytes()
    first = plots.embed(curve, alt="x")
    assert plots.embed(curve, alt="x") == first
    assert plots.save(curve, tmp_path / "a.png").read_bytes() == before


def test_settings_of_the_process_do_not_matter(curve):
    first = plots.embed(plots.curve_figure(HISTORY, "loss", best_epoch=1), alt="x")
    own = {
        "svg.fonttype": "path",
        "svg.hashsalt": "1",
        "svg.image_inline": False,
        "image.composite_image": True,
        "savefig.bbox": "tight",
    }
    with matplotlib.rc_context(own):
        assert plots.embed(curve, alt="x") == first
        assert own.items() <= dict(matplotlib.rcParams).items()


def test_threads_draw_what_one_thread_draws(curve):
    curves = [plots.curve_figure(HISTORY, "loss", best_epoch=1) for _ in range(8)]
    before = dict(matplotlib.rcParams)
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda one: plots.embed(one, alt="x"), curves))
    assert drawn == [plots.embed(curve, alt="x")] * 8
    assert dict(matplotlib.rcParams) == before


def test_jinja_prints_it_as_it_is(curve):
    from jinja2 import Environment

    embedded = plots.embed(curve, alt="<b>")
    template = Environment(autoescape=True).from_string("<p>{{ figure }}</p>")
    assert template.render(figure=embedded) == f"<p>{embedded.markup}</p>"
