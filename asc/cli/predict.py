"""asc predict: a run's model on audio files."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

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

#: Columns of the CSV before those of the scenes.
_COLUMNS = ("path", "seconds", "windows", "predicted")


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
@accept_truncated_option
@import_option
@click.option("--csv", "as_csv", is_flag=True, help="Print all probabilities as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@verbose_option
def predict(
    run: Path,
    audio: tuple[Path, ...],
    top: int,
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
    predictions = prediction.predict(run, audio, accept_truncated=accept_truncated)
    scenes = predictions.scenes
    for text in predictions.notes:
        note(text)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        writer.writerow([*_COLUMNS, *scene_columns(scenes, _COLUMNS)])
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
            best = found.top(scenes, top)
            every = dict(zip(scenes, map(float, found.probabilities), strict=True))
            if as_json:
                record = {
                    "path": str(found.path),
                    "seconds": found.seconds,
                    "windows": len(found.windows),
                    "top": [{"scene": scene, "probability": p} for scene, p in best],
                    "probabilities": every,
                }
                records.append(record)
            elif as_csv:
                facts = (name, f"{found.seconds:.3f}", len(found.windows))
                values = [f"{p:.9g}" for p in every.values()]
                writer.writerow([*facts, best[0][0], *values])
            else:
                line = "  ".join(f"{scene} {percent(p)}" for scene, p in best)
                click.echo(f"{name}: {line}")
    if as_json:
        print_json(records)
    if failed and not used:
        files = "the file" if failed == 1 else f"all {failed:,} files"
        raise InputError(f"No prediction: {files} cannot be used.")
    return EXIT_PARTIAL if failed else 0
