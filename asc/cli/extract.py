"""asc extract: corpus to store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asc.cli.options import (
    PATH,
    Choice,
    FloatRange,
    GroupedCommand,
    IntRange,
    Settings,
    accept_truncated_option,
    backend_option,
    feature_option,
    format_option,
    import_option,
    jobs_option,
    json_option,
    note,
    parameter_option,
    print_json,
    quieten_cluster,
    scheduler_option,
    verbose_option,
)
from asc.cli.progress import progress
from asc.cli.streams import continue_without_reader
from asc.disk import free_space
from asc.errors import EXIT_PARTIAL, InputError
from asc.kinds import Kind, kind_of
from asc.text import counted, duration, listed, megabytes

#: Options of its help page by what they are about.
_GROUPS = {
    "Features": (
        *("features", "parameters", "rows", "columns", "dtype", "channels"),
        *("sample_rate", "seconds", "n_fft", "hop_length", "fmin", "fmax"),
    ),
    "Clips and store": (
        *("corpus_format", "import", "accept_truncated", "allow_failures"),
        *("update", "overwrite", "dry_run"),
    ),
    "Processors": ("jobs", "backend", "scheduler"),
}


@click.command(cls=GroupedCommand, groups=_GROUPS)
@click.argument("corpus", type=PATH)
@click.argument("store", required=False, type=PATH)
@format_option
@import_option
@jobs_option
@click.option(
    "--allow-failures",
    is_flag=True,
    help="Complete the store without clips that fail, and record them.",
)
@accept_truncated_option
@click.option(
    "--overwrite", is_flag=True, help="Rebuild a store made with other settings."
)
@click.option(
    "--update",
    is_flag=True,
    help="Compute clips that were added or changed; keep the others.",
)
@backend_option("local", "threading", "loky", "dask", "ray")
@scheduler_option
@click.option(
    "--dry-run", is_flag=True, help="Print what would be done: rows, bytes, settings."
)
@click.option(
    "--sample-rate",
    type=IntRange(min=1),
    help="Rate of analysis in Hz.  [default: that of most clips]",
)
@click.option(
    "--seconds",
    type=FloatRange(min=0, min_open=True),
    help="Length of a clip in seconds.  [default: median of the corpus]",
)
@click.option(
    "--channels",
    type=Choice(("mono", "midside")),
    help="Channels: one, or mid and side of stereo.  [default: mono]",
)
@feature_option
@parameter_option
@click.option(
    "--n-fft",
    type=IntRange(min=2),
    help="Samples of the FFT and its window.  [default: 4096, more above 48 kHz]",
)
@click.option(
    "--hop-length",
    type=IntRange(min=1),
    help="Samples between frames.  [default: as many frames as columns]",
)
@click.option("--fmin", type=float, help="Lowest frequency in Hz.  [default: 20]")
@click.option(
    "--fmax",
    type=float,
    help="Highest frequency in Hz.  [default: 20000, or half the rate]",
)
@click.option(
    "--rows",
    type=IntRange(min=1),
    help="Rows of a feature, and Mel bands.  [default: 256]",
)
@click.option("--columns", type=IntRange(min=1), help="Columns.  [default: 256]")
@click.option(
    "--dtype",
    type=Choice(("uint8", "float16", "float32")),
    help="Type of the stored values; uint8 has steps of 0.5 dB.  [default: uint8]",
)
@json_option
@verbose_option
@click.pass_obj
def extract(
    general: Settings,
    corpus: Path,
    store: Path | None,
    corpus_format: str | None,
    jobs: int | None,
    allow_failures: bool,
    overwrite: bool,
    update: bool,
    backend: str,
    scheduler: str | None,
    dry_run: bool,
    features: tuple[str, ...],
    as_json: bool,
    **settings: Any,
) -> int:
    """Extract features of CORPUS into one HDF5 file, STORE.

    CORPUS is a TUT, TAU, ESC-50, UrbanSound8K or Hugging Face folder, a folder
    with one folder of audio for each scene, or a .csv/.tsv table with columns path
    and label. STORE is cache/NAME.h5 if it is not given.

    The same command resumes after an interruption, and does nothing if the
    store is complete and its audio has not changed.

    \b
    Example:
        asc-extract TUT-acoustic-scenes-2017-development tut2017.h5
    """
    continue_without_reader()
    from asc import extraction
    from asc.corpus import open_corpus
    from asc.environment import cache_dir
    from asc.store import partial_path

    if kind_of(corpus) is Kind.STORE:
        raise InputError(
            f"{corpus} is a store. The corpus comes first: asc-extract CORPUS STORE."
        )
    opened = open_corpus(corpus, corpus_format)
    store = store or cache_dir() / f"{opened.name}.h5"
    plan = extraction.plan(opened, store, features=features or None, **settings)
    if dry_run:
        return _describe(plan, as_json)
    say = (lambda text: None) if as_json else click.echo
    quieten_cluster(backend, general)
    say(
        f"{counted(len(opened.clips), 'clip', 'clips')} of"
        f" {counted(len(opened.scenes), 'scene', 'scenes')} from {corpus}"
        f" ({opened.format}) -> {store}"
    )
    try:
        with progress("extracting", "clips") as show:
            report = extraction.extract(
                plan,
                jobs=jobs or -1,
                allow_failures=allow_failures,
                overwrite=overwrite,
                update=update,
                backend=backend,
                scheduler=scheduler,
                progress=show,
            )
    except KeyboardInterrupt:
        click.echo(
            f"\nFinished clips are kept in {partial_path(store)}. Run the same command"
            " to resume.",
            err=True,
        )
        raise
    for text in report.notes:
        note(text)
    if as_json:
        print_json(
            {
                "store": str(report.store),
                "complete": report.complete,
                "clips": report.clips,
                "computed": report.computed,
                "kept": report.kept,
                "failed": [str(problem) for problem in report.failures],
                "seconds": round(report.seconds, 3),
            }
        )
    return _conclude(report, say)


def _conclude(report: Any, say: Any) -> int:
    failures = [str(problem) for problem in report.failures]
    failed = counted(len(failures), "clip or row", "clips or rows of metadata")
    if failures:
        click.echo(f"{failed} left out:", err=True)
        for line in listed(failures, most=20):
            click.echo(line, err=True)
    if not report.complete:
        raise InputError(
            f"{failed} cannot be used, so the store is not complete. The others are"
            f" kept in {report.store}. Fix those and run the same command again, or"
            " add --allow-failures to complete the store without them."
        )
    size = megabytes(report.store.stat().st_size)
    if report.computed:
        rate = report.computed / max(report.seconds, 1e-9)
        say(
            f"{report.store}: {counted(report.clips, 'clip', 'clips')}, {size};"
            f" {report.computed:,} computed in {report.seconds:.1f} s"
            f" ({rate:.0f} a second), {report.kept:,} kept."
        )
    else:
        say(
            f"{report.store}: complete, {counted(report.clips, 'clip', 'clips')},"
            f" {size};"
            " nothing to compute."
        )
    return EXIT_PARTIAL if failures else 0


def _describe(plan: Any, as_json: bool) -> int:
    """Print what an extraction would do."""
    from asc.extraction import seconds_per_clip

    each = seconds_per_clip(plan)
    facts = {
        "store": str(plan.store),
        "clips": len(plan.corpus.clips),
        "bytes": plan.bytes,
        "free_bytes": free_space(plan.store),
        "seconds_per_clip_and_process": each,
        "spec": plan.spec.to_dict(),
        "problems": [str(problem) for problem in plan.corpus.problems],
        "notes": list(plan.notes),
    }
    if as_json:
        print_json(facts)
        return 0
    click.echo(
        f"{counted(facts['clips'], 'clip', 'clips')} -> {plan.store},"
        f" {megabytes(plan.bytes)}"
        f" ({megabytes(facts['free_bytes'])} free), about"
        f" {duration(each * facts['clips'])} of computing on one processor"
    )
    for name, value in facts["spec"].items():
        click.echo(f"  {name:<12} {value}")
    for text in plan.notes:
        note(text)
    for line in listed(facts["problems"]):
        click.echo(line, err=True)
    return 0
