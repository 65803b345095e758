"""The progress of a training on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from asc.cli import options
from asc.cli.progress import is_quiet
from asc.progress import ProgressBar
from asc.text import counted
from asc.training.callback import TrainingCallback

if TYPE_CHECKING:
    from asc.training.run import Run


class ProgressCallback(TrainingCallback):
    """Shows a bar for the epoch on a terminal, and a line after each epoch.

    Parameters
    ----------
    quiet : bool
        Print to standard error; standard output is for JSON alone.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._batches = self._epochs = 0
        self._bar = ProgressBar(unit="batch", leave=False, file=sys.__stderr__)

    def start(self, run: Run, batches: int, epochs: int, first: int) -> None:
        self._batches, self._epochs = batches, epochs
        if is_quiet():
            return
        count = counted(batches, "batch", "batches")
        every = self.session.length.every
        often = f", validation every {every} epochs" * (every > 1)
        line = f"{self.session.summary()}, {count} an epoch{often} -> {run.path}"
        click.echo(line, err=self._quiet)

    def note(self, sentence: str) -> None:
        options.note(sentence)

    def batch(self, done: int, loss: float) -> None:
        if is_quiet() or not sys.stderr.isatty():
            return
        self._bar.show(done, self._batches, loss=f"{loss:.3f}")

    def epoch(self, record: dict[str, float], best: bool) -> None:
        if is_quiet():
            return
        self._bar.close()
        values = "  ".join(
            f"{name} {record[name]:.4f}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if name in record
        )
        click.echo(
            f"epoch {record['epoch']:.0f}/{self._epochs}  {values}"
            f"  {record['seconds']:.1f} s{'  best' if best else ''}",
            err=self._quiet,
        )
