"""Jinja2 templates: the built-in ones, and a lab's own in their place.

All values are escaped, in templates of a lab too, and no template can reach more than
the values of the report (Jinja2's sandbox).
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FunctionLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateSyntaxError,
)
from jinja2.loaders import split_template_path
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from asc.errors import AscError, InputError, MissingInputError
from asc.files import read_text
from asc.kinds import REPORT_MARK
from asc.reporting.formats import FILTERS, visible
from asc.text import UNKNOWN_LEAKAGE

#: What marks a file as a report, near its beginning.
GENERATOR = Markup(REPORT_MARK)
#: Bytes of a template.
_MOST_BYTES = 1 << 24
#: Content security policy: nothing is fetched, run or sent. The second one is that of a
#: page with players: it may play what is in it.
POLICY = Markup("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
_WITH_PLAYERS = POLICY + Markup("; media-src data:")
#: Both must be within the first so many characters.
HEAD = 2000


def render(
    values: Mapping[str, Any], template: Path | None = None, *, players: bool = False
) -> str:
    """Return the page.

    Parameters
    ----------
    values : mapping
        The variables of the templates.
    template : Path, optional
        A file in place of ``page.html``, or a folder whose files replace the built-in
        ones of the same name. Built-in ones are ``asc/NAME``.
    players : bool
        Whether the page plays audio that is in it.

    Raises
    ------
    InputError
        If the lab's template does not exist or fails; the message names the line.
    """
    built_in = PackageLoader("asc.reporting", "templates")
    loaders: list[BaseLoader] = [built_in, PrefixLoader({"asc": built_in})]
    policy = _WITH_PLAYERS if players else POLICY
    values = {"policy": policy, **values}
    if template is None:
        return _rendered(loaders, values)
    try:
        page = _rendered([_own(template), *loaders], values)
    except Exception as error:  # a template can raise anything
        place = _place(error, template)
        if place is None and isinstance(error, (OSError, UnicodeDecodeError)):
            place = str(template)
        if place is None or isinstance(error, AscError):
            raise
        raise InputError(f"The template {place} failed: {_message(error)}.") from error
    if GENERATOR not in page[:HEAD] or policy not in page[:HEAD]:
        raise InputError(
            f"The page of the template {template} lacks the head of a report, which"
            " has the content security policy. Write {% include 'asc/head.html' %}"
            " first in <head>, or {% extends 'asc/page.html' %}."
        )
    return page


def _rendered(loaders: list[BaseLoader], values: Mapping[str, Any]) -> str:
    environment = SandboxedEnvironment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(generator=GENERATOR, unknown_leakage=UNKNOWN_LEAKAGE)
    return environment.get_template("page.html").render(values)


def check_template(template: Path) -> None:
    """Raise MissingInputError if a lab's template is not there."""
    if not template.exists():
        raise MissingInputError(
            f"The template {template} does not exist. Expected a file or a folder."
        )


def _own(template: Path) -> BaseLoader:
    """Return the loader of a lab's file or folder."""
    check_template(template)
    root = template if template.is_dir() else None

    def load(name: str) -> tuple[str, str, None] | None:
        file = template
        if root is not None:
            file = root.joinpath(*split_template_path(name))  # never above it
        if not os.path.lexists(file) or (root is None and name != "page.html"):
            return None
        return read_text(file, limit=_MOST_BYTES, root=root), str(file), None

    return FunctionLoader(load)


def _place(error: Exception, template: Path) -> str | None:
    """Return file and line of a lab's template where it failed, None elsewhere."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or template}, line {error.lineno},"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(template):
            return f"{frame.filename}, line {frame.lineno},"
    return None


def _message(error: Exception) -> str:
    """Return what failed, on one line and without a full stop."""
    if isinstance(error, RecursionError):
        return (
            "it extends or includes itself; write asc/ before the name of a built-in"
            " template"
        )
    message = str(getattr(error, "message", None) or error) or type(error).__name__
    return " ".join(message.split()).rstrip(".")
