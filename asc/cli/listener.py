"""How a training is shown while it goes on."""

from __future__ import annotations

import sys
from typing import Any

import click

from asc.cli.options import note


def listener(quiet: bool) -> Any:
    """Return a listener with a bar for the epoch on a terminal, a line after it."""
    from asc.training.trainer import Listener

    class Shown(Listener):
        """Shows a training. With JSON on standard output, it keeps to the other."""

        batches = epochs = 0
        bar: Any = None

        def start(self, run: Any, batches: int, epochs: int, first: int) -> None:
            from asc.evaluation.evaluate import training_sentence

            self.batches, self.epochs = batches, epochs
            click.echo(
                f"{training_sentence(run)}, {batches} batches an epoch -> {run.place}",
                err=quiet,
            )

        def note(self, sentence: str) -> None:
            note(sentence)

        def batch(self, done: int, loss: float) -> None:
            if not sys.stderr.isatty():
                return
            from tqdm import tqdm

            if self.bar is None:
                self.bar = tqdm(total=self.batches, unit=" batch", leave=False)
            self.bar.update(done - self.bar.n)
            self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

        def epoch(self, record: dict[str, float], best: bool) -> None:
            if self.bar is not None:
                self.bar.close()
                self.bar = None
            told = "  ".join(
                f"{name} {record[name]:.4f}"
                for name in ("loss", "accuracy", "val_loss", "val_accuracy")
                if name in record
            )
            click.echo(
                f"epoch {record['epoch']:.0f}/{self.epochs}  {told}"
                f"  {record['seconds']:.1f} s{'  best' if best else ''}",
                err=quiet,
            )

    return Shown()
