"""asc predict: a run's model on audio files."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import (
    PATH,
    accept_truncated_option,
    import_option,
    note,
    print_json,
    verbose_option,
)
from asc.cli.progress import progress
from asc.errors import EXIT_PARTIAL, InputError, UsageError
from asc.text import percent, printable, scene_columns

if TYPE_CHECKING:
    import numpy as np

    from asc.prediction import Prediction

#: Columns of the CSV before those of the scenes, for files and for windows.
_COLUMNS = ("path", "seconds", "windows", "predicted")
_TIMELINE_COLUMNS = ("path", "start", "end", "predicted")


@click.command()
@click.argument("run", type=PATH)
@click.argument("audio", nargs=-1, required=True, type=PATH)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Number of scenes to print.",
)
@click.option(
    "--window",
    type=float,
    metavar="SECONDS",
    help="Length of a window, at most the clip length.  [default: the clip length]",
)
@click.option(
    "--hop",
    type=float,
    metavar="SECONDS",
    help="Step between windows.  [default: the length of a window]",
)
@click.option(
    "--timeline", is_flag=True, help="Print each window in place of their mean."
)
@accept_truncated_option
@import_option
@click.option("--csv", "as_csv", is_flag=True, help="Print all probabilities as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@verbose_option
def predict(
    run: Path,
    audio: tuple[Path, ...],
    top: int,
    window: float | None,
    hop: float | None,
    timeline: bool,
    accept_truncated: bool,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Predict the scenes of AUDIO files, or of all audio in folders, with RUN.

    AUDIO - is standard input. Any sample rate and length: long files are cut into
    windows of the clip length, and the probabilities of the windows are averaged. Of a
    RUN of all folds, the probabilities of its models are averaged too.

    \b
    Example:
        asc predict cache/runs/my-run street.wav recordings/ --top 3
        ffmpeg -i street.m4a -f wav - | asc predict cache/runs/my-run -
    """
    from asc import prediction

    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other. Give one of them.")
    used = failed = 0
    records: list[dict[str, Any]] = []
    predictions = prediction.predict(
        run, audio, window=window, hop=hop, accept_truncated=accept_truncated
    )
    scenes = predictions.scenes
    for text in predictions.notes:
        note(text)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    columns = _TIMELINE_COLUMNS if timeline else _COLUMNS
    if as_csv:
        writer.writerow([*columns, *scene_columns(scenes, columns)])
    with progress("predicting", "files") as show:
        for done, found in enumerate(predictions, start=1):
            show(done, predictions.total)
            name = printable(str(found.path))
            if found.probabilities is None:
                failed += 1
                click.echo(f"{name}: {printable(found.error)}", err=True)
                records.append({"path": str(found.path), "error": found.error})
                continue
            used += 1
            if found.note:
                note(f"{name}: {printable(found.note)}")
            if as_json:
                records.append(_record(found, scenes, top, timeline))
            elif as_csv:
                writer.writerows(_rows(found, scenes, timeline))
            elif timeline:
                for start, end, values in _windows(found):
                    line = _line(found.top(scenes, top, values))
                    click.echo(f"{name}: {start:.2f}-{end:.2f} s  {line}")
            else:
                click.echo(f"{name}: {_line(found.top(scenes, top))}")
    if as_json:
        print_json(records)
    if failed and not used:
        files = "the file" if failed == 1 else f"all {failed:,} files"
        raise InputError(f"No prediction: {files} cannot be used.")
    return EXIT_PARTIAL if failed else 0


def _windows(found: Prediction) -> Iterator[tuple[float, float, np.ndarray]]:
    """Yield start, end and probabilities of each window."""
    return zip(found.start.tolist(), found.end.tolist(), found.windows, strict=True)


def _line(best: Sequence[tuple[str, float]]) -> str:
    return "  ".join(f"{scene} {percent(p)}" for scene, p in best)


def _record(
    found: Prediction, scenes: Sequence[str], top: int, timeline: bool
) -> dict[str, Any]:
    """Return what JSON says of a file that was used."""

    def facts(values: np.ndarray) -> dict[str, Any]:
        best = found.top(scenes, top, values)
        return {
            "top": [{"scene": scene, "probability": p} for scene, p in best],
            "probabilities": dict(zip(scenes, map(float, values), strict=True)),
        }

    record = {
        "path": str(found.path),
        "seconds": found.seconds,
        "windows": len(found.windows),
        **facts(found.windows.mean(axis=0)),
    }
    if timeline:
        record["timeline"] = [
            {"start": start, "end": end, **facts(values)}
            for start, end, values in _windows(found)
        ]
    return record


def _rows(
    found: Prediction, scenes: Sequence[str], timeline: bool
) -> Iterator[list[Any]]:
    """Yield the lines of CSV of a file that was used: one, or one for each window."""
    name = printable(str(found.path))

    def line(first: Any, second: Any, values: np.ndarray) -> list[Any]:
        ((scene, _),) = found.top(scenes, 1, values)
        # Nine digits distinguish all float32 values.
        return [name, first, second, scene, *(f"{value:.9g}" for value in values)]

    if timeline:
        for start, end, values in _windows(found):
            yield line(f"{start:.3f}", f"{end:.3f}", values)
    else:
        mean = found.windows.mean(axis=0)
        yield line(f"{found.seconds:.3f}", len(found.windows), mean)
