"""asc store: the care of stores."""

from __future__ import annotations

from pathlib import Path

import click

from asc.cli.options import (
    NearestGroup,
    json_option,
    percent,
    print_json,
    print_list,
    verbose_option,
)
from asc.cli.progress import progress
from asc.errors import StoreError

_STORE = click.argument("store", type=click.Path(path_type=Path))


@click.group(cls=NearestGroup)
def store() -> None:
    """Look at a store, check it, draw its spectrograms."""


@store.command()
@_STORE
@click.option("--partial", is_flag=True, help="Also a store that is still growing.")
@json_option
@verbose_option
def info(store: Path, partial: bool, as_json: bool) -> int:
    """Print what STORE holds: clips, scenes, features, splits and leakage.

    \b
    Example:
        asc store info cache/esc10.h5 --json
    """
    from asc.store import FeatureStore

    summary = FeatureStore(store, partial=partial).summary()
    if as_json:
        print_json(summary)
        return 0
    recordings = summary["recordings"]
    click.echo(
        f"{summary['path']}: {'complete' if summary['complete'] else 'incomplete'},"
        f" {summary['clips']:,} clips, {summary['failed']} left out,"
        f" {'unknown' if recordings is None else recordings} recordings,"
        f" {summary['bytes'] / 1e6:,.1f} MB"
    )
    click.echo(f"scenes ({len(summary['scenes'])}): {', '.join(summary['scenes'])}")
    for name, facts in summary["features"].items():
        click.echo(f"feature {name}: {tuple(facts['shape'])} {facts['dtype']}")
    click.echo(f"{'split':<12}{'train':>8}{'valid.':>8}{'test':>8}{'leakage':>10}")
    for name, facts in summary["splits"].items():
        click.echo(
            f"{name:<12}{facts['train']:>8,}{facts['validation']:>8,}"
            f"{facts['test']:>8,}{percent(facts['leakage']):>10}"
        )
    click.echo(
        "leakage: share of test clips whose recording is also in train; accuracy on"
        " a split that leaks is not accuracy on new recordings"
    )
    click.echo(f"digest {summary['digest']}")
    click.echo(f"fingerprint {summary['fingerprint']}")
    return 0


@store.command()
@_STORE
@json_option
@verbose_option
def verify(store: Path, as_json: bool) -> int:
    """Check flags, splits and the digest of every row of STORE.

    \b
    Example:
        asc store verify cache/esc10.h5
    """
    from asc.store import FeatureStore
    from asc.store import verify as check

    opened = FeatureStore(store)
    with progress("verifying", "rows") as show:
        problems = check(opened, show)
    if as_json:
        print_json({"store": str(store), "sound": not problems, "problems": problems})
    if problems:
        print_list(problems, lambda line: click.echo(line, err=True), most=20)
        raise StoreError(f"{store} fails verification in {len(problems)} places.")
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
def preview(store: Path, clip: str | None, output: Path | None) -> int:
    """Draw the features of one clip of STORE, or of one clip of every scene.

    \b
    Example:
        asc store preview cache/esc10.h5 -o sheet.png
    """
    from asc.evaluation import plots
    from asc.store import FeatureStore

    opened = FeatureStore(store)
    if clip is None:
        figure = plots.spectrogram_sheet(opened)
    else:
        figure = plots.spectrogram_figure(opened, opened.find(clip))
    output = output or store.with_suffix(".png")
    plots.save(figure, output)
    click.echo(f"{output}")
    return 0
