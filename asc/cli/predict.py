"""asc predict: a run's model on audio files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from asc.cli.options import (
    PATH,
    Choice,
    FloatRange,
    GroupedCommand,
    IntRange,
    accept_truncated_option,
    import_option,
    note,
    tta_option,
    verbose_option,
)
from asc.cli.progress import is_quiet, progress
from asc.errors import EXIT_PARTIAL, InputError, UsageError
from asc.text import counted, printable

#: As in `asc.prediction.outputs`, which takes longer to import.
FORMATS = (
    *("table", "csv", "json", "jsonl", "audacity", "raven"),
    *("png", "pdf", "svg"),
)
#: The options in groups, for the help.
_GROUPS = {
    "Windows": ("window", "hop", "accept_truncated"),
    "Prediction": ("tta", "calibrated"),
    "Timeline": ("timeline", "smooth", "smooth_windows", "switch_cost"),
    "Output": (
        *("top", "min_confidence", "formats", "output", "skip_existing"),
        *("as_csv", "as_json"),
    ),
}


@click.command(cls=GroupedCommand, groups=_GROUPS)
@click.argument("run", type=PATH)
@click.argument("audio", nargs=-1, required=True, type=PATH)
@click.option(
    "--top",
    type=IntRange(min=1),
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
@click.option(
    "--smooth",
    type=Choice(("none", "median", "viterbi")),
    default="none",
    show_default=True,
    help="Smooth the windows: median of neighbours, or the path of scenes that costs"
    " least.",
)
@click.option(
    "--smooth-windows",
    type=IntRange(min=1),
    default=5,
    show_default=True,
    help="Windows of a median, an odd number.",
)
@click.option(
    "--switch-cost",
    type=FloatRange(min=0),
    default=3.0,
    show_default=True,
    help="What a change of scene costs the path, as the negative natural logarithm of"
    " a probability.",
)
@click.option(
    "--min-confidence",
    type=FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Least probability of a scene; below it none is named.",
)
@click.option(
    "--format",
    "formats",
    type=Choice(FORMATS),
    multiple=True,
    help="Format; png, pdf and svg are pictures of spectrogram and timeline. May be"
    " repeated for a folder.  [default: by the ending of the file]",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE|FOLDER",
    help="Write there; a FOLDER, which has no ending, gets a file for each recording."
    "  [default: standard output]",
)
@click.option(
    "--skip-existing",
    is_flag=True,
    help="Leave out recordings whose outputs are in the folder.",
)
@tta_option
@click.option(
    "--calibrated",
    is_flag=True,
    help="Print probabilities at the temperature that was fitted on validation.",
)
@accept_truncated_option
@import_option
@click.option("--csv", "as_csv", is_flag=True, help="The same as --format csv.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@verbose_option
def predict(
    run: Path,
    audio: tuple[Path, ...],
    top: int,
    window: float | None,
    hop: float | None,
    timeline: bool,
    smooth: str,
    smooth_windows: int,
    switch_cost: float,
    min_confidence: float,
    formats: tuple[str, ...],
    output: Path | None,
    skip_existing: bool,
    tta: int,
    calibrated: bool,
    accept_truncated: bool,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Predict the scenes of AUDIO files, or of all audio in folders, with RUN.

    AUDIO - is standard input. Any sample rate and length: long files are cut into
    windows of the clip length, and the probabilities of the windows are averaged. Of a
    RUN of all folds, the probabilities of its models are averaged too. RUN may be a
    bundle (`asc export RUN --to bundle`). One line on standard error has the test
    accuracy of the run.

    \b
    Example:
        asc predict cache/runs/my-run street.wav recordings/ --top 3
        asc predict cache/runs/my-run walk.wav --smooth viterbi -o walk.png
        asc predict cache/runs/my-run "day/*.flac" -o labels --format raven
        ffmpeg -i street.m4a -f wav - | asc predict cache/runs/my-run -
    """
    from asc import prediction
    from asc.prediction.outputs import Outputs

    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other. Give one of them.")
    formats += ("csv",) * as_csv + ("json",) * as_json
    outputs = Outputs(
        output,
        formats,
        skip_existing=skip_existing,
        top=top,
        timeline=timeline,
        min_confidence=min_confidence,
    )
    used = failed = 0
    with ExitStack() as stack:
        shows: list[Callable[[int, int], None]] = []
        predictions = prediction.predict(
            run,
            audio,
            window=window,
            hop=hop,
            smooth=smooth,
            smooth_windows=smooth_windows,
            switch_cost=switch_cost,
            tta=tta,
            calibrated=calibrated,
            accept_truncated=accept_truncated,
            keep=outputs.keep,
            spectra=outputs.pictures,
            progress=lambda done, total: shows[0](done, total),
        )
        if not is_quiet():
            click.echo(predictions.heading, err=True)
        for text in predictions.notes:
            note(text)
        if outputs.skipped:
            files = counted(outputs.skipped, "file was", "files were")
            note(f"{files} left out: the outputs are in {output}.")
        unit = "s" if predictions.total == 1 else "files"
        shows.append(stack.enter_context(progress("predicting", unit)))
        ascii = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
        add = stack.enter_context(outputs.open(predictions, _print, ascii=ascii))
        for found in predictions:
            name = printable(str(found.path))
            if found.error:
                failed += 1
                click.echo(f"{name}: {printable(found.error)}", err=True)
            else:
                used += 1
                if found.note:
                    note(f"{name}: {printable(found.note)}")
            add(found)
        none = failed and not used and not outputs.skipped
        if none and output is not None:
            raise _nothing(failed)
    if none:
        raise _nothing(failed)
    return EXIT_PARTIAL if failed else 0


def _print(text: str) -> None:
    """Print text whose names are printable; its tabs are not escaped, as others are."""
    if "\t" not in text:
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    data = text.encode(sys.stdout.encoding, "backslashreplace")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _nothing(failed: int) -> InputError:
    files = "the file" if failed == 1 else f"all {failed:,} files"
    return InputError(f"No prediction: {files} cannot be used.")
