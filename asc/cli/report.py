"""asc report: runs and comparisons to one page."""

from __future__ import annotations

from pathlib import Path

import click

from asc.cli.options import verbose_option


@click.command()
@click.argument(
    "paths",
    metavar="RUN|COMPARISON...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="Page to write. A report is replaced, any other file is not.",
)
@click.option(
    "--audio",
    type=click.Path(path_type=Path),
    help="Folder of the corpus, for waveforms.",
)
@verbose_option
def report(paths: tuple[Path, ...], output: Path, audio: Path | None) -> None:
    """Write one page about a RUN, or about several RUNs and COMPARISONs.

    The page is a single file without references to anything outside: it opens
    from a USB stick, prints, and fits a phone. A RUN may also be a folder that
    asc evaluate --output wrote.

    \b
    Example:
        asc report cache/runs/leaky cache/runs/honest -o report.html
    """
    from asc.reporting import report as carry_out

    written = carry_out(paths, output, audio=audio)
    click.echo(f"{written}: {written.stat().st_size / 1e6:.1f} MB")
