"""asc store: show, verify, draw and share stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import (
    PATH,
    STORE,
    IntRange,
    NearestGroup,
    import_option,
    json_option,
    local,
    note,
    print_json,
    transferring,
    verbose_option,
)
from asc.cli.progress import progress
from asc.cli.streams import continue_without_reader
from asc.disk import check_writable
from asc.errors import StoreError
from asc.text import counted, listed, megabytes, table

if TYPE_CHECKING:
    from asc.store import FeatureStore

_STORE = click.argument("store", type=STORE)


@click.group(cls=NearestGroup)
def store() -> None:
    """Show what a store holds, verify it, draw its spectrograms, share it.

    STORE is a file, or a URL, which is pulled into the cache first.
    """


@store.command()
@_STORE
@click.option("--partial", is_flag=True, help="Accept an incomplete store.")
@click.option(
    "--duplicates",
    is_flag=True,
    help="Compare all clips for near-duplicates: changed in level, cut or encoded"
    " again. 4,680 clips take some minutes, twice as many four times as long.",
)
@json_option
@verbose_option
def info(store: Path | str, partial: bool, duplicates: bool, as_json: bool) -> int:
    """Print what STORE holds: clips, scenes, features, splits and their leakage.

    \b
    Example:
        asc store info cache/esc10.h5 --json
    """
    from asc.store import FeatureStore

    opened = FeatureStore(local(store), partial=partial)
    summary = opened.summary()
    if duplicates:
        with progress("comparing", "pairs") as show:
            _add_copies(opened, summary, show)
    if as_json:
        print_json(summary)
        return 0
    for line in _lines(summary):
        click.echo(line)
    return 0


def _lines(summary: dict[str, Any]) -> Iterator[str]:
    """Yield the text of a summary."""
    from asc.corpus.description import split_lines
    from asc.corpus.groups import group_line

    number = summary["recordings"]
    recordings = "recordings unknown"
    if number is not None:
        recordings = counted(number, "recording", "recordings")
    unfinished = "" if summary["complete"] else f" ({summary['finished']:,} finished)"
    yield (
        f"{summary['path']}: {'complete' if summary['complete'] else 'incomplete'},"
        f" {counted(summary['clips'], 'clip', 'clips')}{unfinished}, {recordings},"
        f" {megabytes(summary['bytes'])}"
    )
    if summary["failed"] or summary["problems"]:
        yield (
            f"left out: {counted(summary['failed'], 'failed clip', 'failed clips')},"
            f" {counted(summary['problems'], 'problem', 'problems')} of the metadata"
        )
    if summary["notes"]:
        yield f"notes ({len(summary['notes']):,}):"
        yield from listed(summary["notes"])
    yield f"scenes ({len(summary['scenes'])}): {', '.join(summary['scenes'])}"
    for name, counts in summary["groups"].items():
        yield group_line(name, counts, summary["clips"])
    for name, facts in summary["features"].items():
        yield f"feature {name}: {tuple(facts['shape'])} {facts['dtype']}"
    yield from split_lines(summary["splits"])
    if copies := summary.get("copies"):
        rows = [(f"{c['similarity']:.2f}", c["first"], c["second"]) for c in copies]
        yield f"near-duplicates ({len(copies):,}), and their similarity:"
        yield from listed(table(rows), most=20)
    yield f"digest {summary['digest']}"
    yield f"fingerprint {summary['fingerprint']}"


def _add_copies(opened: FeatureStore, summary: dict[str, Any], show: Any) -> None:
    """Add near-duplicates to a summary: counts for each split, and the pairs."""
    from asc.corpus.leakage import similar_in_train
    from asc.store.near_duplicates import find_near_duplicates

    found = find_near_duplicates(opened, progress=show)
    pairs = [(copy.first, copy.second) for copy in found]
    for name, facts in summary["splits"].items():
        facts["copies"] = similar_in_train(opened.split(name), pairs)
    paths = opened.paths()
    summary["copies"] = [
        {
            "similarity": round(copy.similarity, 4),
            "first": paths[copy.first],
            "second": paths[copy.second],
        }
        for copy in found
    ]


@store.command()
@_STORE
@click.option(
    "--audio",
    type=PATH,
    help="Corpus; random rows are recomputed from its audio.",
)
@click.option(
    "--sample",
    type=IntRange(min=1),
    default=20,
    show_default=True,
    help="Number of rows to recompute.",
)
@import_option
@json_option
@verbose_option
def verify(store: Path | str, audio: Path | None, sample: int, as_json: bool) -> int:
    """Check all that STORE holds against its digests: header, splits, every row.

    \b
    Example:
        asc store verify cache/esc10.h5
    """
    from asc.corpus import open_corpus
    from asc.store import FeatureStore, verification

    store = local(store)
    opened = FeatureStore(store)
    root = open_corpus(audio).root if audio is not None else None
    with progress("verifying", "rows") as show:
        problems = verification.verify(opened, show, audio=root, sample=sample)
    notes = verification.notes(opened)
    if as_json:
        facts = {"sound": not problems, "problems": problems, "notes": notes}
        print_json({"store": str(store)} | facts)
    for sentence in () if as_json else notes:
        note(sentence)
    if problems:
        for line in listed(problems, most=20):
            click.echo(line, err=True)
        places = counted(len(problems), "place", "places")
        raise StoreError(
            f"{store} fails verification in {places}. Copy or extract it again."
        )
    if not as_json:
        clips = counted(len(opened), "clip", "clips")
        click.echo(f"{store}: valid. {clips}, digest {opened.digest}")
    return 0


@store.command()
@_STORE
@click.option(
    "--clip",
    metavar="CLIP",
    help="Row number, path of a clip or its end, or a scene for its first clip.",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="File to write (.png, .pdf, .svg).  [default: beside the store]",
)
@verbose_option
def preview(store: Path | str, clip: str | None, output: Path | None) -> int:
    """Draw the spectrograms of one clip of STORE, or of one clip of every scene.

    \b
    Example:
        asc store preview cache/esc10.h5 -o sheet.png
    """
    from asc import plots
    from asc.store import FeatureStore

    opened = FeatureStore(local(store))
    # The copy of a URL is in the cache, where nobody looks for a picture.
    beside = store if isinstance(store, Path) else Path(opened.path.name)
    output = output or beside.with_suffix(".png")
    check_writable(output)
    if clip is None:
        figure = plots.preview_scenes(opened)
    else:
        figure = plots.preview_clip(opened, opened.find(clip))
    plots.save(figure, output)
    click.echo(f"{output}")
    return 0


@store.command()
@click.argument("store", type=PATH)
@click.argument("url")
@json_option
@verbose_option
def push(store: Path, url: str, as_json: bool) -> int:
    """Copy STORE to URL for others to pull, with its SHA-256 beside it.

    URL is a folder or file, on a disk of this machine or of the network, or
    s3://, sftp:// or another kind that fsspec knows
    (pip install 'acoustic-scenes[remote]'). To a folder, the same command resumes
    after an interruption.

    \b
    Example:
        asc store push cache/esc10.h5 /mnt/shared/stores/
    """
    continue_without_reader()
    from asc.transfer import stores
    from asc.transfer.locations import shown

    with transferring("pushing") as show:
        place = shown(stores.push(store, url, progress=show))
    if as_json:
        print_json({"store": str(store), "url": place})
    else:
        click.echo(f"{store} is at {place}. Elsewhere: asc store pull {place}")
    return 0


@store.command()
@click.argument("url")
@json_option
@verbose_option
def pull(url: str, as_json: bool) -> int:
    """Download the store at URL into the cache, checked row by row.

    URL is http(s)://, a path, or s3://, sftp:// or another kind that fsspec knows
    (pip install 'acoustic-scenes[remote]'). The same command resumes after an
    interruption; an unchanged store is not downloaded again.

    \b
    Example:
        asc store pull https://example.org/stores/esc10.h5
    """
    continue_without_reader()
    from asc.transfer import stores

    with transferring("pulling") as show:
        path = stores.pull(url, progress=show)
    if as_json:
        print_json({"path": str(path), "bytes": path.stat().st_size})
    else:
        click.echo(f"{path}")
    return 0
