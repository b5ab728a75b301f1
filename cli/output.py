"""Results on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import orjson

from cli.context import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

WIDTH_WITHOUT_TERMINAL = 160
"""Columns of a table that is piped or captured, so that rows do not break on a guess of 80."""


SHORT = 16
"""Characters of a value that is not broken on a narrow terminal, as long as there are longer ones to break."""


def console() -> Console:
    """Where results are printed; colours only on a terminal."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(width=None if is_terminal else WIDTH_WITHOUT_TERMINAL, highlight=False, soft_wrap=False)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes `path`: one that cannot be written is the user's to mend (ConfigError)."""
    from config.errors import ConfigError

    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"this cannot be written ({error.strerror}).", file=path, remedy="Choose another place."
        ) from None


def show_json(value: Any) -> None:
    """One JSON document, indented; times as ISO 8601 UTC."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS, default=str)
    sys.stdout.write(text.decode() + "\n")


def listing(rows: Sequence[dict[str, Any]], output: Output, *, title: str, empty: str) -> None:
    """Rows of equal shape as a table whose columns are their keys, or as a JSON list."""
    if output is Output.JSON:
        show_json(list(rows))
    elif rows:
        table(title, list(rows[0]), [row.values() for row in rows])
    else:
        console().print(empty)


def table(title: str, columns: Sequence[str], rows: Iterable[Iterable[Any]], *, right: Sequence[str] = ()) -> None:
    """A table; numbers and the columns named in `right` stand to the right, null is empty."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    drawn = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="cyan",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    for number, column in enumerate(columns):
        kinds = {type(row[number]) for row in cells}
        numeric = bool(kinds & {int, float}) and kinds <= {int, float, type(None)}
        drawn.add_column(
            column.replace("_", " "),
            justify="right" if numeric or column in right else "left",
            overflow="fold",
            no_wrap=all(len(cell_text(row[number])) <= SHORT for row in cells),
        )
    for row in cells:
        # Text, not markup: a value in brackets is a value.
        drawn.add_row(*(Text(cell_text(value)) for value in row))
    console().print(drawn)
    console().print()


def cell_text(value: Any) -> str:
    """A value as a table shows it: thousands apart, no more decimals than matter."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)
