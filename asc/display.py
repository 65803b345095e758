"""How objects show themselves in a notebook, and tables for pandas."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asc.environment import install_command
from asc.errors import AscError, UsageError
from asc.text import printable

#: Rows of a table that a notebook shows.
_MOST_ROWS = 100


class Displayed:
    """Base of objects that a notebook shows as a small table of facts."""

    def _facts(self) -> Mapping[str, Any]:
        """Return what to show, by its name; AscError if a file is damaged."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        title = f"<b>{html.escape(type(self).__name__)}</b>"
        try:
            rows = list(self._facts().items())
        except AscError as error:
            rows = [("error", str(error))]
        return title + html_table((), rows)


def html_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return an HTML table; its cells may come from anyone."""

    def line(tag: str, cells: Iterable[Any]) -> str:
        texts = (html.escape(printable(str(cell))) for cell in cells)
        style = ' style="text-align: left"'
        return f"<tr>{''.join(f'<{tag}{style}>{text}</{tag}>' for text in texts)}</tr>"

    rows = list(rows)
    lines = [line("th", header)] if header else []
    lines += [line("td", row) for row in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        lines.append(line("td", [f"... and {len(rows) - _MOST_ROWS:,} more"]))
    return f"<table>{''.join(lines)}</table>"


def data_frame(data: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
    """Return columns of one length, or rows, as a `pandas.DataFrame`.

    Raises
    ------
    UsageError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise UsageError(
            "pandas, which a table is made with, is not installed. Install it with:"
            f" {install_command('notebook')}"
        ) from error
    return pandas.DataFrame(data)
