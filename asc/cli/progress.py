"""Progress: a bar on a terminal, now and then a line in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import click

from asc.progress import ProgressBar

#: Lines that a log gets for one piece of work, and seconds between two of them.
_LINES, _SECONDS = 10, 5.0


def is_quiet() -> bool:
    """Return True after ``-q``: only results and errors are printed."""
    context = click.get_current_context(silent=True)
    return context is not None and getattr(context.obj, "quiet", False)


@contextmanager
def progress(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function ``(done, total)`` that shows how far work is.

    Parameters
    ----------
    what : str
        Word in front of the bar.
    unit : str
        What is counted.
    """
    if is_quiet():
        yield lambda done, total: None
        return
    if not sys.stderr.isatty():
        yield _lines(what, unit)
        return
    bar = ProgressBar(what, unit, file=sys.__stderr__)
    with closing(bar):
        yield bar.show


def _lines(what: str, unit: str) -> Callable[[int, int], None]:
    began = last = time.monotonic()
    shown = 0

    def show(done: int, total: int) -> None:
        nonlocal shown, last
        step, now = done * _LINES // max(total, 1), time.monotonic()
        if step > shown and now - last > _SECONDS:
            shown, last = step, now
            seconds = now - began
            rate = done / max(seconds, 1e-9)
            left = (total - done) / max(rate, 1e-9)
            click.echo(
                f"{what} {done}/{total} {unit}, {seconds:.0f} s,"
                f" {rate:.0f} a second, {left:.0f} s left",
                err=True,
            )

    return show
