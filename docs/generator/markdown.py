"""Markdown out of rows and texts."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a line break in a cell is a space."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """The text as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def page(title: str, *parts: str) -> str:
    """A page with its title."""
    return "\n\n".join([f"# {title}", *(part.strip() for part in parts if part.strip())]) + "\n"


def docstring(thing: object) -> str:
    """The thing's docstring as a paragraph each, code in single backticks."""
    return (inspect.getdoc(thing) or "").replace("``", "`")


def first_paragraph(thing: object) -> str:
    """The first paragraph of the thing's docstring."""
    return docstring(thing).split("\n\n", maxsplit=1)[0]
