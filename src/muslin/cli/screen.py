"""Words for people: tables to standard output, or to standard error when JSON has it."""

import os
import sys
from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

_UNSEEN_WIDTH = 120


def console(target: str | None = None) -> Console:
    """Console for people: standard output, unless JSON goes there (`target` is `-`)."""
    stream = sys.stderr if target == "-" else sys.stdout
    # In a pipe or a log nobody's window is too narrow.
    width = None if stream.isatty() or "COLUMNS" in os.environ else _UNSEEN_WIDTH
    return Console(file=stream, width=width, highlight=False)


def note(text: str) -> None:
    """A remark that is no part of the result."""
    Console(stderr=True, highlight=False).print(text, style="dim", markup=False, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> Group:
    """Titled table of `rows`; the columns `right` hold numbers. Text is shown as it is, never read as markup."""
    made = Table(header_style="bold", box=None, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    # A title of the table's own would be wrapped to the width of its columns.
    return Group(Text(title, style="italic"), made)
