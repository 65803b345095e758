"""asc models: the registered models and their cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from asc.cli.options import IntRange, json_option, print_json, verbose_option
from asc.text import table


@click.command()
@click.option(
    "--scenes",
    type=IntRange(min=2),
    default=15,
    show_default=True,
    help="Number of scenes, which are the outputs of the model.",
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
        model = build_model(name, num_scenes=scenes, weights="none")
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
    header = "model parameters trainable non-train. multiply-adds description"
    cells: list[Sequence[object]] = [header.split()]
    for row in rows:
        counts = (row[name] for name in ("parameters", "trainable", "non_trainable"))
        cost = f"{row['multiply_adds'] / 1e6:,.1f} M"
        numbers = [f"{count:,}" for count in counts]
        cells.append([row["model"], *numbers, cost, row["description"]])
    click.echo("\n".join(table(cells, align="<>>>>")))
    return 0
