"""Pictures: spectrograms of a store, batches, training curves, confusion matrices.

Every function returns a `matplotlib.figure.Figure` of its own and `save` writes
it. There is no pyplot and no global state, so pictures can be drawn in any
thread and beside a user's own matplotlib. Importing this package is cheap:
matplotlib is imported when the first picture is drawn.
"""

from asc.plots.batch import batch_sheet
from asc.plots.confusion import confusion_figure
from asc.plots.curves import curves_figure
from asc.plots.spectrograms import spectrogram_figure, spectrogram_sheet
from asc.plots.style import ENDINGS, save

__all__ = [
    "ENDINGS",
    "batch_sheet",
    "confusion_figure",
    "curves_figure",
    "save",
    "spectrogram_figure",
    "spectrogram_sheet",
]
