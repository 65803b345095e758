"""asc env: facts about the installation, to paste into a bug report."""

from __future__ import annotations

from typing import Any

import click

from asc.cli.options import json_option, print_json, verbose_option


@click.command()
@json_option
@verbose_option
def env(as_json: bool) -> int:
    """Print versions and machine, for records and bug reports.

    \b
    Example:
        asc env --json
    """
    from asc.environment import cache_dir, describe, dsp_versions, hardware

    facts: dict[str, Any] = describe() | hardware()
    facts["libraries"] = dict(sorted((facts["libraries"] | dsp_versions()).items()))
    facts["cache"] = str(cache_dir().absolute())
    if as_json:
        print_json(facts)
        return 0
    for name, value in facts.items():
        if isinstance(value, dict):
            for library, version in value.items():
                click.echo(f"{library:<14}{version}")
        else:
            text = ", ".join(value) or "none" if isinstance(value, list) else value
            click.echo(f"{name:<14}{text}")
    return 0
