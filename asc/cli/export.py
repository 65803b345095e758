"""asc export: the model of a run for phones, other libraries and other people."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from asc.cli.options import (
    PATH,
    STORE,
    GroupedCommand,
    RegistryOption,
    import_option,
    json_option,
    local,
    note,
    print_json,
    verbose_option,
)
from asc.cli.progress import progress
from asc.text import printable


def _format_names() -> Iterable[str]:
    from asc.exporting import FORMATS

    return FORMATS.names()


#: The options in groups, for the help.
_GROUPS = {
    "What to write": ("to", "output", "with_runner", "license"),
    "Comparison with the run's model": (
        *("check", "max_difference", "min_agreement", "store"),
    ),
}


@click.command(cls=GroupedCommand, groups=_GROUPS)
@click.argument("run", type=PATH)
@click.option(
    "--to",
    required=True,
    cls=RegistryOption,
    listed=_format_names,
    help="Format: {}.",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="New folder, or zip file of a bundle.  [default: a name in cache/exports]",
)
@click.option(
    "--with-runner",
    is_flag=True,
    help="Add a program that classifies audio without TensorFlow and asc"
    " (litert, litert-int8, onnx, torch).",
)
@click.option(
    "--store",
    type=STORE,
    help="The store of the run, or its URL, if it is no longer where it was.",
)
@click.option(
    "--license",
    metavar="NAME",
    default="",
    help="Licence of the weights, such as cc-by-nc-4.0.",
)
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="Compare it with the run's model on clips of the store.",
)
@click.option(
    "--max-difference",
    type=float,
    help="Largest difference of a probability.  [default: 0.001; litert-int8: any]",
)
@click.option(
    "--min-agreement",
    type=float,
    help="Least share of clips with the same scene.  [default: 0.99; litert-int8: 0.9]",
)
@import_option
@json_option
@verbose_option
def export(
    run: Path,
    to: str,
    output: Path | None,
    with_runner: bool,
    store: Path | str | None,
    license: str,
    check: bool,
    max_difference: float | None,
    min_agreement: float | None,
    as_json: bool,
) -> int:
    """Export the best model of RUN, a run folder or a bundle.

    \b
    Formats, in new folders with labels, feature spec and model card:
        keras        Keras 3
        savedmodel   TensorFlow
        litert       LiteRT (TensorFlow Lite), for phones and small computers
        litert-int8  the same in 8 bits, calibrated on clips of train
        onnx         ONNX Runtime and others
        torch        PyTorch
        bundle       one .zip for asc predict and asc evaluate elsewhere

    The exported model is compared with the run's own on at most 500 test clips, and
    refused if it differs too much.

    \b
    Example:
        asc export cache/runs/my-run --to litert --with-runner -o my-model
    """
    from asc.exporting import export as exporting

    with progress("comparing", "clips") as show:
        found = exporting.export(
            run,
            to,
            output,
            store=local(store) if store else None,
            with_runner=with_runner,
            license=license,
            check=check,
            max_difference=max_difference,
            min_agreement=min_agreement,
            progress=show,
        )
    for text in found.notes:
        note(text)
    if as_json:
        print_json(found.to_dict())
        return 0
    click.echo(f"{printable(str(found.path))}: {', '.join(found.files)}")
    for line in found.sentences():
        click.echo(f"  {line}")
    return 0
