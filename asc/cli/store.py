"""asc store: the care of stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import (
    STORE,
    NearestGroup,
    import_option,
    json_option,
    local,
    percent,
    print_json,
    print_list,
    transferring,
    verbose_option,
)
from asc.cli.progress import progress
from asc.errors import StoreError
from asc.text import counted

if TYPE_CHECKING:
    from asc.store import FeatureStore

_STORE = click.argument("store", type=STORE)


@click.group(cls=NearestGroup)
def store() -> None:
    """Look at a store, check it, draw its spectrograms, share it.

    STORE is a file, or a URL, which is pulled into the cache first.
    """


@store.command()
@_STORE
@click.option("--partial", is_flag=True, help="Also a store that is still growing.")
@click.option(
    "--duplicates",
    is_flag=True,
    help="Compare all clips for copies that were made louder, cut or encoded again."
    " 4,680 clips take some minutes, twice as many four times as long.",
)
@json_option
@verbose_option
def info(store: Path | str, partial: bool, duplicates: bool, as_json: bool) -> int:
    """Print what STORE holds: clips, scenes, features, splits and what they leak.

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
    recordings = summary["recordings"]
    unfinished = "" if summary["complete"] else f" ({summary['finished']:,} finished)"
    click.echo(
        f"{summary['path']}: {'complete' if summary['complete'] else 'incomplete'},"
        f" {summary['clips']:,} clips{unfinished},"
        f" {'unknown' if recordings is None else recordings} recordings,"
        f" {summary['bytes'] / 1e6:,.1f} MB"
    )
    if summary["failed"] or summary["problems"]:
        click.echo(
            f"left out: {counted(summary['failed'], 'clip', 'clips')} that failed,"
            f" {counted(summary['problems'], 'problem', 'problems')} of the metadata"
        )
    click.echo(f"scenes ({len(summary['scenes'])}): {', '.join(summary['scenes'])}")
    for name, facts in summary["features"].items():
        click.echo(f"feature {name}: {tuple(facts['shape'])} {facts['dtype']}")
    _print_splits(summary)
    for pair in summary.get("copies", ())[:20]:
        click.echo(f"copy {pair['similarity']:.2f}  {pair['first']}  {pair['second']}")
    click.echo(f"digest {summary['digest']}")
    click.echo(f"fingerprint {summary['fingerprint']}")
    return 0


def _add_copies(opened: FeatureStore, summary: dict[str, Any], show: Any) -> None:
    """Add near duplicates to a summary: counts for each split, and the pairs."""
    from asc.corpus.leakage import similar_in_train
    from asc.store.near_duplicates import find_copies

    found = find_copies(opened, progress=show)
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


def _print_splits(summary: dict[str, Any]) -> None:
    compared = "copies" in summary
    click.echo(
        f"{'split':<12}{'train':>8}{'valid.':>8}{'test':>8}{'leakage':>10}"
        f"{'adjacent':>10}{'equal':>8}" + (f"{'copies':>8}" if compared else "")
    )
    for name, facts in summary["splits"].items():
        click.echo(
            f"{name:<12}{facts['train']:>8,}{facts['validation']:>8,}"
            f"{facts['test']:>8,}{percent(facts['leakage']):>10}"
            f"{percent(facts['adjacent']):>10}{facts['duplicates']:>8,}"
            + (f"{facts['copies']:>8,}" if compared else "")
        )
    click.echo(
        "leakage: share of test clips whose recording is also in train; adjacent: that"
        " touch a clip of train in time; equal: test clips that are in train, too"
        + ("; copies: changed in level, cut or encoded again" if compared else "")
        + ". Accuracy on a split that leaks is not accuracy on new recordings"
    )


@store.command()
@_STORE
@click.option(
    "--audio",
    type=click.Path(path_type=Path),
    help="Corpus; random rows are computed again from its audio.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many rows are computed again.",
)
@import_option
@json_option
@verbose_option
def verify(store: Path | str, audio: Path | None, sample: int, as_json: bool) -> int:
    """Check flags, splits and the digest of every row of STORE.

    \b
    Example:
        asc store verify cache/esc10.h5
    """
    from asc.corpus import open_corpus
    from asc.store import FeatureStore
    from asc.store import verify as check

    store = local(store)
    opened = FeatureStore(store)
    root = open_corpus(audio).root if audio is not None else None
    with progress("verifying", "rows") as show:
        problems = check(opened, show, audio=root, sample=sample)
    if as_json:
        print_json({"store": str(store), "sound": not problems, "problems": problems})
    if problems:
        print_list(problems, lambda line: click.echo(line, err=True), most=20)
        places = counted(len(problems), "place", "places")
        raise StoreError(
            f"{store} fails verification in {places}. Copy or extract it again."
        )
    if not as_json:
        click.echo(f"{store}: sound. {len(opened):,} clips, digest {opened.digest}")
    return 0


@store.command()
@_STORE
@click.option("--clip", help="Row number, or the path of a clip or its end.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Picture to write (.png, .pdf, .svg).  [default: beside the store]",
)
@verbose_option
def preview(store: Path | str, clip: str | None, output: Path | None) -> int:
    """Draw the features of one clip of STORE, or of one clip of every scene.

    \b
    Example:
        asc store preview cache/esc10.h5 -o sheet.png
    """
    from asc import plots
    from asc.store import FeatureStore

    opened = FeatureStore(local(store))
    if clip is None:
        figure = plots.preview_scenes(opened)
    else:
        figure = plots.preview_clip(opened, opened.find(clip))
    # The copy of a URL is in the cache: nobody would look for a picture there.
    beside = store if isinstance(store, Path) else Path(opened.path.name)
    output = output or beside.with_suffix(".png")
    plots.save(figure, output)
    click.echo(f"{output}")
    return 0


@store.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("url")
@json_option
@verbose_option
def push(store: Path, url: str, as_json: bool) -> int:
    """Copy STORE to URL for others to pull, with its SHA-256 beside it.

    URL is a folder or file, on a disk of this machine or of the network, or
    s3://, sftp:// or another kind that fsspec knows (pip install 'asc[remote]').
    To a folder, the same command goes on after an interruption.

    \b
    Example:
        asc store push cache/esc10.h5 /mnt/shared/stores/
    """
    from asc.transfer.locations import shown
    from asc.transfer.stores import push as carry_out

    with transferring("pushing") as show:
        place = shown(carry_out(store, url, progress=show))
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
    """Bring the store at URL into the cache, checked row by row.

    URL is http(s)://, a path, or s3://, sftp:// or another kind that fsspec knows
    (pip install 'asc[remote]'). The same command goes on after an interruption;
    a store that is there already and did not change is not sent again.

    \b
    Example:
        asc store pull https://example.org/stores/esc10.h5
    """
    from asc.transfer.stores import pull as carry_out

    with transferring("pulling") as show:
        path = carry_out(url, progress=show)
    if as_json:
        print_json({"path": str(path), "bytes": path.stat().st_size})
    else:
        click.echo(f"{path}")
    return 0
