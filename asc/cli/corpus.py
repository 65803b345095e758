"""asc corpus: look at a corpus, download one, or write a synthetic one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import (
    PATH,
    Choice,
    GroupedCommand,
    NearestGroup,
    accept_truncated_option,
    format_option,
    import_option,
    jobs_option,
    json_option,
    note,
    print_json,
    transferring,
    verbose_option,
)
from asc.cli.progress import progress
from asc.cli.streams import continue_without_reader
from asc.text import megabytes

if TYPE_CHECKING:
    from asc.transfer.zenodo import DataSet


@click.group(cls=NearestGroup)
def corpus() -> None:
    """Look at a corpus, download one, or write a synthetic one."""


@corpus.command()
@click.argument("corpus", type=PATH)
@format_option
@import_option
@click.option(
    "--duplicates",
    is_flag=True,
    help="Read all audio and count equal files, also between train and test.",
)
@accept_truncated_option
@json_option
@verbose_option
def info(
    corpus: Path,
    corpus_format: str | None,
    duplicates: bool,
    accept_truncated: bool,
    as_json: bool,
) -> int:
    """Analyse CORPUS: clips, scenes, recordings, durations, formats, leakage.

    \b
    Example:
        asc corpus info TUT-acoustic-scenes-2017-development
    """
    from asc.corpus import open_corpus
    from asc.corpus.description import describe
    from asc.corpus.summary import summarise

    with progress("reading", "clips") as show:
        found = open_corpus(corpus, corpus_format)
        summary = summarise(
            found,
            duplicates=duplicates,
            accept_truncated=accept_truncated,
            progress=show,
        )
    if as_json:
        print_json(summary)
    else:
        click.echo(describe(summary))
    return 0


_SYNTH_GROUPS = {
    "Clips": ("scenes", "recordings", "clips", "seconds", "seed", "meta"),
    "Layout": ("layout", "devices", "cities"),
}


@corpus.command(
    cls=GroupedCommand, groups=_SYNTH_GROUPS, context_settings={"show_default": True}
)
@click.argument("folder", type=PATH)
@click.option("--scenes", type=int, default=15, help="Scenes, at most 15.")
@click.option("--recordings", type=int, default=12, help="Recordings of each scene.")
@click.option("--clips", type=int, default=6, help="Clips of each recording.")
@click.option("--seconds", type=float, default=10.0, help="Seconds of each clip.")
@click.option("--seed", type=int, default=0, help="Seed of all sounds.")
@click.option(
    "--meta",
    type=PATH,
    help="Write audio for every name in this TUT meta.txt instead.",
)
@click.option(
    "--layout",
    default="tut",
    type=Choice(("tut", "tau")),
    help="Layout: TUT 2017, or TAU with devices and cities.",
)
@click.option(
    "--devices", type=int, help="Devices of layout tau, at most 9.  [default: 3]"
)
@click.option(
    "--cities", type=int, help="Cities of layout tau, at most 10.  [default: 3]"
)
@jobs_option
@verbose_option
def synth(folder: Path, jobs: int | None, **settings: Any) -> int:
    """Write a synthetic corpus in the layout of TUT 2017, or of TAU, into FOLDER.

    Scenes differ in spectrum and events, and every recording has a strong
    signature, so random and recording-disjoint splits behave as on real
    corpora. In layout tau, recordings are locations in cities, and every clip is
    recorded by several devices, each with its own impulse response. The same
    command resumes after an interruption.

    \b
    Example:
        asc corpus synth cache/synthetic --scenes 6 --recordings 8 --clips 4
    """
    continue_without_reader()
    from asc.synthetic import corpus as synthetic

    with progress("writing", "clips") as show:
        root = synthetic.write_synthetic_corpus(
            folder, jobs=jobs or -1, progress=show, **settings
        )
    click.echo(f"{root}: written. Next: asc-extract {root}")
    return 0


@corpus.command()
@click.argument("name", required=False)
@click.argument("folder", metavar="[DIR]", required=False, type=PATH)
@click.option("--list", "listing", is_flag=True, help="Show what would be downloaded.")
@click.option("--keep", is_flag=True, help="Keep the archives, in DIR/.download.")
@click.option("--base-url", metavar="URL", help="Another address of the same files.")
@json_option
@verbose_option
def download(
    name: str | None, folder: Path | None, listing: bool, as_json: bool, **options: Any
) -> int:
    """Download NAME into DIR: tut2017-development or tut2017-evaluation.

    Every package is compared with its known MD5 checksum and unpacked, and
    finally the clips are counted. The same command resumes after an
    interruption. The licence allows non-commercial use only; its address is shown.

    \b
    Example:
        asc corpus download tut2017-development TUT-2017-development
    """
    continue_without_reader()
    from asc.transfer import corpora
    from asc.transfer.zenodo import DATA_SETS, data_set

    if listing:
        return _list(DATA_SETS if name is None else {name: data_set(name)}, as_json)
    if name is None:
        raise click.UsageError(
            f"Missing argument 'NAME'. Known: {', '.join(DATA_SETS)}."
        )
    data = data_set(name)
    if folder is None:
        raise click.UsageError("Missing argument 'DIR', the folder to download to.")
    note(_licence(data))
    with transferring("downloading") as show:
        corpora.download_corpus(name, folder, progress=show, **options)
    if as_json:
        print_json({"path": str(folder), "clips": data.clips})
    else:
        click.echo(f"{folder}: {data.clips:,} clips. Next: asc-extract {folder}")
    return 0


def _list(found: Mapping[str, DataSet], as_json: bool) -> int:
    """Print what would be downloaded."""
    if as_json:
        facts = [
            {"name": name, "bytes": data.size, **asdict(data)}
            for name, data in found.items()
        ]
        print_json(facts[0] if len(facts) == 1 else facts)
        return 0
    for name, data in found.items():
        for package in data.packages:
            click.echo(f"{package.size:>14,} bytes  {package.name}  md5 {package.md5}")
        click.echo(
            f"{name}: {data.clips:,} clips, {megabytes(data.size)} to download, about"
            f" {megabytes(data.unpacked)} unpacked. {_licence(data)}"
        )
    return 0


def _licence(data: DataSet) -> str:
    return (
        "The licence allows non-commercial use only, and by downloading you accept it."
        f" Read it at {data.record}"
    )
