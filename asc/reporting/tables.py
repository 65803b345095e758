"""Tables as elements: a column says how its cells are set."""

from __future__ import annotations

from collections.abc import Sequence

from asc.reporting.html import Child, Element, tag

#: Heading of a column, and classes of its cells (``number``, ``wide``...).
Column = tuple[Child, str]


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Child] | Element],
    *,
    kind: str | None = None,
) -> Element:
    """Return a table that scrolls by itself where the page is narrower.

    Parameters
    ----------
    columns : sequence of (heading, classes)
    rows : sequence of sequences of cells, or of ready elements
        A cell for each column; the first one names the row. Cells that are table
        cells already stay as they are. Ready elements are rows, or all of them
        bodies.
    kind : str, optional
        Class of the table.
    """
    head = tag(
        "tr",
        [tag("th", name, scope="col", class_=set_ or None) for name, set_ in columns],
    )
    written = [
        row if isinstance(row, Element) else tag("tr", _cells(row, columns))
        for row in rows
    ]
    bodies = all(isinstance(row, Element) and row.name == "tbody" for row in rows)
    body: Child = written if rows and bodies else tag("tbody", written)
    return tag(
        "div",
        tag("table", tag("thead", head), body, class_=kind),
        class_="scroll",
        # So that it can be scrolled by keyboard.
        tabindex=0,
    )


def _cells(row: Sequence[Child], columns: Sequence[Column]) -> list[Child]:
    """Return the cells of a row; one may stand for the rest of the columns."""
    name, *values = row
    cells: list[Child] = [tag("th", name, scope="row")]
    for value, (_, set_) in zip(values, columns[1:]):
        done = isinstance(value, Element) and value.name == "td"
        cells.append(value if done else tag("td", value, class_=set_ or None))
    return cells
