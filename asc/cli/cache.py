"""asc cache: the stores that were pulled."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from asc.cli.options import NearestGroup, json_option, print_json, verbose_option
from asc.errors import UsageError
from asc.text import megabytes, printable, table

if TYPE_CHECKING:
    from asc.transfer.cache import CachedStore


@click.group(cls=NearestGroup)
def cache() -> None:
    """List the stores that were pulled, or remove them.

    The environment variable ASC_CACHE is the cache folder  [default: cache], and
    ASC_CACHE_LIMIT, such as 20GB, its largest size: after each pull, the least
    recently used stores are removed until the others fit.
    """


@cache.command("list")
@json_option
@verbose_option
def list_command(as_json: bool) -> int:
    """List pulled stores, least recently used first.

    \b
    Example:
        asc cache list --json
    """
    from asc.transfer.cache import cache_limit, cached, downloads

    entries, limit = cached(), cache_limit()
    total = sum(entry.bytes for entry in entries)
    if as_json:
        print_json(
            {
                "folder": str(downloads()),
                "limit": limit,
                "bytes": total,
                "stores": [_facts(entry) for entry in entries],
            }
        )
        return 0
    rows = [
        (
            megabytes(entry.bytes),
            f"{_time(entry):%Y-%m-%d %H:%M}",
            entry.path,
            printable(entry.url),
            "" if entry.complete else "(incomplete)",
        )
        for entry in entries
    ]
    for line in table(rows, ">") if rows else ():
        click.echo(line)
    allowed = "" if limit is None else f" of {megabytes(limit)}"
    click.echo(f"{megabytes(total)}{allowed} in {downloads()}")
    return 0


@cache.command()
@click.option(
    "--limit", metavar="SIZE", help="Remove until at most this is left, such as 5GB."
)
@click.option("--all", "everything", is_flag=True, help="Remove all pulled stores.")
@json_option
@verbose_option
def clean(limit: str | None, everything: bool, as_json: bool) -> int:
    """Remove pulled stores, least recently used first.

    \b
    Example:
        asc cache clean --limit 5GB
    """
    from asc.transfer import cache as pulled

    given = None if limit is None else pulled.parse_size(limit, "--limit")
    most = pulled.cache_limit() if given is None else given
    if most is None and not everything:
        raise UsageError(
            "Give --limit SIZE to keep that much, or --all to remove everything."
        )
    removed = pulled.clean(most, everything)
    if as_json:
        print_json({"removed": [_facts(entry) for entry in removed]})
        return 0
    for entry in removed:
        click.echo(f"removed {entry.path}  {printable(entry.url)}")
    click.echo(f"{megabytes(sum(entry.bytes for entry in removed))} freed")
    return 0


def _facts(entry: CachedStore) -> dict[str, Any]:
    return asdict(entry) | {
        "path": str(entry.path),
        "used": _time(entry).isoformat(timespec="seconds"),
    }


def _time(entry: CachedStore) -> datetime:
    return datetime.fromtimestamp(entry.used).astimezone()
