"""asc models: what can be trained."""

from __future__ import annotations

from typing import Any

import click

from asc.cli.options import json_option, print_json, verbose_option


@click.command()
@click.option(
    "--scenes",
    type=click.IntRange(min=2),
    default=15,
    show_default=True,
    help="Number of scenes that the last layer tells apart.",
)
@json_option
@verbose_option
def models(scenes: int, as_json: bool) -> int:
    """List the models with their parameters and multiply-adds per clip.

    \b
    Example:
        asc models --json
    """
    from asc.models import (
        build_model,
        describe,
        model_names,
        multiply_adds,
        parameter_counts,
    )

    rows: list[dict[str, Any]] = []
    for name in model_names():
        model = build_model(name, scenes=scenes, weights="none")
        total, trainable, fixed = parameter_counts(model)
        entry = describe(name)
        rows.append(
            {
                "model": name,
                "parameters": total,
                "trainable": trainable,
                "non_trainable": fixed,
                "multiply_adds": multiply_adds(model),
                "pretrained": entry.pretrained,
                "description": entry.description,
            }
        )
    if as_json:
        print_json(rows)
        return 0
    click.echo(
        f"{'model':<14}{'parameters':>12}{'trainable':>12}{'non-train.':>12}"
        f"{'multiply-adds':>15}  description"
    )
    for row in rows:
        click.echo(
            f"{row['model']:<14}{row['parameters']:>12,}{row['trainable']:>12,}"
            f"{row['non_trainable']:>12,}{row['multiply_adds'] / 1e9:>13.2f} G"
            f"  {row['description']}"
        )
    return 0
