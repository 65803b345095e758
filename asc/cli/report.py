"""asc report: runs and comparisons to one page."""

from __future__ import annotations

from pathlib import Path

import click

from asc.cli.options import (
    PATH,
    Choice,
    GroupedCommand,
    import_option,
    note,
    verbose_option,
)
from asc.errors import UsageError
from asc.text import megabytes

#: The options in groups, for the help.
_GROUPS = {
    "Page": ("output", "template"),
    "Content": ("audio", "with_audio", "baseline", "inspect"),
    "Figures as files": ("figures", "figure_format"),
}


@click.command(cls=GroupedCommand, groups=_GROUPS)
@click.argument(
    "paths",
    metavar="RUN|COMPARISON...",
    nargs=-1,
    required=True,
    type=PATH,
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("report.html"),
    show_default=True,
    help="Page to write. A report is replaced, any other file is not.",
)
@click.option(
    "--audio",
    type=PATH,
    help="Folder of the corpus, for waveforms.",
)
@click.option(
    "--with-audio",
    is_flag=True,
    help="Let the example clips be played: puts their audio into the page, as MP3.",
)
@click.option(
    "--template",
    metavar="FILE|FOLDER",
    type=PATH,
    help="Jinja2 template in place of page.html, or a folder of templates that replace"
    " the built-in ones of the same name. {% extends 'asc/page.html' %} extends one.",
)
@click.option(
    "--baseline/--no-baseline",
    default=True,
    show_default=True,
    help="Compare with the linear model, which is trained first if need be.",
)
@click.option(
    "--inspect/--no-inspect",
    default=True,
    show_default=True,
    help="Run the models of the first three runs: map of embeddings, Grad-CAM.",
)
@click.option(
    "--figures",
    metavar="FOLDER",
    type=PATH,
    help="Write every figure of the page as a file, too.",
)
@click.option(
    "--figure-format",
    type=Choice(("pdf", "svg", "png")),
    help="Format of these files; png has 200 dpi.  [default: pdf]",
)
@import_option
@verbose_option
def report(
    paths: tuple[Path, ...],
    output: Path,
    audio: Path | None,
    with_audio: bool,
    template: Path | None,
    baseline: bool,
    inspect: bool,
    figures: Path | None,
    figure_format: str | None,
) -> None:
    """Write one page about a RUN, or about several RUNs and COMPARISONs.

    The page is a single file that refers to nothing outside: it opens from a USB
    stick, prints, and fits a phone. A RUN may also be a folder that asc evaluate
    --output wrote.

    \b
    Example:
        asc report cache/runs/leaky cache/runs/honest -o report.html
    """
    from asc import reporting

    if figure_format is not None and figures is None:
        raise UsageError("--figure-format needs --figures FOLDER.")
    written = reporting.report(
        *(paths, output),
        audio=audio,
        players=with_audio,
        template=template,
        baseline=baseline,
        inspect=inspect,
        figures=figures,
        figure_format=figure_format or "pdf",
        note=note,
    )
    click.echo(f"{written}: {megabytes(written.stat().st_size)}")
