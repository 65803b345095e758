"""What several commands share: options, wording, nearest names."""

from __future__ import annotations

import json
import logging
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from asc.cli.progress import is_quiet, progress
from asc.text import printable_json, unknown_name
from asc.validation import check_path


@dataclass
class Settings:
    """What applies to the whole command line."""

    verbose: bool = False
    quiet: bool = False


class NearestGroup(click.Group):
    """A group that answers an unknown command with the nearest one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or say which one was probably meant."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            raise click.UsageError(unknown_name("command", name, known), ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the work."""
        return list(self.commands)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write every command with its whole first sentence, where click cuts it."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=1000))
                    for name, command in self.commands.items()
                ]
            )


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups.

    Parameters
    ----------
    groups : dict of str to collection of str
        Title -> names of parameters. All others come last.
    """

    def __init__(
        self, *arguments: Any, groups: Mapping[str, Collection[str]], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._groups = groups

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the options, group by group."""
        left = {
            option.name: option
            for option in self.get_params(ctx)
            if isinstance(option, click.Option)
        }
        groups = {
            title: [left.pop(name) for name in names if name in left]
            for title, names in self._groups.items()
        }
        groups["Other options"] = list(left.values())
        for title, options in groups.items():
            records = [option.get_help_record(ctx) for option in options]
            with formatter.section(title):
                formatter.write_dl([record for record in records if record])


class Choice(click.Choice):
    """One of a closed set of names; the message has the nearest one."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name."""
        if value not in self.choices:
            name = max(param.opts, key=len).lstrip("-")
            self.fail(unknown_name(name, value, tuple(self.choices)), param, ctx)
        return value


class IntRange(click.IntRange):
    """A whole number within limits; a message calls it a number, not a range."""

    name = "integer"


class FloatRange(click.FloatRange):
    """A number within limits."""

    name = "float"


class PathParameter(click.ParamType):
    """A path as a `Path`. Whoever opens it says what is wrong with the file."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path | str:
        """Return the path; an empty one would be the current folder."""
        name = "path"
        if param is not None:
            option = isinstance(param, click.Option)
            name = max(param.opts, key=len) if option else param.name.upper()
        return check_path(name, value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete the names of files and folders."""
        return [CompletionItem(incomplete, type="file")]


class StoreParameter(PathParameter):
    """The path of a store as a `Path`; a URL stays text, for `local`."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Path | str:
        """Tell a path from a URL; nothing is downloaded yet."""
        return value if "://" in str(value) else super().convert(value, param, ctx)


PATH = PathParameter()
STORE = StoreParameter()


@contextmanager
def transferring(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function ``(done, total)`` that shows how many bytes are through."""
    with progress(what, "MB") as show:
        yield lambda done, total: show(done // 10**6, total // 10**6)


def local(store: Path | str) -> Path:
    """Return the path of a `STORE` argument: a URL is pulled into the cache."""
    if isinstance(store, Path):
        return store
    from asc.transfer.stores import resolve

    with transferring("pulling") as show:
        return resolve(store, progress=show)


def _be_verbose(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Settings).verbose = True


def _be_quiet(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Settings).quiet = True


def verbose_option(command: Callable) -> Callable:
    """Give a command ``-v`` and ``-q``."""
    quiet = click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_be_quiet,
        help="Print no progress and no notes.",
    )
    verbose = click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_be_verbose,
        help="Show tracebacks of errors.",
    )
    return verbose(quiet(command))


def completing(listed: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    """Return the completion of an option that takes one of some names."""

    def complete(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[str]:
        return [name for name in listed() if name.startswith(incomplete)]

    return complete


def completing_or_file(listed: Callable[[], Iterable[str]]) -> Callable[..., list]:
    """Return the completion of an option that takes one of some names, or a file."""

    def complete(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[Any]:
        names = [name for name in listed() if name.startswith(incomplete)]
        return names or PATH.shell_complete(ctx, parameter, incomplete)

    return complete


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print facts as JSON on standard output."
)

accept_truncated_option = click.option(
    "--accept-truncated",
    is_flag=True,
    help="Read what is there of audio files that may be truncated.",
)

jobs_option = click.option(
    "-j",
    "--jobs",
    type=IntRange(min=1),
    help="Threads or processes.  [default: one for each processor]",
)


def _import_modules(
    ctx: click.Context, parameter: click.Parameter, modules: tuple[str, ...]
) -> tuple[str, ...]:
    from asc.registry import import_modules

    return import_modules(modules)


#: Opens all registries to modules of the user, before anything else is looked at. No
#: other module is ever imported, whatever a file names.
import_modules_option = partial(
    click.option,
    "--import",
    metavar="MODULE",
    multiple=True,
    is_eager=True,
    callback=_import_modules,
    help="Python module with readers, features or models of your own; may be repeated.",
)
import_option = import_modules_option(expose_value=False)


class RegistryOption(click.Option):
    """An option whose help lists what is registered, once somebody asks for it.

    Parameters
    ----------
    listed : callable
        Returns the names, which take the place of ``{}`` in the help.
    """

    def __init__(
        self, *arguments: Any, listed: Callable[[], Iterable[str]], **options: Any
    ) -> None:
        options.setdefault("metavar", "NAME")
        super().__init__(*arguments, shell_complete=completing(listed), **options)
        self._template, self._listed = self.help or "", listed

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help."""
        self.help = self._template.format(", ".join(self._listed()))
        return super().get_help_record(ctx)


def _reader_names() -> Iterator[str]:
    from asc.corpus.reader import readers

    return (reader.name for reader in readers())


def _feature_names() -> Iterable[str]:
    if "asc.features" in sys.modules:  # a module of the user may have added some
        from asc.features import FEATURES

        return FEATURES.names()
    # Built-in features are named like their files. Importing them loads NumPy, for
    # which nobody who asks for help should wait.
    folder = Path(__file__).parents[1] / "features" / "representations"
    files = pkgutil.iter_modules([str(folder)])
    return sorted(file.name.replace("_", "-") for file in files)


format_option = click.option(
    "--format",
    "corpus_format",
    cls=RegistryOption,
    listed=_reader_names,
    help="Reader: {}.  [default: detected]",
)

feature_option = click.option(
    "--feature",
    "features",
    multiple=True,
    cls=RegistryOption,
    listed=_feature_names,
    help="Feature: {}; may be repeated.  [default: mel and stft]",
)


def _feature_parameters(
    ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, dict[str, Any]] | None:
    """Return parameters by feature and name, None if there are none."""
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        feature, dot, name = name.partition(".")
        if not (equals and dot and feature and name):
            raise click.BadParameter(
                f"Expected FEATURE.NAME=VALUE. Got {text!r}.", ctx, parameter
            )
        try:
            found.setdefault(feature, {})[name] = json.loads(value)
        except ValueError:
            found[feature][name] = value
    return found or None


parameter_option = click.option(
    "--parameter",
    "parameters",
    metavar="FEATURE.NAME=VALUE",
    multiple=True,
    callback=_feature_parameters,
    help="Parameter of one feature; may be repeated.",
)


def backend_option(*backends: str) -> Callable[[Callable], Callable]:
    """Return the option that chooses one of some backends."""
    return click.option(
        "--backend",
        type=Choice(backends),
        default="local",
        show_default=True,
        help="Where the work is done: local is this machine, loky its processes, dask"
        " and ray are clusters.",
    )


scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Address of the cluster, as tcp://HOST:PORT.",
)

tta_option = click.option(
    "--tta",
    metavar="N",
    type=IntRange(min=1),
    default=1,
    show_default=True,
    help="Average over N shifts along time of each clip or window (test-time"
    " averaging).",
)


def quieten_cluster(backend: str, settings: Settings) -> None:
    """Keep a cluster from logging every lost connection, with tracebacks.

    asc reports the consequences; with ``-v`` everything is shown.
    """
    if backend in ("dask", "ray") and not settings.verbose:
        logging.disable(logging.CRITICAL)


def command_line() -> tuple[str, ...]:
    """Return the command line for the record of a run, without credentials."""
    from asc.transfer.locations import shown

    return tuple(shown(word) if "://" in word else word for word in sys.argv)


def print_json(value: Any) -> None:
    """Print a value as JSON, with escapes where the terminal lacks a character."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2, allow_nan=False)
    click.echo(printable_json(text))


def note(text: str) -> None:
    """Tell something on standard error that stops nothing."""
    if is_quiet():
        return
    click.echo(f"note: {text}", err=True)
