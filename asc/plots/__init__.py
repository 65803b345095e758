"""The one drawing of each picture: spectrograms, batches, curves, confusion matrices.

Every function returns a `matplotlib.figure.Figure`; `save` writes it to a file and
`embed` puts it into a page. There is no pyplot, so pictures can be drawn in any thread
and beside a user's own matplotlib. Importing this package is cheap: matplotlib is
imported when the first picture is drawn.
"""

from asc.plots.batch import batch_sheet
from asc.plots.clip import clip_figure, scale_figure
from asc.plots.confusion_matrix import confusion_figure
from asc.plots.curves import curve_figure, curves_figure
from asc.plots.embedding_map import embedding_figure
from asc.plots.inline_svg import Embedded, embed
from asc.plots.preview import example_rows, preview_clip, preview_scenes, row_panels
from asc.plots.ranking import ranking_figure
from asc.plots.reliability import reliability_figure
from asc.plots.saving import FINE_DPI, SUFFIXES, save
from asc.plots.spectrogram_axes import Panel, colour_limits
from asc.plots.spectrograms import (
    Tile,
    spectrogram_figure,
    spectrogram_sheet,
)
from asc.plots.style import palette_css
from asc.plots.timeline import timeline_figure

__all__ = [
    "FINE_DPI",
    "SUFFIXES",
    "Embedded",
    "Panel",
    "Tile",
    "batch_sheet",
    "clip_figure",
    "colour_limits",
    "confusion_figure",
    "curve_figure",
    "curves_figure",
    "embed",
    "embedding_figure",
    "example_rows",
    "palette_css",
    "preview_clip",
    "preview_scenes",
    "ranking_figure",
    "reliability_figure",
    "row_panels",
    "save",
    "scale_figure",
    "spectrogram_figure",
    "spectrogram_sheet",
    "timeline_figure",
]
