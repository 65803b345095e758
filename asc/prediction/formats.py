"""Predictions as text: table, CSV, JSON, JSON lines, Audacity labels, Raven tables."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from asc.prediction.prediction import Prediction
from asc.prediction.segments import segments
from asc.text import percent, printable, printable_json, scene_columns

#: Columns of the CSV before those of the scenes, for files and for windows.
_COLUMNS = ("path", "seconds", "windows", "predicted")
_TIMELINE_COLUMNS = ("path", "start", "end", "predicted")
#: Columns of a Raven selection table; those of Raven itself come first.
_RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)"),
    *("Low Freq (Hz)", "High Freq (Hz)", "Scene", "Confidence", "Begin Path"),
)


@dataclass
class TextFormat(ABC):
    """Writes predictions as text: `begin`, `add` for each file, `end`.

    Attributes
    ----------
    scenes : sequence of str
    top : int > 0
        Number of scenes that are listed.
    timeline : bool
        Each window in place of their mean.
    min_confidence : float
        A file or window whose scene has a lower probability gets none.
    frequencies : (float, float)
        Lowest and highest frequency of the features (in Hz).
    ascii : bool
        Write JSON with escapes in place of other characters than ASCII.
    """

    scenes: Sequence[str]
    top: int = 3
    timeline: bool = False
    min_confidence: float = 0.0
    frequencies: tuple[float, float] = (0.0, 0.0)
    ascii: bool = False

    #: How its files end, and whether one can hold several recordings.
    suffix: ClassVar[str]
    several: ClassVar[bool] = True

    def begin(self) -> str:
        """Return what comes before the first file."""
        return ""

    def add(self, found: Prediction) -> str:
        """Return the text of a file; its `error` may be all that is known."""
        return "" if found.error else self.lines(found)

    def end(self) -> str:
        """Return what comes after the last file."""
        return ""

    def lines(self, found: Prediction) -> str:
        """Return the text of a file that was used."""
        raise NotImplementedError

    def results(
        self, found: Prediction
    ) -> Iterator[tuple[int | None, np.ndarray, str | None]]:
        """Yield the number of a window, or None for the file, and what is predicted.

        Yields
        ------
        window : int or None
        probabilities : np.ndarray [shape=(scenes,)]
        scene : str or None
        """
        windows = range(len(found.windows)) if self.timeline else (None,)
        mean = found.windows.mean(axis=0)
        for window in windows:
            values = mean if window is None else found.windows[window]
            ((scene, probability),) = found.top(self.scenes, 1, window)
            sure = probability >= self.min_confidence
            yield window, values, scene if sure else None


class Table(TextFormat):
    """Lines for people."""

    suffix = ".txt"

    def lines(self, found: Prediction) -> str:
        """Return a line for the file, or one for each window."""
        text = ""
        for window, _, scene in self.results(found):
            place = printable(str(found.path)) + ":"
            if window is not None:
                place += f" {found.start[window]:.2f}-{found.end[window]:.2f} s "
            best = found.top(self.scenes, self.top, window)
            line = "  ".join(f"{name} {percent(p)}" for name, p in best)
            text += f"{place} {line if scene else f'unsure ({line})'}\n"
        return text


class Csv(TextFormat):
    """All probabilities as CSV."""

    suffix = ".csv"

    def begin(self) -> str:
        """Return the names of the columns."""
        columns = _TIMELINE_COLUMNS if self.timeline else _COLUMNS
        return _csv_line([*columns, *scene_columns(self.scenes, columns)])

    def lines(self, found: Prediction) -> str:
        """Return a line for the file, or one for each window."""
        name, text = printable(str(found.path)), ""
        for window, values, scene in self.results(found):
            facts = [f"{found.seconds:.3f}", len(found.windows)]
            if window is not None:
                facts = [f"{found.start[window]:.3f}", f"{found.end[window]:.3f}"]
            # Nine digits distinguish all float32 values.
            cells = (f"{value:.9g}" for value in values)
            text += _csv_line([name, *facts, scene or "", *cells])
        return text


class Json(TextFormat):
    """All probabilities as one JSON list."""

    suffix = ".json"

    def begin(self) -> str:
        """Return the beginning of the list."""
        self._separator = "\n"
        return "["

    def add(self, found: Prediction) -> str:
        """Return an object, with the error of a file that could not be used."""
        text = json.dumps(self._record(found), indent=2, ensure_ascii=self.ascii)
        lines = printable_json(text).splitlines()
        begin, self._separator = self._separator, ",\n"
        return begin + "\n".join(f"  {line}" for line in lines)

    def end(self) -> str:
        """Return the end of the list."""
        return f"{self._separator.removeprefix(',')}]\n"

    def _record(self, found: Prediction) -> dict[str, Any]:
        if found.error:
            return {"path": str(found.path), "error": found.error}
        record = {
            "path": str(found.path),
            "seconds": found.seconds,
            "windows": len(found.windows),
        }
        timeline = []
        whole = type(self)(self.scenes, self.top, False, self.min_confidence)
        for window, values, scene in (*whole.results(found), *self.results(found)):
            best = found.top(self.scenes, self.top, window)
            facts = {
                "top": [{"scene": name, "probability": p} for name, p in best],
                "predicted": scene,
                "probabilities": dict(
                    zip(self.scenes, map(float, values), strict=True)
                ),
            }
            if window is None:
                record |= facts
            else:
                start, end = float(found.start[window]), float(found.end[window])
                timeline.append({"start": start, "end": end, **facts})
        return record | ({"timeline": timeline} if self.timeline else {})


class JsonLines(Json):
    """The objects of `Json`, one a line."""

    suffix = ".jsonl"

    def begin(self) -> str:
        """Return nothing: each line is a whole."""
        return ""

    def add(self, found: Prediction) -> str:
        """Return a line, with the error of a file that could not be used."""
        line = json.dumps(self._record(found), ensure_ascii=self.ascii)
        return printable_json(line) + "\n"

    def end(self) -> str:
        """Return nothing."""
        return ""


class Audacity(TextFormat):
    """Segments as a label track: start, end and label, separated by tabs."""

    suffix = ".labels.txt"
    several = False

    def lines(self, found: Prediction) -> str:
        """Return a line for each segment."""
        return "".join(
            f"{start:.6f}\t{end:.6f}\t{printable(self.scenes[label])}"
            f" {confidence:.2f}\n"
            for start, end, label, confidence in segments(found, self.min_confidence)
        )


class Raven(TextFormat):
    """Segments as a selection table of Raven, separated by tabs."""

    suffix = ".selections.txt"
    several = False

    def begin(self) -> str:
        """Return the names of the columns."""
        return "\t".join(_RAVEN_COLUMNS) + "\n"

    def lines(self, found: Prediction) -> str:
        """Return a line for each segment."""
        low, high = self.frequencies
        path = printable(str(found.path))
        text = ""
        for number, (start, end, label, confidence) in enumerate(
            segments(found, self.min_confidence), start=1
        ):
            scene = printable(self.scenes[label])
            text += (
                f"{number}\tSpectrogram 1\t1\t{start:.6f}\t{end:.6f}\t{low:g}\t{high:g}"
                f"\t{scene}\t{confidence:.4f}\t{path}\n"
            )
        return text


#: Formats of text by their names.
TEXT_FORMATS: dict[str, type[TextFormat]] = {
    "table": Table,
    "csv": Csv,
    "json": Json,
    "jsonl": JsonLines,
    "audacity": Audacity,
    "raven": Raven,
}


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
