"""Where predictions go: standard output, one file, or a folder with a file for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asc import plots
from asc.disk import check_writable, writing_to
from asc.errors import UsageError
from asc.files import replacing, write_text
from asc.kinds import Kind, kind_of
from asc.prediction import pictures
from asc.prediction.formats import TEXT_FORMATS, TextFormat
from asc.prediction.prediction import Prediction, Predictions
from asc.prediction.sources import Source
from asc.text import printable
from asc.validation import check_choice

#: Pictures of the spectrogram with the timeline.
_PICTURES = tuple(suffix[1:] for suffix in plots.SUFFIXES)
#: All formats.
FORMATS = (*TEXT_FORMATS, *_PICTURES)
#: Formats by the end of a file, the first that fits.
_BY_END = {kind.suffix: name for name, kind in TEXT_FORMATS.items() if name != "table"}
_BY_END |= {".ndjson": "jsonl", ".txt": "table"}
_BY_END |= {f".{name}": name for name in _PICTURES}

#: Writes the prediction of a file.
Add = Callable[[Prediction], object]


class Outputs:
    """Where predictions go, and in which formats.

    Parameters
    ----------
    target : Path, optional
        A file; or a folder, which gets files for each recording: one that exists, or a
        path without an ending. Standard output if not given.
    formats : sequence of str
        Of `FORMATS`. Without any it is that of the ending of a file, CSV in a folder,
        and a table on standard output.
    skip_existing : bool
        Leave out recordings whose files are in the folder.
    top, timeline, min_confidence
        As in `TextFormat`.

    Raises
    ------
    UsageError
        If target and formats do not fit each other.
    InputError
        If the target cannot be written.
    """

    def __init__(
        self,
        target: Path | None,
        formats: Sequence[str] = (),
        *,
        skip_existing: bool = False,
        top: int = 3,
        timeline: bool = False,
        min_confidence: float = 0.0,
    ) -> None:
        self.target = target
        self.skipped = 0
        self._skip_existing = skip_existing
        self._options: dict[str, Any] = {
            "top": top,
            "timeline": timeline,
            "min_confidence": min_confidence,
        }
        self._sources: dict[str, Source] = {}
        self._folder = target is not None and (target.is_dir() or not target.suffix)
        for name in formats:
            check_choice("format", name, FORMATS)
        self.formats = tuple(dict.fromkeys(formats)) or (self._usual_format(),)
        self._check()

    @property
    def pictures(self) -> bool:
        """Whether a picture is drawn."""
        return not set(self.formats).isdisjoint(_PICTURES)

    def keep(self, source: Source) -> bool:
        """Return whether a file is to be predicted; False if its outputs are there.

        Raises
        ------
        UsageError
            If another file has the same output.
        """
        if self._folder:
            targets = self._targets(source.name)
            other = self._sources.setdefault(str(targets[0]), source)
            if other.path != source.path:
                raise UsageError(
                    f"Two files have the same output {printable(str(targets[0]))}. Got"
                    f" {printable(str(other.path))} and {printable(str(source.path))}."
                    " Predict them with two commands, or name the folder that has both."
                )
            if self._skip_existing and all(path.is_file() for path in targets):
                self.skipped += 1
                return False
            return True
        self._sources[str(source.path)] = source
        single = [name for name in self.formats if not _holds_several(name)]
        if len(self._sources) > 1 and single:
            raise UsageError(
                f"Format {single[0]} has one recording in each file. Got several. Name"
                " a folder: -o FOLDER."
            )
        return True

    @contextmanager
    def open(
        self,
        predictions: Predictions,
        write: Callable[[str], object],
        *,
        ascii: bool = False,
    ) -> Iterator[Add]:
        """Yield the function that writes a prediction.

        A file is whole or is not there. One that was there is replaced.

        Parameters
        ----------
        predictions : Predictions
        write : callable
            Writes text to standard output, if there is no target.
        ascii : bool
            Whether only ASCII can be written there.
        """
        if self.target is None:
            with self._text(predictions, write, ascii) as add:
                yield add
        elif self._folder or self.formats[0] in _PICTURES:
            yield lambda found: self._write_each(found, predictions)
        else:
            with writing_to(self.target):
                self.target.parent.mkdir(parents=True, exist_ok=True)
            with writing_to(self.target), replacing(self.target) as tmp_path:
                with open(tmp_path, "w", encoding="utf-8", newline="") as file:
                    with self._text(predictions, file.write) as add:
                        yield add

    @contextmanager
    def _text(
        self,
        predictions: Predictions,
        write: Callable[[str], object],
        ascii: bool = False,
    ) -> Iterator[Add]:
        text = self._format(self.formats[0], predictions, ascii)
        write(text.begin())
        yield lambda found: write(text.add(found))
        write(text.end())

    def _write_each(self, found: Prediction, predictions: Predictions) -> None:
        """Write the files of a recording, if it could be used."""
        if found.error:
            return
        for name, target in zip(self.formats, self._targets(found.name), strict=True):
            with writing_to(target):
                target.parent.mkdir(parents=True, exist_ok=True)
            if name in _PICTURES:
                figure = pictures.draw(
                    found,
                    predictions.scenes,
                    predictions.frontend,
                    min_confidence=self._options["min_confidence"],
                    detail=predictions.heading,
                )
                plots.save(figure, target, dpi=plots.FINE_DPI)
            else:
                text = self._format(name, predictions)
                with writing_to(target):
                    write_text(target, text.begin() + text.add(found) + text.end())

    def _format(
        self, name: str, predictions: Predictions, ascii: bool = False
    ) -> TextFormat:
        spec = predictions.frontend.spec
        return TEXT_FORMATS[name](
            predictions.scenes,
            **self._options,
            frequencies=(spec.fmin, spec.fmax),
            ascii=ascii,
        )

    def _targets(self, name: str) -> list[Path]:
        """Return the files of a recording, one for each format."""
        if self.target is None or not self._folder:
            return [self.target] if self.target else []
        ends = (_end_of(each) for each in self.formats)
        return [self.target / f"{name}{end}" for end in ends]

    def _usual_format(self) -> str:
        if self.target is None:
            return "table"
        if self._folder:
            return "csv"
        name = self.target.name.lower()
        for end, known in _BY_END.items():
            if name.endswith(end):
                return known
        raise UsageError(
            f"The format of {printable(str(self.target))} is not known by its ending."
            f" Name it with --format: {', '.join(FORMATS)}. A folder whose name has an"
            " ending must exist."
        )

    def _check(self) -> None:
        if self._skip_existing and not self._folder:
            raise UsageError("--skip-existing needs a folder of outputs: -o FOLDER.")
        if len(self.formats) > 1 and not self._folder:
            raise UsageError(
                f"Several formats need a folder. Got {', '.join(self.formats)}. Name"
                " one: -o FOLDER."
            )
        if self.target is None:
            if self.pictures:
                raise UsageError(
                    f"A picture needs a file or a folder: -o FILE.{self.formats[0]}."
                )
            return
        if not self._folder and kind_of(self.target) is Kind.AUDIO:
            raise UsageError(
                f"{printable(str(self.target))} is an audio file, which would be"
                " replaced. Name another file."
            )
        ends = tuple(f".{name}" for name in _PICTURES)
        if (
            not self._folder
            and self.pictures
            and self.target.suffix.lower() not in ends
        ):
            raise UsageError(
                f"{printable(str(self.target))} is not the name of a picture. Expected"
                f" one that ends in {', '.join(ends)}."
            )
        check_writable(self.target)


def _end_of(name: str) -> str:
    return f".{name}" if name in _PICTURES else TEXT_FORMATS[name].suffix


def _holds_several(name: str) -> bool:
    return name not in _PICTURES and TEXT_FORMATS[name].several
