"""Entry points. They import the commands where Ctrl-C can end that quietly."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run ``asc``."""
    _run("asc")


def extract_main() -> None:
    """Run ``asc-extract``."""
    _run("asc-extract")


def train_main() -> None:
    """Run ``asc-train``."""
    _run("asc-train")


def _run(name: str) -> None:
    """Run a program and leave the process with its exit code."""
    try:
        from asc.cli.commands import run

        code = run(name)
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}: interrupted.\n")
        code = 130
    # What remains is up to the interpreter; Ctrl-C may end it without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)
