"""asc predict: a run's model on audio files."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from asc.cli.options import import_option, print_json, verbose_option
from asc.cli.progress import progress
from asc.errors import EXIT_PARTIAL, InputError, UsageError
from asc.text import counted, percent


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("audio", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Number of scenes to print.",
)
@import_option
@click.option("--csv", "as_csv", is_flag=True, help="Print all probabilities as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@verbose_option
def predict(
    run: Path, audio: tuple[Path, ...], top: int, as_csv: bool, as_json: bool
) -> int:
    """Predict the scenes of AUDIO files, or of all audio in folders, with RUN.

    Any sample rate and length: long files are cut into windows of the clip
    length, and the probabilities of the windows are averaged.

    \b
    Example:
        asc predict cache/runs/my-run street.wav recordings/ --top 3
    """
    from asc import prediction
    from asc.training.run import Run

    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other. Give one of them.")
    opened = Run(run)
    scenes = opened.scenes
    used = failed = 0
    records: list[dict[str, Any]] = []
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        writer.writerow(["path", "seconds", "windows", "predicted", *scenes])
    with progress("predicting", "files") as show:
        for found in prediction.predict(opened, audio, progress=show):
            if found.probabilities is None:
                failed += 1
                click.echo(f"{found.path}: {found.error}", err=True)
                records.append({"path": str(found.path), "error": found.error})
                continue
            used += 1
            best = found.top(scenes, top)
            every = dict(zip(scenes, map(float, found.probabilities), strict=True))
            if as_json:
                record = {
                    "path": str(found.path),
                    "seconds": found.seconds,
                    "windows": found.windows,
                    "top": [{"scene": scene, "probability": p} for scene, p in best],
                    "probabilities": every,
                }
                records.append(record)
            elif as_csv:
                facts = (found.path, f"{found.seconds:.3f}", found.windows)
                values = [f"{p:.9g}" for p in every.values()]
                writer.writerow([*facts, best[0][0], *values])
            else:
                line = "  ".join(f"{scene} {percent(p)}" for scene, p in best)
                click.echo(f"{found.path}: {line}")
    if as_json:
        print_json(records)
    if failed and not used:
        raise InputError(
            f"No prediction: {counted(failed, 'file is', 'files are')} missing or"
            " unreadable."
        )
    return EXIT_PARTIAL if failed else 0
