"""Entry points: commands, and how errors become sentences and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import traceback

import click

from asc.cli.cache import cache
from asc.cli.compare import compare
from asc.cli.corpus import corpus
from asc.cli.env import env
from asc.cli.evaluate import evaluate
from asc.cli.extract import extract
from asc.cli.models import models
from asc.cli.options import NearestGroup, Settings
from asc.cli.predict import predict
from asc.cli.report import report
from asc.cli.store import store
from asc.cli.train import train
from asc.environment import version
from asc.errors import EXIT_INTERRUPTED, AscError

EXIT_CODES = """\b
Exit codes:
    0  done
    1  unexpected failure
    2  usage
    3  input missing or unreadable
    4  finished, but some clips or runs failed and are recorded
    5  store incomplete, corrupt or failing verification
    6  made with other settings (nothing was touched)
    7  busy: someone else is writing
  130  interrupted; the same command resumes
"""


@click.group(cls=NearestGroup, epilog=EXIT_CODES)
@click.version_option(version(), prog_name="asc")
def asc() -> None:
    """Acoustic scene classification: one feature store, many trainings.

    \b
    Example:
        asc extract corpus/ store.h5
        asc train store.h5 --split fold1
    """


for _command in (
    *(extract, train, evaluate, predict, compare, report),
    *(store, cache, corpus, models, env),
):
    asc.add_command(_command)


def main() -> None:
    """Run ``asc``."""
    _run(asc, "asc")


def extract_main() -> None:
    """Run ``asc-extract``."""
    _run(extract, "asc-extract")


def train_main() -> None:
    """Run ``asc-train``."""
    _run(train, "asc-train")


def _run(command: click.Command, name: str) -> None:
    """Run a command and leave the process with its exit code.

    Commands return their exit code. Click would drop it and leave with 0, so
    its standalone mode is not used.
    """
    settings = Settings()
    # A notebook names a backend that may not be installed here. None is needed.
    os.environ["MPLBACKEND"] = "agg"
    # What job schedulers send before they kill: stop as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = command.main(prog_name=name, standalone_mode=False, obj=settings)
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        _show_notes(stop.__cause__ or stop)  # click raises an Abort of its own
        click.echo(f"{name}: interrupted.", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has left; Python must not try to flush to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except AscError as error:
        _show(name, error, settings)
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort
        _show(name, error, settings)
        if not settings.verbose:
            click.echo("  This was not expected; -v shows where.", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _show(name: str, error: Exception, settings: Settings) -> None:
    if settings.verbose:
        traceback.print_exc()
    message = str(error) or type(error).__name__
    if not isinstance(error, AscError):
        message = f"{type(error).__name__}: {message}"
    click.echo(f"{name}: {message}", err=True)
    _show_notes(error)


def _show_notes(error: BaseException) -> None:
    for sentence in getattr(error, "__notes__", ()):
        click.echo(sentence, err=True)
