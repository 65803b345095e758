"""All commands, and how their errors become sentences and exit codes."""

from __future__ import annotations

import signal
import traceback

import click

from asc.cli import streams
from asc.cli.cache import cache
from asc.cli.compare import compare
from asc.cli.corpus import corpus
from asc.cli.env import env
from asc.cli.evaluate import evaluate
from asc.cli.export import export
from asc.cli.extract import extract
from asc.cli.models import models
from asc.cli.options import NearestGroup, Settings
from asc.cli.predict import predict
from asc.cli.report import report
from asc.cli.runs import runs
from asc.cli.store import store
from asc.cli.train import train
from asc.disk import unexpected_error
from asc.environment import (
    missing_package,
    settings_of_libraries,
    take_over_settings,
    version,
)
from asc.errors import EXIT_INTERRUPTED, AscError, InputError
from asc.text import printable

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
    *(corpus, extract, store, train, compare, evaluate, predict, export),
    *(report, runs, cache, models, env),
):
    asc.add_command(_command)


#: By the name of the program.
PROGRAMS: dict[str, click.Command] = {
    "asc": asc,
    "asc-extract": extract,
    "asc-train": train,
}


def run(name: str) -> int:
    """Run a program, and return the exit code that the process must have."""
    streams.prepare(name)
    code = _exit_code(PROGRAMS[name], name)
    lost = streams.finish()
    return code or lost


def _exit_code(command: click.Command, name: str) -> int:
    """Run a command and return its exit code.

    Commands return their exit code. Click would drop it and leave with 0, so
    its standalone mode is not used.
    """
    settings = Settings()
    take_over_settings()
    # What job schedulers and closed terminals send: stop as on Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, signal.default_int_handler)
    try:
        code = command.main(
            prog_name=name,
            standalone_mode=False,
            obj=settings,
            help_option_names=["-h", "--help"],
        )
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        _show_notes(stop.__cause__ or stop)  # click raises an Abort of its own
        click.echo(f"{name}: interrupted.", err=True)
        return EXIT_INTERRUPTED
    except AscError as error:
        _show(name, error, settings)
        return error.exit_code
    except UnicodeEncodeError as error:
        text = printable(error.object[:80])
        found = InputError(
            f"The locale's encoding, {error.encoding}, cannot write {text!r}. Use"
            " UTF-8: set LC_ALL=C.UTF-8 and unset PYTHONUTF8."
        )
        _show(name, found, settings)
        return found.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort
        if isinstance(error, ModuleNotFoundError) and (it := missing_package(error)):
            need = InputError(
                f"This needs {it}, which is not installed. Install it with: pip install"
                f" {it}"
            )
            _show(name, need, settings)
            return need.exit_code
        if isinstance(error, OSError) and (disk := unexpected_error(error)):
            _show(name, disk, settings)
            return disk.exit_code
        _show(name, error, settings)
        if not settings.verbose:
            click.echo("  This was not expected; -v shows where.", err=True)
        if others := settings_of_libraries():
            click.echo(
                f"  The environment sets {', '.join(others)}. If one of these is not"
                " meant for asc, unset it.",
                err=True,
            )
        return AscError.exit_code


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
