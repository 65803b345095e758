"""asc predict: a run's model on audio files."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from asc.cli.options import print_json, verbose_option
from asc.cli.progress import progress
from asc.errors import EXIT_PARTIAL, InputError, UsageError
from asc.text import counted


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("audio", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many scenes to name.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print all probabilities as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@verbose_option
def predict(
    run: Path, audio: tuple[Path, ...], top: int, as_csv: bool, as_json: bool
) -> int:
    """Predict the scenes of AUDIO files, or of all audio in folders, with RUN.

    Any sample rate and any length: long files are cut into windows of the
    clip length, whose probabilities are averaged.

    \b
    Example:
        asc predict cache/runs/my-run street.wav recordings/ --top 3
    """
    from asc.prediction import predict as carry_out
    from asc.training.run import Run

    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other.")
    opened = Run(run)
    used = failed = 0
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        writer.writerow(["path", "seconds", "windows", "predicted", *opened.scenes])
    records: list[dict[str, Any]] = []
    with progress("predicting", "files") as show:
        for prediction in carry_out(opened, audio, progress=show):
            if prediction.probabilities is None:
                failed += 1
                click.echo(f"{prediction.path}: {prediction.error}", err=True)
                if as_json:
                    records.append(
                        {"path": str(prediction.path), "error": prediction.error}
                    )
                continue
            used += 1
            best = prediction.top(opened.scenes, top)
            if as_json:
                records.append(
                    {
                        "path": str(prediction.path),
                        "seconds": prediction.seconds,
                        "windows": prediction.windows,
                        "top": [
                            {"scene": scene, "probability": p} for scene, p in best
                        ],
                        "probabilities": dict(
                            zip(
                                opened.scenes,
                                map(float, prediction.probabilities),
                                strict=True,
                            )
                        ),
                    }
                )
            elif as_csv:
                writer.writerow(
                    [
                        prediction.path,
                        f"{prediction.seconds:.3f}",
                        prediction.windows,
                        best[0][0],
                        *(f"{p:.9g}" for p in prediction.probabilities),
                    ]
                )
            else:
                told = "  ".join(f"{scene} {100 * p:.1f} %" for scene, p in best)
                click.echo(f"{prediction.path}: {told}")
    if as_json:
        print_json(records)
    if failed and not used:
        files = counted(failed, "file", "files")
        raise InputError(f"None of {files} could be used.")
    return EXIT_PARTIAL if failed else 0
